/*
 * PostgreSQL URLs: postgres://user:password@host:port/database?param=value.
 * The text comes from the operator but is parsed strictly: a parameter that we
 * do not know is refused, because libpq has parameters that read files, start
 * look-ups or weaken TLS. A parsed URL holds the password in the clear: parse
 * it inside secret_with, use it, and call pg_url_clear at once.
 */
#ifndef CS_COMMON_DB_PG_URL_H
#define CS_COMMON_DB_PG_URL_H

#include "common/db/url.h"

struct err;

#define PG_URL_MAX URL_MAX

/* The first five as in enum url_part. */
enum pg_url_part {
	PG_URL_USER,
	PG_URL_PASSWORD,
	PG_URL_HOST, /* name, address, or folder of a Unix socket */
	PG_URL_PORT,
	PG_URL_DBNAME,
	PG_URL_SSLMODE,
	PG_URL_SSLROOTCERT,
	PG_URL_SSLCERT,
	PG_URL_SSLKEY,
	PG_URL_SSLCRL,
	PG_URL_CHANNEL_BINDING,
	PG_URL_CONNECT_TIMEOUT,
	PG_URL_APPLICATION_NAME,
	PG_URL_TARGET_SESSION_ATTRS,
	PG_URL_PARTS
};

struct pg_url {
	const char *part[PG_URL_PARTS]; /* NULL: not given; into text */
	enum url_tls tls;
	char text[PG_URL_MAX];
};

/* Is this a URL for PostgreSQL at all? */
bool pg_url_is(struct span text);

/*
 * Parse into *out; CS_E_CONFIG with reason DATABASE_URL_INVALID otherwise. The
 * message never quotes a value. Call pg_url_clear in either case.
 */
int pg_url_parse(struct span text, struct pg_url *out, struct err *e);

/* Overwrite everything, the password too. */
void pg_url_clear(struct pg_url *url);

/*
 * The files that libpq will read, each NULL or borrowed from the URL: CA,
 * certificate, key, revocations.
 */
#define PG_URL_FILES 4
void pg_url_files(const struct pg_url *url, const char *out[PG_URL_FILES]);

/* libpq's keyword of a part. */
const char *pg_url_keyword(enum pg_url_part part);

/* Append "host:port/database": all that a log may show. */
void pg_url_describe(const struct pg_url *url, struct buf *out);

/* The TCP port to connect to (5432 if not given); 0 for a Unix socket. */
unsigned pg_url_port(const struct pg_url *url);

#endif
