/*
 * SHA-256 and the text forms that 0.1.1 gave it (engine.md §0.2).
 */
#ifndef CS_COMMON_CRYPTO_DIGEST_H
#define CS_COMMON_CRYPTO_DIGEST_H

#include <stdint.h>

#include "common/base/span.h"

#define DIGEST_LEN       32
#define DIGEST_TEXT_SIZE 72 /* "sha256:" + 64 hex digits + NUL */

/* Must run once before anything else of this library; aborts on failure. */
void crypto_init(void);

/* SHA-256 of the bytes, raw. */
void digest_bytes(struct span bytes, uint8_t out[DIGEST_LEN]);

/* "sha256:<64 hex>" of the bytes: HASH(v) when the bytes are JSTR. */
void digest_text(struct span bytes, char out[DIGEST_TEXT_SIZE]);

/* The text form of a digest. */
void digest_format(
    const uint8_t digest[DIGEST_LEN], char out[DIGEST_TEXT_SIZE]);

/* Read the text form (untrusted); CS_E_INVALID unless it is exactly that, in
 * lower case: one digest has one spelling. */
int digest_parse(struct span text, uint8_t out[DIGEST_LEN]);

/* prefix + "_" + the first 20 hex digits: ID(prefix, v). Out: 32 bytes. */
#define ID_TEXT_SIZE 32
void digest_id(const char *prefix, struct span bytes, char out[ID_TEXT_SIZE]);

/* The first 8 hex digits: SHORT(s). For names only, never for comparison. */
void digest_short(struct span bytes, char out[9]);

/* Lower-case hex of any bytes; out holds 2 * len + 1. */
void hex_encode(const void *bytes, size_t len, char *out);

/* Exactly 2 * len lower-case hex digits (untrusted); CS_E_INVALID otherwise,
 * and then `out` may be half written. */
int hex_decode(struct span text, void *out, size_t len);

#endif
