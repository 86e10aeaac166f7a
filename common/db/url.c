/*
 * Cutting a URL into parts by hand, because the drivers' own parsers accept
 * every parameter they know, among them ones that read files or change how
 * certificates are checked. The parts stay in one buffer, so that one call
 * wipes them all.
 */
#include "common/db/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/base/err.h"
#include "common/base/str.h"

#define REASON URL_REASON

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
set_part(struct url_fields *url, size_t part, struct span raw, struct err *e)
{
	char *start = url->text + url->used;
	size_t i = 0;

	if (url->part[part] != NULL) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: %s is given twice", url->keywords[part]);
	}
	if (raw.len == 0) {
		return 0;
	}
	if (raw.len + 1 > url->size - url->used) {
		return err_set(
		    e, CS_E_CONFIG, REASON, "database URL: too long");
	}
	while (i < raw.len) {
		if (decode_byte(raw, &i, &url->text[url->used]) != 0) {
			return err_set(e, CS_E_CONFIG, REASON,
			    "database URL: bad character or percent escape "
			    "in %s",
			    url->keywords[part]);
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
parse_host(struct url_fields *url, struct span hostport, struct err *e)
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
	r = set_part(url, URL_HOST, host, e);
	return r != 0 ? r : set_part(url, URL_PORT, port, e);
}

static int
parse_authority(struct url_fields *url, struct span authority, struct err *e)
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
		r = set_part(url, URL_USER, user, e);
		if (r == 0) {
			r = set_part(url, URL_PASSWORD, password, e);
		}
	}
	return r != 0 ? r : parse_host(url, rest, e);
}

/* Parameters by their names; each may be given once, be it here or in
 * the authority, so that a URL means one thing only. */
static int
parse_query(struct url_fields *url, struct span query, struct err *e)
{
	while (query.len > 0) {
		struct span value = cut(&query, '&');
		struct span name = cut(&value, '=');
		size_t part = 0;
		int r = 0;

		while (
		    part < url->count && !span_is(name, url->keywords[part])) {
			part++;
		}
		if (part == url->count) {
			return err_set(e, CS_E_CONFIG, REASON,
			    "database URL: parameter \"%.*s\" is not "
			    "supported",
			    name.len > 40 ? 40 : (int)name.len, name.ptr);
		}
		r = set_part(url, part, value, e);
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

bool
url_is(struct span text, const char *const *schemes)
{
	for (; *schemes != NULL; schemes++) {
		if (take_scheme(&text, *schemes)) {
			return true;
		}
	}
	return false;
}

/* What every driver would fall back for, which says nothing here. */
static int
check_parts(const struct url_fields *url, struct err *e)
{
	const char *port = url->part[URL_PORT];

	if (port != NULL && str_to_number(port, 65535) < 1) {
		return err_set(
		    e, CS_E_CONFIG, REASON, "database URL: bad port");
	}
	if (url->part[URL_USER] == NULL || url->part[URL_DATABASE] == NULL) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: user and database must be given");
	}
	return 0;
}

int
url_parse(struct span text, const char *const *schemes, struct url_fields *url,
    struct err *e)
{
	struct span path = text;
	struct span query = {0};
	struct span authority = {0};
	const char *const *scheme = schemes;
	int r = 0;

	while (*scheme != NULL && !take_scheme(&path, *scheme)) {
		scheme++;
	}
	if (*scheme == NULL) {
		return err_set(e, CS_E_CONFIG, REASON,
		    "database URL: must start with %s", schemes[0]);
	}
	query = path;
	path = cut(&query, '?');
	authority = cut(&path, '/');
	r = parse_authority(url, authority, e);
	if (r == 0) {
		r = set_part(url, URL_DATABASE, path, e);
	}
	if (r == 0) {
		r = parse_query(url, query, e);
	}
	return r != 0 ? r : check_parts(url, e);
}

/* What stays on this machine cannot be listened to on the way: a socket, or an
 * address (and not a name that begins like one). */
static bool
is_this_machine(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (host == NULL || host[0] == '/' || strcmp(host, "localhost") == 0) {
		return true;
	}
	if (inet_pton(AF_INET, host, &v4) == 1) {
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

int
url_take_tls(
    const char *mode, const char *host, enum url_tls *out, struct err *e)
{
	static const char *const modes[] = {
	    [TLS_DISABLE] = "disable",
	    [TLS_PREFER] = "prefer",
	    [TLS_NO_VERIFY] = "no-verify",
	    [TLS_REQUIRE] = "require",
	    [TLS_VERIFY_CA] = "verify-ca",
	    [TLS_VERIFY_FULL] = "verify-full",
	};

	*out = is_this_machine(host) ? TLS_PREFER : TLS_VERIFY_FULL;
	for (size_t i = 0; mode != NULL && i < sizeof(modes) / sizeof(modes[0]);
	     i++) {
		if (strcmp(mode, modes[i]) == 0) {
			*out = (enum url_tls)i;
			return 0;
		}
	}
	return mode == NULL
		   ? 0
		   : err_set(e, CS_E_CONFIG, REASON,
			 "database URL: sslmode must be disable, prefer, "
			 "no-verify, require, verify-ca or verify-full");
}
