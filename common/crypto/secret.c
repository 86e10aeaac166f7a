#include "common/crypto/secret.h"

#include <errno.h>
#include <sodium.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"

struct secret {
	size_t len;
	char data[];
};

/* Room for `cap` bytes and a NUL in pages that are locked, left out of core
 * files, and followed by a guard page. */
static struct secret *
secret_alloc(size_t cap)
{
	/* sodium_malloc aligns the end, to a guard page, not the start. */
	size_t align = _Alignof(struct secret);
	size_t size = (sizeof(struct secret) + cap + align) / align * align;
	struct secret *s = sodium_malloc(size);

	cs_assert(s != NULL);
	s->len = 0;
	s->data[0] = '\0';
	return s;
}

struct secret *
secret_new(struct span bytes)
{
	struct secret *s = secret_alloc(bytes.len);

	if (bytes.len > 0) {
		memcpy(s->data, bytes.ptr, bytes.len);
	}
	s->len = bytes.len;
	s->data[s->len] = '\0';
	return s;
}

int
secret_read(int fd, struct secret **out, struct err *e)
{
	struct secret *s = secret_alloc(SECRET_MAX);

	while (s->len < SECRET_MAX) {
		ssize_t n = read(fd, s->data + s->len, SECRET_MAX - s->len);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			secret_free(&s);
			return err_sys(e, "cannot read a credential");
		}
		if (n == 0) {
			break;
		}
		s->len += (size_t)n;
	}
	/* A value of just this length may have been cut: refuse it, a cut
	 * credential only fails later and elsewhere. */
	if (s->len == SECRET_MAX) {
		secret_free(&s);
		return err_set(e, CS_E_TOO_LARGE, NULL,
		    "a credential is longer than %d bytes", SECRET_MAX);
	}
	if (s->len > 0 && s->data[s->len - 1] == '\n') {
		s->len--;
	}
	s->data[s->len] = '\0';
	*out = s;
	return 0;
}

void
secret_free(struct secret **s)
{
	if (s != NULL && *s != NULL) {
		sodium_free(*s);
		*s = NULL;
	}
}

int
secret_with(
    const struct secret *s, int (*fn)(struct span, void *), void *context)
{
	return fn((struct span){s->data, s->len}, context);
}

bool
secret_equal(const struct secret *s, struct span candidate)
{
	unsigned char a[crypto_generichash_BYTES];
	unsigned char b[crypto_generichash_BYTES];

	/* Hash both, so that the length does not show in the time either. */
	(void)crypto_generichash(
	    a, sizeof(a), (const unsigned char *)s->data, s->len, NULL, 0);
	(void)crypto_generichash(b, sizeof(b),
	    (const unsigned char *)candidate.ptr, candidate.len, NULL, 0);
	return sodium_memcmp(a, b, sizeof(a)) == 0;
}
