/*
 * What the URLs of all database servers have in common:
 * scheme://user:password@host:port/database?param=value. The text comes from
 * the operator but is parsed strictly: a parameter that is not in the list is
 * refused, and each may be given once, be it there or in the authority, so that
 * a URL means one thing only.
 */
#ifndef CS_COMMON_DB_URL_H
#define CS_COMMON_DB_URL_H

#include "common/base/buf.h"

struct err;

#define URL_MAX    4096
#define URL_REASON "DATABASE_URL_INVALID"

/* The parts that every list of keywords begins with, in this order. */
enum url_part {
	URL_USER,
	URL_PASSWORD,
	URL_HOST,
	URL_PORT,
	URL_DATABASE
};

/* Where the parts go: pointers into `text`, NULL when not given. */
struct url_fields {
	const char *const *keywords;
	size_t count;
	const char **part;
	char *text;
	size_t size;
	size_t used;
};

/* Does it start with one of the schemes (NULL-terminated list)? */
bool url_is(struct span text, const char *const *schemes);

/*
 * Parse; CS_E_CONFIG with reason DATABASE_URL_INVALID otherwise, also without
 * user or database. The message never quotes a value. The caller wipes `text`
 * in either case, for it holds the password.
 */
int url_parse(struct span text, const char *const *schemes,
    struct url_fields *url, struct err *e);

/* How much TLS is asked for with sslmode, from least to most. */
enum url_tls {
	TLS_DISABLE,
	TLS_PREFER,    /* if the server can; whose key it is is not asked */
	TLS_NO_VERIFY, /* encrypted, to whomever: for disposable databases */
	TLS_REQUIRE,   /* the same; verify-ca if sslrootcert is given */
	TLS_VERIFY_CA,
	TLS_VERIFY_FULL /* the default, except on the same machine */
};

/* Whom verification believes when the URL names nobody. */
#define URL_SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

/* What sslmode says, or when it is NULL the host. CS_E_CONFIG as above. */
int url_take_tls(
    const char *mode, const char *host, enum url_tls *out, struct err *e);

#endif
