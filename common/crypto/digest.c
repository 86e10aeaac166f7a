#include "common/crypto/digest.h"

#include <sodium.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"

void
crypto_init(void)
{
	cs_assert(sodium_init() >= 0);
}

void
digest_bytes(struct span bytes, uint8_t out[DIGEST_LEN])
{
	cs_assert(crypto_hash_sha256(
		      out, (const unsigned char *)bytes.ptr, bytes.len) == 0);
}

void
hex_encode(const void *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

/* Lower case only: one value has one text. */
static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

int
hex_decode(struct span text, void *out, size_t len)
{
	unsigned char *p = out;

	if (text.len != 2 * len) {
		return CS_E_INVALID;
	}
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(text.ptr[2 * i]);
		int low = hex_digit(text.ptr[2 * i + 1]);
		if (high < 0 || low < 0) {
			return CS_E_INVALID;
		}
		p[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

void
digest_format(const uint8_t digest[DIGEST_LEN], char out[DIGEST_TEXT_SIZE])
{
	static const char prefix[] = {'s', 'h', 'a', '2', '5', '6', ':'};

	memcpy(out, prefix, sizeof(prefix));
	hex_encode(digest, DIGEST_LEN, out + 7);
}

void
digest_text(struct span bytes, char out[DIGEST_TEXT_SIZE])
{
	uint8_t digest[DIGEST_LEN];

	digest_bytes(bytes, digest);
	digest_format(digest, out);
}

int
digest_parse(struct span text, uint8_t out[DIGEST_LEN])
{
	if (text.len != 7 + 2 * (size_t)DIGEST_LEN ||
	    memcmp(text.ptr, "sha256:", 7) != 0) {
		return CS_E_INVALID;
	}
	return hex_decode(
	    (struct span){text.ptr + 7, text.len - 7}, out, DIGEST_LEN);
}

void
digest_id(const char *prefix, struct span bytes, char out[ID_TEXT_SIZE])
{
	char text[DIGEST_TEXT_SIZE];

	digest_text(bytes, text);
	/* 80 bits: enough against chance, not meant against an attacker.
	 * What must be exact carries the whole hash. */
	(void)snprintf(out, ID_TEXT_SIZE, "%.8s_%.20s", prefix, text + 7);
}

void
digest_short(struct span bytes, char out[9])
{
	char text[DIGEST_TEXT_SIZE];

	digest_text(bytes, text);
	(void)snprintf(out, 9, "%.8s", text + 7);
}
