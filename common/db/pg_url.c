/*
 * Cutting a URL into parts by hand, because libpq's own parser would accept
 * every parameter it knows, among them ones that read files or change how
 * certificates are checked. The parts stay in one buffer, so that one call
 * wipes them all.
 */
#include "common/db/pg_url.h"

#include <sodium.h>

#include "common/base/err.h"
#include "common/base/str.h"

#define REASON "DATABASE_URL_INVALID"

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

static const char *const sslmodes[] = {
    "disable", "allow", "prefer", "require", "verify-ca", "verify-full"};

const char *
pg_url_keyword(enum pg_url_part part)
{
	return keywords[part];
}

/* Step over the scheme if the text starts with it. */
static bool
take_scheme(struct span *s, const char *scheme)
{
	size_t len = strlen(scheme);

	if (s->len < len || memcmp(s->ptr, scheme, len) != 0) {
		return false;
	}
	s->ptr += len;
	s->len -= len;
	return true;
}

bool
pg_url_is(struct span text)
{
	return take_scheme(&text, "postgres://") ||
	       take_scheme(&text, "postgresql://");
}

/* Value of a hexadecimal digit, -1 for anything else. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* One byte of percent-encoded text; steps *i over it. */
static int
decode_byte(struct span raw, size_t *i, char *out)
{
	int high = 0;
	int low = 0;

	*out = raw.ptr[*i];
	*i += 1;
	if (*out != '%') {
		return (unsigned char)*out < 0x20 ? CS_E_INVALID : 0;
	}
	if (*i + 2 > raw.len) {
		return CS_E_INVALID;
	}
	high = hex_digit(raw.ptr[*i]);
	low = hex_digit(raw.ptr[*i + 1]);
	*i += 2;
	*out = (char)(high * 16 + low);
	return high < 0 || low < 0 || *out == '\0' ? CS_E_INVALID : 0;
}

/* Decode `raw` into the part; an empty user or password counts as absent. */
static int
set_part(
    struct pg_url *url, enum pg_url_part part, struct span raw, struct err *e)
{
	char *start = url->text + url->used;
	size_t i = 0;

	if (url->part[part] != NULL) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: %s is given twice", keywords[part]);
	}
	if (raw.len == 0) {
		return 0;
	}
	if (raw.len + 1 > sizeof(url->text) - url->used) {
		return err_set(
		    e, CS_E_CONFIG, REASON, "database URL: too long");
	}
	while (i < raw.len) {
		if (decode_byte(raw, &i, &url->text[url->used]) != 0) {
			return err_set(e, CS_E_CONFIG, REASON,
			    "database URL: bad character or percent escape "
			    "in %s",
			    keywords[part]);
		}
		url->used++;
	}
	url->text[url->used++] = '\0';
	url->part[part] = start;
	return 0;
}

/* Cut `s` at the first `mark`: the front is returned, *s keeps the rest. */
static struct span
cut(struct span *s, char mark)
{
	const char *at = s->len == 0 ? NULL : memchr(s->ptr, mark, s->len);
	struct span front = *s;

	if (at == NULL) {
		*s = (struct span){s->ptr + s->len, 0};
		return front;
	}
	front.len = (size_t)(at - s->ptr);
	s->ptr = at + 1;
	s->len -= front.len + 1;
	return front;
}

/* "host:port", "[address]:port" or nothing at all. */
static int
parse_host(struct pg_url *url, struct span hostport, struct err *e)
{
	struct span host = {0};
	struct span port = hostport;
	int r = 0;

	if (hostport.len > 0 && hostport.ptr[0] == '[') {
		port.ptr++;
		port.len--;
		host = cut(&port, ']');
		if (host.ptr + host.len == hostport.ptr + hostport.len ||
		    (port.len > 0 && port.ptr[0] != ':')) {
			return err_set(e, CS_E_CONFIG, REASON,
			    "database URL: bad address in brackets");
		}
		(void)cut(&port, ':');
	} else {
		host = cut(&port, ':');
	}
	r = set_part(url, PG_URL_HOST, host, e);
	return r != 0 ? r : set_part(url, PG_URL_PORT, port, e);
}

static int
parse_authority(struct pg_url *url, struct span authority, struct err *e)
{
	struct span user = {0};
	struct span rest = authority;
	size_t at = authority.len;
	int r = 0;

	/* The last "@" ends the user part: some people forget to escape it. */
	while (at > 0 && authority.ptr[at - 1] != '@') {
		at--;
	}
	if (at > 0) {
		struct span password = {authority.ptr, at - 1};

		rest = (struct span){authority.ptr + at, authority.len - at};
		user = cut(&password, ':');
		r = set_part(url, PG_URL_USER, user, e);
		if (r == 0) {
			r = set_part(url, PG_URL_PASSWORD, password, e);
		}
	}
	return r != 0 ? r : parse_host(url, rest, e);
}

/* Parameters by libpq's own names; each may be given once, be it here or in
 * the authority, so that a URL means one thing only. */
static int
parse_query(struct pg_url *url, struct span query, struct err *e)
{
	while (query.len > 0) {
		struct span value = cut(&query, '&');
		struct span name = cut(&value, '=');
		int part = 0;
		int r = 0;

		while (part < PG_URL_PARTS && !span_is(name, keywords[part])) {
			part++;
		}
		if (part == PG_URL_PARTS) {
			return err_set(e, CS_E_CONFIG, REASON,
			    "database URL: parameter \"%.*s\" is not "
			    "supported",
			    name.len > 40 ? 40 : (int)name.len, name.ptr);
		}
		r = set_part(url, (enum pg_url_part)part, value, e);
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

/* What libpq would accept, but we do not want to find out at run time. */
static int
check_parts(const struct pg_url *url, struct err *e)
{
	const char *host = url->part[PG_URL_HOST];
	const char *port = url->part[PG_URL_PORT];
	const char *mode = url->part[PG_URL_SSLMODE];
	size_t i = 0;

	if (port != NULL && str_to_number(port, 65535) < 1) {
		return err_set(
		    e, CS_E_CONFIG, REASON, "database URL: bad port");
	}
	if (host != NULL && strchr(host, ',') != NULL) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: a list of hosts is not supported");
	}
	while (mode != NULL && i < sizeof(sslmodes) / sizeof(sslmodes[0]) &&
	       strcmp(mode, sslmodes[i]) != 0) {
		i++;
	}
	if (i == sizeof(sslmodes) / sizeof(sslmodes[0])) {
		return err_set(
		    e, CS_E_CONFIG, REASON, "database URL: unknown sslmode");
	}
	/* libpq falls back to the user's name, which says nothing here. */
	if (url->part[PG_URL_USER] == NULL ||
	    url->part[PG_URL_DBNAME] == NULL) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: user and database must be given");
	}
	return 0;
}

int
pg_url_parse(struct span text, struct pg_url *out, struct err *e)
{
	struct span path = text;
	struct span query = {0};
	struct span authority = {0};
	int r = 0;

	memset(out, 0, sizeof(*out));
	if (!take_scheme(&path, "postgres://") &&
	    !take_scheme(&path, "postgresql://")) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: must start with postgres://");
	}
	query = path;
	path = cut(&query, '?');
	authority = cut(&path, '/');
	r = parse_authority(out, authority, e);
	if (r == 0) {
		r = set_part(out, PG_URL_DBNAME, path, e);
	}
	if (r == 0) {
		r = parse_query(out, query, e);
	}
	return r != 0 ? r : check_parts(out, e);
}

void
pg_url_clear(struct pg_url *url)
{
	sodium_memzero(url, sizeof(*url));
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
