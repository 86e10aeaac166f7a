#include "http/exchange.h"

#include <curl/curl.h>
#include <stdio.h>

#include "common/base/err.h"
#include "http/target.h"

/* Where one part of the answer goes, and how much of it may come. */
struct sink {
	struct buf *out;
	size_t max;
	bool is_over;
};

/* What one transfer owns. */
struct transfer {
	CURL *curl;
	struct curl_slist *pinned;
	struct curl_slist *headers;
	struct sink body;
	struct sink head;
};

void
exchange_clear(struct exchange_answer *a)
{
	buf_clear(&a->headers);
	buf_clear(&a->body);
}

/* Less than all of it ends the transfer. */
static size_t
on_data(char *data, size_t size, size_t count, void *arg)
{
	struct sink *s = arg;
	size_t len = size * count;

	if (s->out->len + len > s->max) {
		s->is_over = true;
		return 0;
	}
	buf_append(s->out, data, len);
	return len;
}

/* A status line begins anew: what came before was an interim answer. */
static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct sink *s = arg;
	size_t len = size * count;
	size_t kept = len;

	if (len >= 5 && strncmp(data, "HTTP/", 5) == 0) {
		buf_reset(s->out);
		return len;
	}
	while (kept > 0 && (data[kept - 1] == '\r' || data[kept - 1] == '\n')) {
		kept--;
	}
	if (s->out->len + kept + 1 > s->max) {
		s->is_over = true;
		return 0;
	}
	if (kept > 0) {
		buf_append(s->out, data, kept);
		buf_putc(s->out, '\n');
	}
	return len;
}

static int
refuse(struct err *e, const struct target *t, const char *why)
{
	return err_set(e, CS_E_DENIED, "HTTP_REFUSED",
	    "%s: %s; nothing was sent", t->host, why);
}

/* Where it leads, under the rules; the address is pinned. */
static int
aim(const struct exchange *x, struct transfer *tr, struct err *e)
{
	struct target t = {0};
	enum address_kind kind = ADDRESS_NEVER;
	char address[TARGET_ADDRESS_SIZE];
	char line[TARGET_HOST_MAX + sizeof(t.port) + sizeof(address) + 4];

	if (!target_parse(x->url, &t)) {
		return err_set(e, CS_E_INVALID, "HTTP_URL_INVALID",
		    "the URL is not http or https, cannot be read, or has a "
		    "user in it; nothing was sent");
	}
	if (!t.is_https && !t.is_loopback && !x->allow_plain) {
		return refuse(e, &t, "plain http goes to this machine only");
	}
	if (!target_resolve(&t, address, &kind)) {
		return err_set(e, CS_E_UNAVAILABLE, "HTTP_UNAVAILABLE",
		    "%s has no address; nothing was sent", t.host);
	}
	/* A name that leads inside was not meant as an address inside. */
	if (kind == ADDRESS_NEVER ||
	    (kind == ADDRESS_LOOPBACK && !t.is_loopback) ||
	    (kind == ADDRESS_PRIVATE && !x->allow_private)) {
		return refuse(e, &t,
		    kind == ADDRESS_PRIVATE ? "is an address of a private "
					      "network, which was not allowed"
					    : "does not lead to a host that "
					      "could be meant");
	}
	if (!t.is_numeric) {
		(void)snprintf(
		    line, sizeof(line), "%s:%s:%s", t.host, t.port, address);
		tr->pinned = curl_slist_append(NULL, line);
	}
	return 0;
}

static int
gather_headers(const struct exchange *x, struct transfer *tr, struct err *e)
{
	struct buf line = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < x->header_count; i++) {
		const struct http_header *h = &x->headers[i];
		if (strpbrk(h->name, "\r\n: \t") != NULL ||
		    h->name[0] == '\0' || strpbrk(h->value, "\r\n") != NULL) {
			rc = err_set(e, CS_E_INVALID, "HTTP_HEADER_INVALID",
			    "a header of the request cannot be sent; nothing "
			    "was sent");
		}
		buf_reset(&line);
		buf_printf(&line, "%s: %s", h->name, h->value);
		tr->headers = curl_slist_append(tr->headers, buf_text(&line));
	}
	/* curl would ask before it sends a large body, and wait for it. */
	tr->headers = curl_slist_append(tr->headers, "Expect:");
	/* It may have held a token. */
	if (line.len > 0) {
		explicit_bzero(line.data, line.len);
	}
	buf_clear(&line);
	return rc;
}

static void
set_options(const struct exchange *x, struct transfer *tr)
{
	CURL *curl = tr->curl;

	(void)curl_easy_setopt(curl, CURLOPT_URL, x->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	(void)curl_easy_setopt(curl, CURLOPT_RESOLVE, tr->pinned);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(
	    curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (x->ca_file != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, x->ca_file);
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, x->total_ms);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, x->connect_ms);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, x->agent);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, tr->headers);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &tr->body);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &tr->head);
	if (strcmp(x->method, "GET") != 0) {
		(void)curl_easy_setopt(
		    curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.len);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
		    x->body.len > 0 ? x->body.ptr : "");
		(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, x->method);
	}
}

static int
perform(struct transfer *tr, struct exchange_answer *out, struct err *e)
{
	CURLcode code = curl_easy_perform(tr->curl);

	long sent = 0;

	(void)curl_easy_getinfo(tr->curl, CURLINFO_RESPONSE_CODE, &out->status);
	(void)curl_easy_getinfo(tr->curl, CURLINFO_REQUEST_SIZE, &sent);
	out->was_sent = sent > 0;
	if (tr->body.is_over || tr->head.is_over) {
		return err_set(e, CS_E_TOO_LARGE, "HTTP_TOO_LARGE",
		    "the answer is larger than %zu bytes", tr->body.max);
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		return err_set(e, CS_E_TIMEOUT, "HTTP_TIMEOUT",
		    "no answer in time; it is not known whether the request "
		    "arrived");
	}
	return code == CURLE_OK
		   ? 0
		   : err_set(e, CS_E_UNAVAILABLE, "HTTP_UNAVAILABLE",
			 "the exchange failed: %s", curl_easy_strerror(code));
}

int
exchange_run(
    const struct exchange *x, struct exchange_answer *out, struct err *e)
{
	struct transfer tr = {.body = {&out->body, x->max, false},
	    .head = {&out->headers, x->max, false}};
	int rc;

	*out = (struct exchange_answer){.headers = BUF_INIT};
	tr.curl = curl_easy_init();
	rc = tr.curl == NULL ? err_set(e, CS_E_NOMEM, "HTTP_UNAVAILABLE",
				   "no memory for an exchange")
			     : aim(x, &tr, e);
	if (rc == 0) {
		rc = gather_headers(x, &tr, e);
	}
	if (rc == 0) {
		set_options(x, &tr);
		rc = perform(&tr, out, e);
	}
	curl_slist_free_all(tr.pinned);
	curl_slist_free_all(tr.headers);
	curl_easy_cleanup(tr.curl);
	return rc;
}
