/*
 * TLS for the HTTP transport: one certificate, one key, perhaps a CA of the
 * clients. The certificate can be read again; the key came as a credential and
 * cannot.
 */
#ifndef CS_MCPD_TRANSPORT_TLS_H
#define CS_MCPD_TRANSPORT_TLS_H

struct bufferevent;
struct err;
struct event_base;
struct secret;
struct tls;

/*
 * Read the files, PEM, and take over the key out of `key`, which may go then.
 * `client_ca` may be NULL; otherwise every client must show a certificate of
 * it. TLS 1.2 or newer. CS_E_CONFIG says what does not fit. The paths must
 * stay.
 */
int tls_new(const char *cert, const struct secret *key, const char *client_ca,
    struct tls **out, struct err *e);
void tls_free(struct tls **tls);

/* Read the files again, for new connections. On an error, such as a certificate
 * of another key, everything stays as it was. */
int tls_reload(struct tls *tls, struct err *e);

/* A connection that will be accepted; closes its descriptor when freed. NULL
 * without memory. */
struct bufferevent *tls_accept(struct tls *tls, struct event_base *base);

#endif
