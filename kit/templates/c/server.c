#include "server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/keyvalq_struct.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS     4
#define HEADERS_MAX 64
#define HEADER_SIZE 16384
#define PATIENCE_S  30

static const char *
method_of(struct evhttp_request *request)
{
	static const struct {
		enum evhttp_cmd_type type;
		const char *name;
	} methods[] = {{EVHTTP_REQ_POST, "POST"}, {EVHTTP_REQ_PUT, "PUT"},
	    {EVHTTP_REQ_PATCH, "PATCH"}, {EVHTTP_REQ_OPTIONS, "OPTIONS"}};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].type == evhttp_request_get_command(request)) {
			return methods[i].name;
		}
	}
	return "OTHER";
}

static size_t
copy_headers(struct evhttp_request *request, struct cs_handler_header *out)
{
	struct evkeyvalq *list = evhttp_request_get_input_headers(request);
	size_t count = 0;

	for (const struct evkeyval *kv = list->tqh_first;
	     kv != NULL && count < HEADERS_MAX; kv = kv->next.tqe_next) {
		out[count++] = (struct cs_handler_header){kv->key, kv->value};
	}
	return count;
}

static void
send_answer(
    struct evhttp_request *request, const struct cs_handler_answer *answer)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evbuffer_new();

	if (answer->allow != NULL) {
		(void)evhttp_add_header(headers, "Allow", answer->allow);
	}
	(void)evhttp_add_header(headers, "Cache-Control", "no-store");
	if (answer->body_len > 0) {
		(void)evhttp_add_header(
		    headers, "Content-Type", "application/json; charset=utf-8");
		(void)evbuffer_add(body, answer->body, answer->body_len);
	}
	evhttp_send_reply(request, answer->http_status, NULL, body);
	evbuffer_free(body);
}

void
server_handle(struct evhttp_request *request, void *context)
{
	const struct cs_handler *handler = context;
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	struct cs_handler_header headers[HEADERS_MAX];
	struct cs_handler_request r = {.method = method_of(request),
	    .headers = headers,
	    .header_count = copy_headers(request, headers),
	    .body_len = evbuffer_get_length(input)};
	struct cs_handler_answer answer;

	r.body = r.body_len > 0 ? (const void *)evbuffer_pullup(input, -1) : "";
	cs_handler_handle(handler, &r, &answer);
	send_answer(request, &answer);
	cs_handler_answer_clear(&answer);
}

static void
not_found(struct evhttp_request *request, void *context)
{
	(void)context;
	evhttp_send_reply(request, 404, NULL, NULL);
}

/* One thread's loop: they share the socket, and who is free takes the next. */
struct worker {
	struct event_base *base;
	struct evhttp *http;
};

static int
prepare(struct worker *w, int fd, server_answer answer, void *context)
{
	w->base = event_base_new();
	w->http = w->base == NULL ? NULL : evhttp_new(w->base);
	if (w->http == NULL || evhttp_accept_socket(w->http, fd) != 0) {
		return -1;
	}
	evhttp_set_allowed_methods(w->http,
	    EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
		EVHTTP_REQ_OPTIONS | EVHTTP_REQ_GET | EVHTTP_REQ_DELETE);
	evhttp_set_max_body_size(w->http, CS_HANDLER_BODY_MAX);
	evhttp_set_max_headers_size(w->http, HEADER_SIZE);
	evhttp_set_timeout(w->http, PATIENCE_S);
	evhttp_set_gencb(w->http, not_found, NULL);
	return evhttp_set_cb(w->http, SERVER_PATH, answer, context);
}

static void *
serve(void *context)
{
	struct worker *w = context;

	(void)event_base_dispatch(w->base);
	return NULL;
}

static int
listen_on(unsigned short port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(fd, (const struct sockaddr *)&address, size) != 0 ||
	    listen(fd, SOMAXCONN) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
		return -1;
	}
	(void)printf("http://127.0.0.1:%u%s\n",
	    (unsigned)ntohs(address.sin_port), SERVER_PATH);
	(void)fflush(stdout);
	return fd;
}

int
server_run(unsigned short port, server_answer answer, void *context)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	int fd = listen_on(port);

	if (fd < 0) {
		perror("cannot listen");
		return EXIT_FAILURE;
	}
	for (int i = 0; i < THREADS; i++) {
		if (prepare(&workers[i], fd, answer, context) != 0 ||
		    pthread_create(&threads[i], NULL, serve, &workers[i]) !=
			0) {
			(void)fputs("cannot start a thread\n", stderr);
			return EXIT_FAILURE;
		}
	}
	for (int i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	return EXIT_FAILURE;
}
