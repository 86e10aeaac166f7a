/*
 * Opening a PostgreSQL session the one way we allow: every parameter explicit,
 * nothing from the environment, the home folder or a service file, and the
 * session settings inside the start-up packet, so that they cost no round trip
 * and no statement runs before them.
 */
#ifndef CS_COMMON_DB_PG_SESSION_H
#define CS_COMMON_DB_PG_SESSION_H

#include <libpq-fe.h>
#include <stdint.h>

#include "common/db/pg_url.h"

struct err;

struct pg_session {
	bool read_only;               /* default_transaction_read_only */
	int64_t statement_timeout_ms; /* 0: 10 s */
	int64_t lock_timeout_ms;      /* 0: not set */
	const char *application_name; /* unless the URL names one */
};

#define PG_SESSION_PARAMS (PG_URL_PARTS + 10)

/* NULL-terminated arrays as libpq wants them; borrowed from the URL. */
struct pg_conninfo {
	const char *keywords[PG_SESSION_PARAMS];
	const char *values[PG_SESSION_PARAMS];
	char options[640];
};

void pg_conninfo_build(const struct pg_url *url,
    const struct pg_session *session, struct pg_conninfo *out);

/*
 * Begin to connect without blocking (a host name that is not an address is
 * still looked up by libpq, which blocks). `url` is the secret's content. On
 * success the caller owns *out and drives PQconnectPoll; CS_E_CONFIG for the
 * URL, CS_E_UNAVAILABLE when libpq gave up at once.
 */
int pg_connect_start(struct span url, const struct pg_session *session,
    PGconn **out, struct err *e);

/*
 * Connect and wait, for the writer. CS_E_UNAVAILABLE with the server's or
 * libpq's text (which holds host and user, never the password).
 */
int pg_connect(struct span url, const struct pg_session *session, PGconn **out,
    struct err *e);

/* Why it did not come about, as above and, where TLS is the reason, what to do
 * about it. Returns CS_E_UNAVAILABLE. */
int pg_connect_failure(const PGconn *conn, struct err *e);

/* The server told so in its greeting: no round trip. A pooler may keep it to
 * itself; then the answer is no. */
bool pg_is_superuser(const PGconn *conn);

/* Let go; NULL is fine; *conn becomes NULL. */
void pg_close(PGconn **conn);

#endif
