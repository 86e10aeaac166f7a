/*
 * The only place for secrets: guarded, locked memory that is zeroed when freed.
 * There is no function that prints one.
 */
#ifndef CS_COMMON_CRYPTO_SECRET_H
#define CS_COMMON_CRYPTO_SECRET_H

#include "common/base/span.h"

struct err;
struct secret;

#define SECRET_MAX 8192

/* A copy of `bytes`; the caller wipes the original. Aborts without memory. */
struct secret *secret_new(struct span bytes);

/*
 * Read everything from fd (less than SECRET_MAX bytes), one trailing newline
 * dropped. CS_E_TOO_LARGE, CS_E_IO. The bytes go straight into guarded memory.
 */
int secret_read(int fd, struct secret **out, struct err *e);

/* Zero, free and set *s to NULL. */
void secret_free(struct secret **s);

/*
 * Call fn with the content, NUL-terminated; the only way to read one. Returns
 * what fn returns. fn must not keep the span or copy it to memory that is not
 * wiped.
 */
int secret_with(
    const struct secret *s, int (*fn)(struct span, void *), void *context);

/* Comparison in a time that depends on neither content nor length. */
bool secret_equal(const struct secret *s, struct span candidate);

#endif
