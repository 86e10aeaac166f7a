#include "common/db/my_url.h"

#include <sodium.h>

#include "common/base/err.h"
#include "common/base/str.h"

#define DEFAULT_PORT              3306
#define DEFAULT_CONNECT_TIMEOUT_S 5

static const char *const keywords[MY_URL_PARTS] = {
    [MY_URL_USER] = "user",
    [MY_URL_PASSWORD] = "password",
    [MY_URL_HOST] = "host",
    [MY_URL_PORT] = "port",
    [MY_URL_DATABASE] = "database",
    [MY_URL_SSLMODE] = "sslmode",
    [MY_URL_SSLROOTCERT] = "sslrootcert",
    [MY_URL_CONNECT_TIMEOUT] = "connect_timeout",
};

static const char *const schemes[] = {"mysql://", "mariadb://", NULL};

bool
my_url_is(struct span text)
{
	return url_is(text, schemes);
}

/* The driver takes lists, sockets and whole configurations for a host. */
static bool
is_plain_host(const char *host)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789.:-_%";

	return host[strspn(host, good)] == '\0';
}

/* Fill what was left out; refuse what the driver would understand in its own
 * way. */
static int
check_parts(struct my_url *url, struct err *e)
{
	const char *port = url->part[MY_URL_PORT];
	const char *wait = url->part[MY_URL_CONNECT_TIMEOUT];
	long long seconds = DEFAULT_CONNECT_TIMEOUT_S;

	if (url->part[MY_URL_HOST] == NULL) {
		url->part[MY_URL_HOST] = "localhost";
	}
	if (!is_plain_host(url->part[MY_URL_HOST])) {
		return err_set(e, CS_E_CONFIG, URL_REASON,
		    "database URL: the host must be one name or address (no "
		    "list, no socket)");
	}
	url->port =
	    port == NULL ? DEFAULT_PORT : (unsigned)str_to_number(port, 65535);
	if (wait != NULL) {
		seconds = str_to_number(wait, 3600);
	}
	if (seconds < 1) {
		return err_set(e, CS_E_CONFIG, URL_REASON,
		    "database URL: connect_timeout must be 1 to 3600 seconds");
	}
	url->connect_timeout_s = (unsigned)seconds;
	return url_take_tls(
	    url->part[MY_URL_SSLMODE], url->part[MY_URL_HOST], &url->tls, e);
}

int
my_url_parse(struct span text, struct my_url *out, struct err *e)
{
	struct url_fields fields = {.keywords = keywords,
	    .count = MY_URL_PARTS,
	    .part = out->part,
	    .text = out->text,
	    .size = sizeof(out->text)};
	int r = 0;

	memset(out, 0, sizeof(*out));
	r = url_parse(text, schemes, &fields, e);
	return r != 0 ? r : check_parts(out, e);
}

void
my_url_clear(struct my_url *url)
{
	sodium_memzero(url, sizeof(*url));
}
