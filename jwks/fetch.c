#include "jwks/fetch.h"

#include <stdlib.h>

#include "common/base/err.h"
#include "http/exchange.h"
#include "http/target.h"

unsigned
fetch_port(const char *url)
{
	struct target t;

	return target_parse(url, &t) ? (unsigned)strtoul(t.port, NULL, 10) : 0;
}

int
fetch(const char *url, size_t max, struct buf *out, struct err *e)
{
	/* The contract has checked the URL; an issuer may well be inside. */
	const struct exchange x = {.url = url,
	    .method = "GET",
	    .agent = "countersign-jwks",
	    .allow_private = true,
	    .connect_ms = FETCH_TIMEOUT_MS / 2,
	    .total_ms = FETCH_TIMEOUT_MS,
	    .max = max};
	struct exchange_answer answer = {0};
	struct err why = {0};
	int rc = exchange_run(&x, &answer, &why);

	if (rc != 0) {
		rc = err_set(e, CS_E_UNAVAILABLE, "JWKS_UNAVAILABLE",
		    "the issuer's keys cannot be fetched: %.300s", why.msg);
	} else if (answer.status != 200) {
		rc = err_set(e, CS_E_UNAVAILABLE, "JWKS_UNAVAILABLE",
		    "the issuer's keys cannot be fetched: HTTP status %ld "
		    "(redirects are not followed)",
		    answer.status);
	} else {
		buf_span(out, buf_as_span(&answer.body));
	}
	exchange_clear(&answer);
	return rc;
}
