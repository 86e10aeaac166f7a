/*
 * Ed25519 verification over DSSE's pre-authentication encoding
 * (github.com/secure-systems-lab/dsse/blob/master/protocol.md), so that a
 * signature over one kind of document can never pass for another kind.
 */
#ifndef CS_COMMON_CRYPTO_VERIFY_H
#define CS_COMMON_CRYPTO_VERIFY_H

#include <stdint.h>

#include "common/base/buf.h"

struct err;

#define PUBLIC_KEY_LEN  32
#define SIGNATURE_LEN   64
#define KEYID_TEXT_SIZE 24 /* "ed25519:" + 12 hex + NUL, rounded up */

#define DSSE_TYPE_JOB      "application/vnd.countersign.job+json"
#define DSSE_TYPE_DECISION "application/vnd.countersign.decision+json"
#define DSSE_TYPE_RECEIPT  "application/vnd.countersign.receipt+json"
#define DSSE_TYPE_HEAD     "application/vnd.countersign.chain-head+json"
#define DSSE_TYPE_REPORT   "application/vnd.countersign.report+json"
#define DSSE_TYPE_TOMB     "application/vnd.countersign.tombstone+json"

/* PAE: "DSSEv1" SP len(type) SP type SP len(body) SP body. */
void dsse_pae(const char *type, struct span body, struct buf *out);

/*
 * 0, or CS_E_INTEGRITY when this key did not sign exactly these bytes as a
 * document of this type. All of it may be untrusted but the key: verify first,
 * parse afterwards.
 */
int verify_dsse(const uint8_t public_key[PUBLIC_KEY_LEN], const char *type,
    struct span body, const uint8_t signature[SIGNATURE_LEN]);

/* A short public name of a key, for envelopes and messages. */
void key_id(
    const uint8_t public_key[PUBLIC_KEY_LEN], char out[KEYID_TEXT_SIZE]);

/* Read a `.pub` file: 64 hex digits and a newline, under the rules of
 * file_read_trusted. */
int public_key_load(
    const char *path, uint8_t out[PUBLIC_KEY_LEN], struct err *e);

#endif
