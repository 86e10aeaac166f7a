/*
 * The reviewers' public keys: a file in OpenSSH's allowed_signers format
 * (ssh-keygen(1), ALLOWED SIGNERS), so that `ssh-keygen -Y verify` reads the
 * same one. The first principal of a line is the person, principals that begin
 * with "role:" are roles:
 *
 *	alice,role:lead namespaces="countersign" ssh-ed25519 AAAA… laptop
 *
 * A person may have several keys, on several lines; no two people share one.
 * A key that is taken out of the file is revoked from that moment on.
 */
#ifndef CS_COMMON_CRYPTO_SIGNERS_H
#define CS_COMMON_CRYPTO_SIGNERS_H

#include <sys/stat.h>

#include "common/crypto/sshsig.h"

#define SIGNERS_FILE_MAX ((size_t)256 * 1024)

struct signer {
	const char *person;
	const char **roles;
	size_t role_count;
	struct ssh_key key;
	int64_t after_us; /* valid-after and valid-before, UTC */
	int64_t before_us;
};

struct signers {
	const char *path;
	struct arena *arena; /* owns what follows */
	struct signer *list;
	size_t count;
	struct stat seen; /* the file that was read */
};

/*
 * Read the file, under the rules of file_read_trusted. CS_E_CONFIG with
 * SIGNERS_INVALID and the line for anything that is not understood or not
 * accepted: certificate authorities, patterns, one key for two people.
 * `path` is borrowed; signers_clear frees the rest. *in_use is `out`, or NULL
 * without a path: then nobody signs.
 */
int signers_open(const char *path, struct signers *out, struct signers **in_use,
    struct err *e);
void signers_clear(struct signers *s);

/* Parse the text into `out` (its arena must be there). */
int signers_parse(struct span text, struct signers *out, struct err *e);

/*
 * Read it again if it has changed since. On an error nobody is an allowed
 * signer until it is mended: *e says what is wrong, and that is all that is
 * left of the list.
 */
int signers_refresh(struct signers *s, struct err *e);

/* Is the file still the one that was read? */
bool signers_are_current(const struct signers *s);

/* Whose key is it, at this moment? NULL: nobody's. */
const struct signer *signers_find(
    const struct signers *s, struct span key_blob, int64_t at_us);

/* Does one of this person's valid keys have the role? Empty: any key will do.
 */
bool signers_has_role(const struct signers *s, struct span person,
    struct span role, int64_t at_us);

/*
 * Did `person`, by one of their keys that is valid at this moment and has the
 * role (NULL: none is asked for), sign exactly `message`? All but the list is
 * untrusted. CS_E_INTEGRITY with SIGNATURE_INVALID, SIGNER_UNKNOWN (no such
 * key, expired or revoked), SIGNER_MISMATCH (somebody else's key) or
 * SIGNER_ROLE_REQUIRED.
 */
struct signed_claim {
	struct span signature;
	struct span message;
	struct span person;
	const char *role;
	int64_t at_us;
};

int signers_verify(
    const struct signers *s, const struct signed_claim *c, struct err *e);

#endif
