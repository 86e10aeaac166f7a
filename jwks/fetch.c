#include "jwks/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/base/span.h"

/* A host name of DNS has at most 253 characters. */
#define HOST_MAX 256U

struct body {
	struct buf *out;
	size_t max;
	size_t before; /* length of *out at the start */
};

/* Host and port of a URL that the contract has checked. */
struct target {
	char host[HOST_MAX]; /* without the brackets of IPv6 */
	char port[8];
	bool is_numeric;
};

static bool
part(CURLU *u, CURLUPart which, unsigned flags, char *out, size_t size)
{
	char *text = NULL;
	bool fits = curl_url_get(u, which, &text, flags) == CURLUE_OK &&
		    strlen(text) < size;

	if (fits) {
		memcpy(out, text, strlen(text) + 1);
	}
	curl_free(text);
	return fits;
}

static bool
target_of(const char *url, struct target *t)
{
	CURLU *u = curl_url();
	char host[HOST_MAX];
	bool ok = u != NULL &&
		  curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		  part(u, CURLUPART_HOST, 0, host, sizeof(host)) &&
		  part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, t->port,
		      sizeof(t->port));
	size_t len = ok ? strlen(host) : 0;

	if (ok) {
		bool in_brackets = host[0] == '[' && len > 2;

		t->is_numeric = in_brackets;
		(void)snprintf(t->host, sizeof(t->host), "%.*s",
		    (int)(in_brackets ? len - 2 : len), host + in_brackets);
	}
	curl_url_cleanup(u);
	return ok;
}

unsigned
fetch_port(const char *url)
{
	struct target t;

	return target_of(url, &t) ? (unsigned)strtoul(t.port, NULL, 10) : 0;
}

/* Look the name up here: curl would do it in a thread, which the sandbox does
 * not give; and an answer that changes in between cannot lead elsewhere. */
static struct curl_slist *
pin(const struct target *t)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	struct curl_slist *list = NULL;
	char address[INET6_ADDRSTRLEN];
	char line[HOST_MAX + sizeof(address) + 16];

	if (getaddrinfo(t->host, t->port, &hints, &found) != 0) {
		return NULL;
	}
	if (getnameinfo(found->ai_addr, found->ai_addrlen, address,
		sizeof(address), NULL, 0, NI_NUMERICHOST) == 0) {
		(void)snprintf(
		    line, sizeof(line), "%s:%s:%s", t->host, t->port, address);
		list = curl_slist_append(NULL, line);
	}
	freeaddrinfo(found);
	return list;
}

/* Less than all of it ends the transfer. */
static size_t
on_data(char *data, size_t size, size_t count, void *arg)
{
	struct body *b = arg;
	size_t len = size * count;

	if (b->out->len - b->before + len > b->max) {
		return 0;
	}
	buf_append(b->out, data, len);
	return len;
}

static void
set_options(
    CURL *curl, const char *url, struct curl_slist *pinned, struct body *b)
{
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	(void)curl_easy_setopt(curl, CURLOPT_RESOLVE, pinned);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(
	    curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(
	    curl, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS);
	(void)curl_easy_setopt(
	    curl, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_TIMEOUT_MS / 2);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "countersign-jwks");
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, b);
}

static int
perform(CURL *curl, struct err *e)
{
	CURLcode code = curl_easy_perform(curl);
	long status = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK) {
		return err_set(e, CS_E_UNAVAILABLE, "JWKS_UNAVAILABLE",
		    "the issuer's keys cannot be fetched: %s",
		    curl_easy_strerror(code));
	}
	if (status != 200) {
		return err_set(e, CS_E_UNAVAILABLE, "JWKS_UNAVAILABLE",
		    "the issuer's keys cannot be fetched: HTTP status %ld "
		    "(redirects are not followed)",
		    status);
	}
	return 0;
}

int
fetch(const char *url, size_t max, struct buf *out, struct err *e)
{
	struct body b = {out, max, out->len};
	struct target t;
	struct curl_slist *pinned = NULL;
	CURL *curl = curl_easy_init();
	int rc = 0;

	if (curl == NULL || !target_of(url, &t)) {
		rc = err_set(e, CS_E_INVALID, "JWKS_UNAVAILABLE",
		    "jwks_url cannot be read");
	} else if (!t.is_numeric && (pinned = pin(&t)) == NULL) {
		rc = err_set(e, CS_E_UNAVAILABLE, "JWKS_UNAVAILABLE",
		    "the host of jwks_url has no address");
	} else {
		set_options(curl, url, pinned, &b);
		rc = perform(curl, e);
	}
	curl_slist_free_all(pinned);
	curl_easy_cleanup(curl);
	return rc;
}
