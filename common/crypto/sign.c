#include "common/crypto/sign.h"

#include <limits.h>
#include <sodium.h>
#include <sys/stat.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"

#define SEED_LEN ((size_t)32)

/* Both halves in one guarded allocation, zeroed when it is freed. */
struct sign_key {
	uint8_t public[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
};

struct sign_key *
sign_key_from_seed(const uint8_t seed[32])
{
	struct sign_key *k = sodium_malloc(sizeof(*k));

	cs_assert(k != NULL);
	cs_assert(crypto_sign_seed_keypair(k->public, k->secret, seed) == 0);
	return k;
}

struct sign_key *
sign_key_random(void)
{
	uint8_t seed[SEED_LEN];
	struct sign_key *k;

	randombytes_buf(seed, sizeof(seed));
	k = sign_key_from_seed(seed);
	sodium_memzero(seed, sizeof(seed));
	return k;
}

void
sign_key_free(struct sign_key **k)
{
	if (k != NULL && *k != NULL) {
		sodium_free(*k);
		*k = NULL;
	}
}

const uint8_t *
sign_key_public(const struct sign_key *k)
{
	return k->public;
}

void
sign_dsse(const struct sign_key *k, const char *type, struct span body,
    uint8_t signature_out[SIGNATURE_LEN])
{
	struct buf pae = BUF_INIT;

	dsse_pae(type, body, &pae);
	cs_assert(
	    crypto_sign_detached(signature_out, NULL,
		(const unsigned char *)pae.data, pae.len, k->secret) == 0);
	buf_clear(&pae);
}

/* For writers, who verify, and for people who compare. */
static int
write_public(const char *path, const struct sign_key *k, struct err *e)
{
	char name[PATH_MAX];
	char hex[2 * crypto_sign_PUBLICKEYBYTES + 2];

	if (snprintf(name, sizeof(name), "%s.pub", path) >= (int)sizeof(name)) {
		return err_set(e, CS_E_TOO_LARGE, NULL, "path too long");
	}
	hex_encode(k->public, sizeof(k->public), hex);
	hex[2 * sizeof(k->public)] = '\n';
	return file_write_atomic(name, hex, 2 * sizeof(k->public) + 1, 0644, e);
}

/* There was no key, so there is nothing that a new one would make void. */
static int
key_create(const char *path, struct sign_key **out, struct err *e)
{
	uint8_t seed[SEED_LEN];
	char hex[2 * SEED_LEN + 2];
	int rc;

	randombytes_buf(seed, sizeof(seed));
	hex_encode(seed, sizeof(seed), hex);
	hex[2 * SEED_LEN] = '\n';
	*out = sign_key_from_seed(seed);
	/* The public half first: a key that exists always has its .pub. */
	rc = write_public(path, *out, e);
	if (rc == 0) {
		rc = file_write_atomic(path, hex, 2 * SEED_LEN + 1, 0600, e);
	}
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(hex, sizeof(hex));
	if (rc != 0) {
		sign_key_free(out);
	}
	return rc;
}

/* Who can read the key can sign: it is ours alone or it is not used. */
static int
check_private(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		return err_set(e, CS_E_DENIED, "SIGNING_KEY_EXPOSED",
		    "%s: mode %04o lets others use the key; if nobody has "
		    "copied it: chmod 600",
		    path, (unsigned)st.st_mode & 07777U);
	}
	return 0;
}

int
sign_key_open_or_create(const char *path, struct sign_key **out, struct err *e)
{
	struct buf text = BUF_INIT;
	uint8_t seed[SEED_LEN];
	int rc = check_private(path, e);

	if (rc == 0) {
		rc = file_read_trusted(path, 256, &text, e);
	}
	if (rc == CS_E_NOT_FOUND) {
		return key_create(path, out, e);
	}
	if (rc != 0) {
		return rc;
	}
	if (text.len != 2 * SEED_LEN + 1 ||
	    hex_decode(
		(struct span){text.data, 2 * SEED_LEN}, seed, SEED_LEN) != 0) {
		rc = err_set(e, CS_E_INTEGRITY, "SIGNING_KEY_INVALID",
		    "%s: not a signing key; restore it from a backup", path);
	} else {
		*out = sign_key_from_seed(seed);
	}
	sodium_memzero(text.data, text.cap);
	sodium_memzero(seed, sizeof(seed));
	buf_clear(&text);
	return rc;
}
