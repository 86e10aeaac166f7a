#include "mcpd/transport/http_reply.h"

#include <event2/buffer.h>
#include <event2/http.h>

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

const char *
http_phrase(int status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status) {
			return phrases[i].phrase;
		}
	}
	return "Error";
}

void
http_add(struct evhttp_request *req, const char *name, const char *value)
{
	(void)evhttp_add_header(
	    evhttp_request_get_output_headers(req), name, value);
}

void
http_add_common(struct evhttp_request *req, const char *cors_origin)
{
	http_add(req, "Cache-Control", "no-store");
	http_add(req, "X-Content-Type-Options", "nosniff");
	http_add(req, "Referrer-Policy", "no-referrer");
	if (cors_origin != NULL) {
		http_add(req, "Access-Control-Allow-Origin", cors_origin);
		http_add(req, "Access-Control-Expose-Headers",
		    "Mcp-Session-Id, WWW-Authenticate, Retry-After");
		http_add(req, "Vary", "Origin");
	}
}

void
http_send(
    struct evhttp_request *req, int status, const char *type, struct span body)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(req);

	if (type[0] != '\0') {
		http_add(req, "Content-Type", type);
		(void)evbuffer_add(out, body.ptr, body.len);
	}
	evhttp_send_reply(req, status, http_phrase(status), NULL);
}

void
http_refuse(struct evhttp_request *req, const struct http_refusal *why)
{
	char body[128];
	int len = snprintf(
	    body, sizeof(body), "{\"ok\":false,\"error\":\"%s\"}", why->word);

	if (why->header != NULL) {
		http_add(req, why->header, why->value);
	}
	if (why->closes) {
		http_add(req, "Connection", "close");
	}
	http_send(req, why->status, TYPE_JSON,
	    (struct span){body, len > 0 ? (size_t)len : 0});
}
