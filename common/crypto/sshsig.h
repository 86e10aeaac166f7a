/*
 * Signatures by OpenSSH keys (github.com/openssh/openssh-portable,
 * PROTOCOL.sshsig and PROTOCOL.u2f): ssh-ed25519 and, on hardware,
 * sk-ssh-ed25519@openssh.com. Verification only; signing is left to ssh-keygen
 * and the reviewer's agent.
 */
#ifndef CS_COMMON_CRYPTO_SSHSIG_H
#define CS_COMMON_CRYPTO_SSHSIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

struct arena;
struct err;

#define SSHSIG_MAX       2048 /* bytes of a signature that we accept */
#define SSHSIG_NAMESPACE "countersign"

/* A public key as SSH writes it; spans borrow from what was parsed. */
struct ssh_key {
	bool hardware; /* sk-ssh-ed25519@openssh.com */
	uint8_t ed25519[32];
	struct span application; /* of a hardware key, "ssh:" usually */
	struct span blob;        /* the whole key: its identity */
};

/*
 * Parse a key blob (untrusted). CS_E_INVALID for a kind of key that is not
 * accepted (SSH_KEY_UNSUPPORTED) or for anything that is no key
 * (SSH_KEY_INVALID).
 */
int ssh_key_parse(struct span blob, struct ssh_key *out, struct err *e);

/*
 * Did the key inside `signature` (untrusted, binary form) sign exactly
 * `message` for our namespace, a hardware key with a touch? 0 and *key_out, the
 * key that did, which the caller has to know as somebody's: the signature
 * alone says nothing about whose it is. CS_E_INTEGRITY with SIGNATURE_INVALID.
 */
int sshsig_verify(struct span signature, struct span message,
    struct ssh_key *key_out, struct err *e);

/* The text form ("-----BEGIN SSH SIGNATURE-----" …) to bytes and back.
 * CS_E_INVALID for anything else (untrusted), or more than SSHSIG_MAX. */
int sshsig_unarmor(struct span text, struct buf *out, struct err *e);
void sshsig_armor(struct span signature, struct buf *out);

/* "SHA256:…" of a key blob, as ssh-keygen -l prints it. */
#define SSH_FINGERPRINT_SIZE 64
void ssh_fingerprint(struct span blob, char out[SSH_FINGERPRINT_SIZE]);

#endif
