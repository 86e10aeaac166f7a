/*
 * N HTTP connections, each with one POST in flight, plain or over TLS, for a
 * while; every answer must be a 200. Prints what samples_print prints.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "common/base/buf.h"
#include "common/base/xalloc.h"
#include "tests/bench/samples.h"

static const char usage[] =
    "usage: http_load PORT plain|tls CONNECTIONS MILLISECONDS TOKEN BODY";

struct load {
	struct event_base *base;
	struct sockaddr_in address;
	SSL_CTX *tls; /* NULL: plain */
	struct buf request;
	int64_t until_ns;
	unsigned open;
	struct samples samples;
};

struct connection {
	struct load *load;
	struct bufferevent *bev;
	int64_t asked_ns;
	size_t waiting; /* bytes of the body; 0: the head is not here yet */
};

static void
ask(struct connection *c)
{
	struct load *l = c->load;

	if (bench_now_ns() >= l->until_ns) {
		bufferevent_free(c->bev);
		if (--l->open == 0) {
			(void)event_base_loopbreak(l->base);
		}
		return;
	}
	c->asked_ns = bench_now_ns();
	(void)bufferevent_write(c->bev, l->request.data, l->request.len);
}

/* Once the head is here: how long is the body? */
static bool
take_head(struct connection *c, struct evbuffer *in)
{
	static const char field[] = "Content-Length: ";
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	const char *at = NULL;
	char *head = NULL;

	if (end.pos < 0) {
		return false;
	}
	head = xcalloc(1, (size_t)end.pos + 5);
	(void)evbuffer_remove(in, head, (size_t)end.pos + 4);
	at = strcasestr(head, field);
	if (strncmp(head, "HTTP/1.1 200 ", 13) != 0 || at == NULL) {
		bench_die("not the answer: %.60s", head);
	}
	c->waiting = (size_t)strtoul(at + sizeof(field) - 1, NULL, 10);
	free(head);
	return true;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct connection *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (c->waiting == 0 && !take_head(c, in)) {
		return;
	}
	if (evbuffer_get_length(in) < c->waiting) {
		return;
	}
	(void)evbuffer_drain(in, c->waiting);
	c->waiting = 0;
	samples_add(&c->load->samples, c->asked_ns, true);
	ask(c);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & BEV_EVENT_CONNECTED) != 0) {
		ask(arg);
	} else {
		bench_die("a connection ended (events %d)", what);
	}
}

static void
open_connection(struct load *l)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	c->load = l;
	c->bev =
	    l->tls == NULL
		? bufferevent_socket_new(l->base, -1, BEV_OPT_CLOSE_ON_FREE)
		: bufferevent_openssl_socket_new(l->base, -1, SSL_new(l->tls),
		      BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->bev, on_read, NULL, on_event, c);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(c->bev,
		(const struct sockaddr *)&l->address,
		sizeof(l->address)) != 0) {
		bench_die("cannot connect");
	}
	l->open++;
}

int
main(int argc, char **argv)
{
	static struct load l;
	if (argc != 7) {
		bench_die("%s", usage);
	}
	l.base = event_base_new();
	l.address.sin_family = AF_INET;
	l.address.sin_port = htons((uint16_t)bench_number(argv[1], 1));
	l.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* The certificate is thrown away with the server: nobody checks it. */
	l.tls = strcmp(argv[2], "tls") == 0 ? SSL_CTX_new(TLS_client_method())
					    : NULL;
	buf_printf(&l.request,
	    "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
	    "%s\r\nContent-Type: application/json\r\nAccept: "
	    "application/json, text/event-stream\r\nContent-Length: "
	    "%zu\r\n\r\n%s",
	    argv[5], strlen(argv[6]), argv[6]);
	samples_begin(&l.samples);
	l.until_ns = l.samples.start_ns + bench_number(argv[4], 1) * 1000000;
	for (int64_t i = bench_number(argv[3], 1); i > 0; i--) {
		open_connection(&l);
	}
	(void)event_base_dispatch(l.base);
	samples_print(&l.samples);
	return 0;
}
