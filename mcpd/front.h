/*
 * The side of mcpd that clients see: which transport, who may use it, on which
 * socket. It is judged and opened before the sandbox closes, served after.
 */
#ifndef CS_MCPD_FRONT_H
#define CS_MCPD_FRONT_H

#include "common/proc/startup.h"
#include "mcpd/auth/bearer.h"
#include "mcpd/auth/claims.h"
#include "mcpd/options.h"
#include "mcpd/transport/http.h"
#include "mcpd/transport/unix.h"

struct event_base;
struct server;
struct stream;
struct tls;

#define FRONT_CREDENTIALS 4
#define FRONT_PATHS       6

struct front {
	const struct options *options;
	const struct contract *contract;
	/* Filled by startup_credentials between init and open. */
	struct credential credentials[FRONT_CREDENTIALS];
	size_t credential_count;
	int listen_fd; /* -1: none */
	struct bearer bearer;
	struct bearer metrics_bearer;
	struct verifier *verifier; /* of tokens by http_auth, or NULL */
	struct claims *claims;
	struct tls *tls;
	struct http_config http_config;
	struct unix_config unix_config;
	uid_t *uids; /* owned */
	/* For startup_confine: where certificates and keys are read again. */
	struct path_rule paths[FRONT_PATHS];
	size_t path_count;
	/* One of these. */
	struct http *http;
	struct unix_server *local;
	struct stream *stdio;
	void (*finished)(void *arg);
	void *arg;
};

/* The names of inherited listeners: "http" and "unix". */
extern const char *const front_listen_names[];

/* Name the credentials that the options ask for. All must stay. */
void front_init(
    struct front *f, const struct options *o, const struct contract *contract);

/*
 * Take the tokens, listen, and refuse what would not be safe: no token, one
 * that can be guessed, a network without TLS, a network without names. Wipes
 * what it took of the credentials.
 */
int front_open(struct front *f, const struct startup *s, struct err *e);

/* The epoll of the kernel cannot wait for what stdin is here. */
bool front_needs_poll(const struct front *f);

/* Read from clients. `finished` is called once, when stdin has ended or after
 * front_drain; it must not free *f. */
void front_start(struct front *f, struct event_base *base,
    struct server *server, void (*finished)(void *arg), void *arg);

/* Read the certificates again; what does not fit is logged and not used. */
void front_reload(struct front *f);

/* Answer what was begun and finish; how long that may take. */
void front_drain(struct front *f);
int front_drain_seconds(const struct front *f);

void front_clear(struct front *f);

#endif
