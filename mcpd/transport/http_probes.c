/*
 * What load balancers and collectors ask: alive, ready, numbers. Nothing here
 * asks anybody else, so that watching costs nothing.
 */
#include "mcpd/transport/http_parts.h"

#define TYPE_METRICS \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

static const struct http_refusal bad_method = {.status = 405,
    .word = "method_not_allowed",
    .header = "Allow",
    .value = "GET"};

static bool
is_get(struct incoming *in)
{
	if (evhttp_request_get_command(in->req) == EVHTTP_REQ_GET ||
	    evhttp_request_get_command(in->req) == EVHTTP_REQ_HEAD) {
		return true;
	}
	http_refuse_in(in, &bad_method);
	return false;
}

static size_t
count_tools(const struct server *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->contract->capability_count; i++) {
		count += s->mode != MODE_READ_ONLY ||
				 s->contract->capabilities[i].kind == KIND_READ
			     ? 1
			     : 0;
	}
	return count;
}

/* The shape of 0.1.1 (engine.md §1.17). */
void
http_on_health(struct incoming *in)
{
	const struct http *http = in->http;
	struct buf text = BUF_INIT;
	struct json_out j;

	if (!is_get(in)) {
		return;
	}
	json_begin(&j, &text, 2);
	json_open(&j, '{');
	json_field_bool(&j, "ok", true);
	json_field_text(&j, "transport",
	    http->config->is_bridge ? "http" : "streamable-http");
	if (!http->config->is_bridge) {
		json_field_int(
		    &j, "sessions", http_sessions_count(http->sessions));
	}
	json_field_int(&j, "tools", (int64_t)count_tools(http->server));
	json_field_text(&j, "mode", contract_mode_name(http->server->mode));
	json_close(&j, '}');
	buf_putc(&text, '\n');
	http_send(in->req, 200, TYPE_JSON, buf_as_span(&text));
	buf_clear(&text);
}

/* From what is known already: asking costs nobody anything. */
void
http_on_ready(struct incoming *in)
{
	const struct server *s = in->http->server;
	bool ledger = ledger_client_is_ready(s->ledger);
	bool sources = metrics_sources_ready(s->metrics);
	struct buf text = BUF_INIT;
	struct json_out j;

	if (!is_get(in)) {
		return;
	}
	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_bool(&j, "ok", ledger && sources);
	json_field_text(&j, "ledger", ledger ? "ready" : "unavailable");
	json_field_text(&j, "sources", sources ? "ready" : "unavailable");
	json_close(&j, '}');
	http_send(in->req, ledger && sources ? 200 : 503, TYPE_JSON,
	    buf_as_span(&text));
	buf_clear(&text);
}

void
http_on_metrics(struct incoming *in)
{
	const struct http *http = in->http;
	struct metrics_now now = {.connections = http_conns_count(http->conns),
	    .in_flight = http_exchanges_count(http),
	    .sessions = http_sessions_count(http->sessions),
	    .ledger_ready = ledger_client_is_ready(http->server->ledger)};
	struct buf text = BUF_INIT;
	struct auth_verdict who;

	if (http->config->metrics == NULL) {
		http_refuse_in(in, &http_not_found);
		return;
	}
	bearer_check(http->config->metrics, in->head.authorization, &who);
	if (who.status != 200) {
		http_challenge_in(in, &who);
	} else if (is_get(in)) {
		metrics_write(http->server->metrics, &now, &text);
		http_send(in->req, 200, TYPE_METRICS, buf_as_span(&text));
		buf_clear(&text);
	}
}
