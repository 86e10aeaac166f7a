#include "common/db/pg_url.h"

#include <sodium.h>

#include "common/base/err.h"
#include "common/base/str.h"
#include "common/db/url.h"

static const char *const keywords[PG_URL_PARTS] = {
    [PG_URL_USER] = "user",
    [PG_URL_PASSWORD] = "password",
    [PG_URL_HOST] = "host",
    [PG_URL_PORT] = "port",
    [PG_URL_DBNAME] = "dbname",
    [PG_URL_SSLMODE] = "sslmode",
    [PG_URL_SSLROOTCERT] = "sslrootcert",
    [PG_URL_SSLCERT] = "sslcert",
    [PG_URL_SSLKEY] = "sslkey",
    [PG_URL_SSLCRL] = "sslcrl",
    [PG_URL_CHANNEL_BINDING] = "channel_binding",
    [PG_URL_CONNECT_TIMEOUT] = "connect_timeout",
    [PG_URL_APPLICATION_NAME] = "application_name",
    [PG_URL_TARGET_SESSION_ATTRS] = "target_session_attrs",
};

static const char *const schemes[] = {"postgres://", "postgresql://", NULL};

const char *
pg_url_keyword(enum pg_url_part part)
{
	return keywords[part];
}

bool
pg_url_is(struct span text)
{
	return url_is(text, schemes);
}

/* What libpq would accept, but we do not want to find out at run time. */
static int
check_parts(struct pg_url *url, struct err *e)
{
	const char *host = url->part[PG_URL_HOST];

	if (host != NULL && strchr(host, ',') != NULL) {
		return err_set(e, CS_E_CONFIG, URL_REASON,
		    "database URL: a list of hosts is not supported");
	}
	return url_take_tls(url->part[PG_URL_SSLMODE], host, &url->tls, e);
}

int
pg_url_parse(struct span text, struct pg_url *out, struct err *e)
{
	struct url_fields fields = {.keywords = keywords,
	    .count = PG_URL_PARTS,
	    .part = out->part,
	    .text = out->text,
	    .size = sizeof(out->text)};
	int r = 0;

	memset(out, 0, sizeof(*out));
	r = url_parse(text, schemes, &fields, e);
	return r != 0 ? r : check_parts(out, e);
}

void
pg_url_clear(struct pg_url *url)
{
	sodium_memzero(url, sizeof(*url));
}

void
pg_url_files(const struct pg_url *url, const char *out[PG_URL_FILES])
{
	out[0] = url->part[PG_URL_SSLROOTCERT];
	if (out[0] == NULL && url->tls >= TLS_VERIFY_CA) {
		out[0] = URL_SYSTEM_CA;
	} else if (url->tls <= TLS_NO_VERIFY) {
		out[0] = NULL;
	}
	out[1] = url->part[PG_URL_SSLCERT];
	out[2] = url->part[PG_URL_SSLKEY];
	out[3] = url->part[PG_URL_SSLCRL];
}

void
pg_url_describe(const struct pg_url *url, struct buf *out)
{
	const char *host = url->part[PG_URL_HOST];
	const char *port = url->part[PG_URL_PORT];
	const char *dbname = url->part[PG_URL_DBNAME];

	buf_printf(out, "%s:%s/%s", host == NULL ? "localhost" : host,
	    port == NULL ? "5432" : port, dbname == NULL ? "" : dbname);
}

unsigned
pg_url_port(const struct pg_url *url)
{
	const char *host = url->part[PG_URL_HOST];
	const char *port = url->part[PG_URL_PORT];

	if (host != NULL && host[0] == '/') {
		return 0;
	}
	return port == NULL ? 5432U : (unsigned)str_to_number(port, 65535);
}
