#include "common/crypto/sshsig.h"

#include <sodium.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"

#define MAGIC        "SSHSIG"
#define MAGIC_LEN    6
#define PLAIN_KEY    "ssh-ed25519"
#define HARDWARE_KEY "sk-ssh-ed25519@openssh.com"
#define BEGIN        "-----BEGIN SSH SIGNATURE-----"
#define END          "-----END SSH SIGNATURE-----"
#define ARMOR_WIDTH  70
#define TOUCHED      0x01 /* flag of a hardware signature: user presence */

/* The SSH wire format, read front to back; one bad length spoils the rest. */
struct wire {
	struct span left;
	bool bad;
};

static uint32_t
wire_u32(struct wire *w)
{
	const unsigned char *p = (const unsigned char *)w->left.ptr;

	if (w->left.len < 4) {
		w->bad = true;
		return 0;
	}
	w->left.ptr += 4;
	w->left.len -= 4;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static struct span
wire_bytes(struct wire *w, size_t len)
{
	struct span out = {w->left.ptr, len};

	if (w->bad || len > w->left.len) {
		w->bad = true;
		return (struct span){"", 0};
	}
	w->left.ptr += len;
	w->left.len -= len;
	return out;
}

static struct span
wire_string(struct wire *w)
{
	return wire_bytes(w, wire_u32(w));
}

/* Nothing may follow: one signature has one spelling. */
static bool
wire_ended(const struct wire *w)
{
	return !w->bad && w->left.len == 0;
}

static void
put_string(struct buf *out, struct span s)
{
	uint8_t len[4] = {(uint8_t)(s.len >> 24), (uint8_t)(s.len >> 16),
	    (uint8_t)(s.len >> 8), (uint8_t)s.len};

	buf_append(out, len, sizeof(len));
	buf_span(out, s);
}

int
ssh_key_parse(struct span blob, struct ssh_key *out, struct err *e)
{
	struct wire w = {.left = blob};
	struct span kind = wire_string(&w);
	struct span point;

	*out = (struct ssh_key){
	    .hardware = span_is(kind, HARDWARE_KEY), .blob = blob};
	if (!w.bad && !out->hardware && !span_is(kind, PLAIN_KEY)) {
		return err_set(e, CS_E_INVALID, "SSH_KEY_UNSUPPORTED",
		    "only ssh-ed25519 and sk-ssh-ed25519 keys are accepted");
	}
	point = wire_string(&w);
	if (out->hardware) {
		out->application = wire_string(&w);
	}
	if (!wire_ended(&w) || point.len != sizeof(out->ed25519)) {
		return err_set(
		    e, CS_E_INVALID, "SSH_KEY_INVALID", "not a public key");
	}
	memcpy(out->ed25519, point.ptr, point.len);
	return 0;
}

/* What the key signs: not the message, but a hash of it under the namespace,
 * so that a signature for another purpose is none for ours. */
static int
signed_bytes(struct wire *w, struct span message, struct buf *out)
{
	struct span namespace = wire_string(w);
	struct span reserved = wire_string(w);
	struct span hash = wire_string(w);
	uint8_t digest[crypto_hash_sha512_BYTES];
	size_t len = 0;

	if (w->bad || !span_is(namespace, SSHSIG_NAMESPACE)) {
		return CS_E_INTEGRITY;
	}
	if (span_is(hash, "sha512")) {
		len = crypto_hash_sha512_BYTES;
		(void)crypto_hash_sha512(
		    digest, (const unsigned char *)message.ptr, message.len);
	} else if (span_is(hash, "sha256")) {
		len = crypto_hash_sha256_BYTES;
		(void)crypto_hash_sha256(
		    digest, (const unsigned char *)message.ptr, message.len);
	} else {
		return CS_E_INTEGRITY;
	}
	buf_append(out, MAGIC, MAGIC_LEN);
	put_string(out, namespace);
	put_string(out, reserved);
	put_string(out, hash);
	put_string(out, (struct span){(const char *)digest, len});
	return 0;
}

/* A hardware key signs hashes, its flags and its counter (PROTOCOL.u2f). */
static void
wrap_for_hardware(
    const struct ssh_key *key, struct span flags_counter, struct buf *bytes)
{
	uint8_t application[crypto_hash_sha256_BYTES];
	uint8_t digest[crypto_hash_sha256_BYTES];

	(void)crypto_hash_sha256(application,
	    (const unsigned char *)key->application.ptr, key->application.len);
	(void)crypto_hash_sha256(
	    digest, (const unsigned char *)bytes->data, bytes->len);
	buf_reset(bytes);
	buf_append(bytes, application, sizeof(application));
	buf_span(bytes, flags_counter);
	buf_append(bytes, digest, sizeof(digest));
}

/* The signature proper: kind, 64 bytes, and of hardware flags and counter. */
static int
check_key_signature(
    const struct ssh_key *key, struct span blob, struct buf *bytes)
{
	struct wire w = {.left = blob};
	struct span kind = wire_string(&w);
	struct span signature = wire_string(&w);

	if (key->hardware) {
		struct span flags_counter = wire_bytes(&w, 5);
		if (w.bad || ((uint8_t)flags_counter.ptr[0] & TOUCHED) == 0) {
			return CS_E_INTEGRITY;
		}
		wrap_for_hardware(key, flags_counter, bytes);
	}
	if (!wire_ended(&w) ||
	    !span_is(kind, key->hardware ? HARDWARE_KEY : PLAIN_KEY) ||
	    signature.len != crypto_sign_BYTES) {
		return CS_E_INTEGRITY;
	}
	return crypto_sign_verify_detached((const unsigned char *)signature.ptr,
		   (const unsigned char *)bytes->data, bytes->len,
		   key->ed25519) == 0
		   ? 0
		   : CS_E_INTEGRITY;
}

int
sshsig_verify(struct span signature, struct span message,
    struct ssh_key *key_out, struct err *e)
{
	struct wire w = {.left = signature};
	struct span magic = wire_bytes(&w, MAGIC_LEN);
	uint32_t version = wire_u32(&w);
	struct span key = wire_string(&w);
	struct buf bytes = BUF_INIT;
	struct err ignored = {0};
	int rc = CS_E_INTEGRITY;

	if (!w.bad && signature.len <= SSHSIG_MAX && span_is(magic, MAGIC) &&
	    version == 1 && ssh_key_parse(key, key_out, &ignored) == 0) {
		rc = signed_bytes(&w, message, &bytes);
	}
	if (rc == 0) {
		struct span blob = wire_string(&w);
		rc = wire_ended(&w) ? check_key_signature(key_out, blob, &bytes)
				    : CS_E_INTEGRITY;
	}
	buf_clear(&bytes);
	return rc == 0 ? 0
		       : err_set(e, CS_E_INTEGRITY, "SIGNATURE_INVALID",
			     "the signature was not made by an accepted key "
			     "over exactly this statement for countersign");
}

int
sshsig_unarmor(struct span text, struct buf *out, struct err *e)
{
	const char *begin = memmem(text.ptr, text.len, BEGIN, strlen(BEGIN));
	const char *from = begin == NULL ? NULL : begin + strlen(BEGIN);
	const char *end =
	    begin == NULL ? NULL
			  : memmem(from, text.len - (size_t)(from - text.ptr),
				END, strlen(END));
	uint8_t bytes[SSHSIG_MAX];
	size_t len = 0;

	if (end == NULL ||
	    sodium_base642bin(bytes, sizeof(bytes), from, (size_t)(end - from),
		"\r\n", &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
		return err_set(e, CS_E_INVALID, "SIGNATURE_INVALID",
		    "that is not an SSH signature");
	}
	buf_append(out, bytes, len);
	return 0;
}

void
sshsig_armor(struct span signature, struct buf *out)
{
	size_t size = sodium_base64_encoded_len(
	    signature.len, sodium_base64_VARIANT_ORIGINAL);
	char *text = xcalloc(size, 1);
	size_t len;

	(void)sodium_bin2base64(text, size,
	    (const unsigned char *)signature.ptr, signature.len,
	    sodium_base64_VARIANT_ORIGINAL);
	len = strlen(text);
	buf_puts(out, BEGIN "\n");
	for (size_t i = 0; i < len; i += ARMOR_WIDTH) {
		size_t n = len - i < ARMOR_WIDTH ? len - i : ARMOR_WIDTH;
		buf_append(out, text + i, n);
		buf_putc(out, '\n');
	}
	buf_puts(out, END "\n");
	free(text);
}

void
ssh_fingerprint(struct span blob, char out[SSH_FINGERPRINT_SIZE])
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	char text[SSH_FINGERPRINT_SIZE - 16];

	(void)crypto_hash_sha256(
	    digest, (const unsigned char *)blob.ptr, blob.len);
	(void)sodium_bin2base64(text, sizeof(text), digest, sizeof(digest),
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	(void)snprintf(out, SSH_FINGERPRINT_SIZE, "SHA256:%s", text);
}
