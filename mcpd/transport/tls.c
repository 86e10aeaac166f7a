#include "mcpd/transport/tls.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"

/* Of TLS 1.2: forward secrecy and authenticated encryption only. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls {
	SSL_CTX *context;
	EVP_PKEY *key;
	const char *cert;
	const char *client_ca;
};

/* OpenSSL's reason, which is never about the content of a key. */
static int
tls_err(struct err *e, const char *what, const char *path)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	ERR_clear_error();
	return err_set(e, CS_E_CONFIG, "TLS_INVALID", "%s %s: %s", what, path,
	    reason != NULL ? reason : "not usable");
}

/* A key with a passphrase: nobody is here to type it. */
static int // NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's
no_passphrase(char *out, int size, int rwflag, void *arg)
{
	(void)out;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static int
parse_key(struct span pem, void *context)
{
	struct tls *tls = context;
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);

	if (bio != NULL) {
		tls->key =
		    PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
		BIO_free(bio);
	}
	return tls->key != NULL ? 0 : CS_E_CONFIG;
}

/* Clients must show a certificate of that CA, and are told its name. */
static int
require_clients(SSL_CTX *c, const char *ca, struct err *e)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);

	if (names == NULL || SSL_CTX_load_verify_file(c, ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls_err(e, "--tls-client-ca", ca);
	}
	SSL_CTX_set_client_CA_list(c, names);
	SSL_CTX_set_verify(
	    c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static void
set_rules(SSL_CTX *c)
{
	static const unsigned char session_id[] = "countersign";

	(void)SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	(void)SSL_CTX_set_cipher_list(c, CIPHERS);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				   SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Answers are copied into the record at once; a partial write may go
	 * on from another address. */
	SSL_CTX_set_mode(
	    c, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_id_context(
	    c, session_id, sizeof(session_id) - 1);
}

static int
make_context(const struct tls *tls, SSL_CTX **out, struct err *e)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	int rc = 0;

	cs_assert(c != NULL);
	set_rules(c);
	if (SSL_CTX_use_certificate_chain_file(c, tls->cert) != 1) {
		rc = tls_err(e, "--tls-cert", tls->cert);
	} else if (SSL_CTX_use_PrivateKey(c, tls->key) != 1 ||
		   SSL_CTX_check_private_key(c) != 1) {
		rc =
		    tls_err(e, "the private key does not belong to", tls->cert);
	} else if (tls->client_ca != NULL) {
		rc = require_clients(c, tls->client_ca, e);
	}
	if (rc != 0) {
		SSL_CTX_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

int
tls_new(const char *cert, const struct secret *key, const char *client_ca,
    struct tls **out, struct err *e)
{
	struct tls *tls = xcalloc(1, sizeof(*tls));
	int rc = 0;

	tls->cert = cert;
	tls->client_ca = client_ca;
	if (secret_with(key, parse_key, tls) != 0) {
		rc = tls_err(e, "--tls-key:", "no private key in PEM");
	} else {
		rc = make_context(tls, &tls->context, e);
	}
	if (rc != 0) {
		tls_free(&tls);
	}
	*out = tls;
	return rc;
}

void
tls_free(struct tls **tls)
{
	if (*tls == NULL) {
		return;
	}
	SSL_CTX_free((*tls)->context);
	EVP_PKEY_free((*tls)->key);
	free(*tls);
	*tls = NULL;
}

int
tls_reload(struct tls *tls, struct err *e)
{
	SSL_CTX *fresh = NULL;
	int rc = make_context(tls, &fresh, e);

	if (rc == 0) {
		/* Connections that are open hold the old one. */
		SSL_CTX_free(tls->context);
		tls->context = fresh;
	}
	return rc;
}

struct bufferevent *
tls_accept(struct tls *tls, struct event_base *base)
{
	SSL *ssl = SSL_new(tls->context);
	struct bufferevent *bev = NULL;

	if (ssl == NULL) {
		return NULL;
	}
	bev = bufferevent_openssl_socket_new(
	    base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		SSL_free(ssl);
		return NULL;
	}
	/* Many clients just close; HTTP knows by itself where answers end. */
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}
