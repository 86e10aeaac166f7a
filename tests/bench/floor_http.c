/*
 * A bare evhttp server that answers every POST with the same bytes: what HTTP
 * costs before anything is done. usage: floor_http PORT BYTES
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "common/base/xalloc.h"
#include "tests/bench/samples.h"

static char *body;
static size_t body_len;

static void
on_request(struct evhttp_request *req, void *arg)
{
	(void)arg;
	(void)evhttp_add_header(evhttp_request_get_output_headers(req),
	    "Content-Type", "application/json");
	(void)evbuffer_add(
	    evhttp_request_get_output_buffer(req), body, body_len);
	evhttp_send_reply(req, 200, "OK", NULL);
}

int
main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = evhttp_new(base);

	if (argc != 3) {
		bench_die("usage: floor_http PORT BYTES");
	}
	body_len = (size_t)bench_number(argv[2], 1);
	if (evhttp_bind_socket(
		http, "127.0.0.1", (uint16_t)bench_number(argv[1], 1)) != 0) {
		bench_die("cannot listen");
	}
	body = xcalloc(1, body_len);
	memset(body, 'x', body_len);
	evhttp_set_gencb(http, on_request, NULL);
	return event_base_dispatch(base);
}
