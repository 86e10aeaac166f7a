#include "common/crypto/verify.h"

#include <sodium.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/crypto/digest.h"

void
dsse_pae(const char *type, struct span body, struct buf *out)
{
	buf_printf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, body.len);
	buf_span(out, body);
}

int
verify_dsse(const uint8_t public_key[PUBLIC_KEY_LEN], const char *type,
    struct span body, const uint8_t signature[SIGNATURE_LEN])
{
	struct buf pae = BUF_INIT;
	int rc;

	dsse_pae(type, body, &pae);
	rc = crypto_sign_verify_detached(
	    signature, (const unsigned char *)pae.data, pae.len, public_key);
	buf_clear(&pae);
	return rc == 0 ? 0 : CS_E_INTEGRITY;
}

void
key_id(const uint8_t public_key[PUBLIC_KEY_LEN], char out[KEYID_TEXT_SIZE])
{
	uint8_t digest[DIGEST_LEN];
	char hex[13];

	digest_bytes(
	    (struct span){(const char *)public_key, PUBLIC_KEY_LEN}, digest);
	hex_encode(digest, 6, hex);
	(void)snprintf(out, KEYID_TEXT_SIZE, "ed25519:%s", hex);
}

int
public_key_load(const char *path, uint8_t out[PUBLIC_KEY_LEN], struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = file_read_trusted(path, 256, &text, e);

	if (rc == 0) {
		struct span hex = buf_as_span(&text);
		if (hex.len > 0 && hex.ptr[hex.len - 1] == '\n') {
			hex.len--;
		}
		if (hex_decode(hex, out, PUBLIC_KEY_LEN) != 0) {
			rc = err_set(e, CS_E_CONFIG, "PUBLIC_KEY_INVALID",
			    "%s: not a public key (64 hex digits)", path);
		}
	}
	buf_clear(&text);
	return rc;
}
