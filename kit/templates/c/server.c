#include "server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATH        "/synapsor/writeback"
#define THREADS     4
#define WAITING_MAX 64
#define HEADERS_MAX 64
#define HEADER_SIZE 16384
#define PATIENCE_S  30

/* One request on its way. evhttp leaves its texts alone until it is answered,
 * even when the peer has gone. */
struct work {
	struct evhttp_request *request;
	struct cs_handler_header headers[HEADERS_MAX];
	struct cs_handler_request asked;
	struct cs_handler_answer answer;
	struct work *next;
};

struct queue {
	struct work *first;
	struct work **last;
};

static struct {
	const struct cs_handler *handler;
	pthread_mutex_t lock; /* guards the queues */
	pthread_cond_t ready;
	struct queue todo;
	struct queue done;
	size_t waiting; /* in todo */
	int wake;       /* tells the loop that something is done */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER,
    .ready = PTHREAD_COND_INITIALIZER,
    .todo = {NULL, &server.todo.first},
    .done = {NULL, &server.done.first},
    .wake = -1};

static void
put(struct queue *q, struct work *w)
{
	w->next = NULL;
	*q->last = w;
	q->last = &w->next;
}

static struct work *
take(struct queue *q)
{
	struct work *w = q->first;

	if (w != NULL) {
		q->first = w->next;
		if (q->first == NULL) {
			q->last = &q->first;
		}
	}
	return w;
}

/* A thread: wait for work, do it, tell the loop. */
static void *
serve(void *unused)
{
	const uint64_t one = 1;

	(void)unused;
	for (;;) {
		struct work *w;

		(void)pthread_mutex_lock(&server.lock);
		while ((w = take(&server.todo)) == NULL) {
			(void)pthread_cond_wait(&server.ready, &server.lock);
		}
		server.waiting--;
		(void)pthread_mutex_unlock(&server.lock);
		cs_handler_handle(server.handler, &w->asked, &w->answer);
		(void)pthread_mutex_lock(&server.lock);
		put(&server.done, w);
		(void)pthread_mutex_unlock(&server.lock);
		(void)!write(server.wake, &one, sizeof(one));
	}
	return NULL;
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

/* The loop: send what is done. */
static void
on_wake(evutil_socket_t fd, short events, void *unused)
{
	uint64_t count;

	(void)events;
	(void)unused;
	(void)!read(fd, &count, sizeof(count));
	for (;;) {
		struct work *w;

		(void)pthread_mutex_lock(&server.lock);
		w = take(&server.done);
		(void)pthread_mutex_unlock(&server.lock);
		if (w == NULL) {
			return;
		}
		send_answer(w->request, &w->answer);
		cs_handler_answer_clear(&w->answer);
		free(w);
	}
}

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

/* False when there are more than a sender of ours would have. */
static bool
copy_headers(struct work *w)
{
	struct evkeyvalq *list = evhttp_request_get_input_headers(w->request);
	const struct evkeyval *kv = list->tqh_first;
	size_t n = 0;

	for (; kv != NULL && n < HEADERS_MAX; kv = kv->next.tqe_next) {
		w->headers[n++] =
		    (struct cs_handler_header){kv->key, kv->value};
	}
	w->asked.headers = w->headers;
	w->asked.header_count = n;
	return kv == NULL;
}

/* The loop: take a request and leave it to the threads. */
static void
on_request(struct evhttp_request *request, void *unused)
{
	struct evbuffer *body = evhttp_request_get_input_buffer(request);
	struct work *w = calloc(1, sizeof(*w));

	(void)unused;
	if (w == NULL || server.waiting >= WAITING_MAX) {
		free(w);
		evhttp_send_reply(request, 503, NULL, NULL);
		return;
	}
	w->request = request;
	w->asked.method = method_of(request);
	w->asked.body_len = evbuffer_get_length(body);
	w->asked.body = w->asked.body_len > 0
			    ? (const void *)evbuffer_pullup(body, -1)
			    : "";
	if (!copy_headers(w)) {
		free(w);
		evhttp_send_reply(request, 431, NULL, NULL);
		return;
	}
	(void)pthread_mutex_lock(&server.lock);
	put(&server.todo, w);
	server.waiting++;
	(void)pthread_cond_signal(&server.ready);
	(void)pthread_mutex_unlock(&server.lock);
}

static void
not_found(struct evhttp_request *request, void *unused)
{
	(void)unused;
	evhttp_send_reply(request, 404, NULL, NULL);
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
	(void)printf(
	    "http://127.0.0.1:%u%s\n", (unsigned)ntohs(address.sin_port), PATH);
	(void)fflush(stdout);
	return fd;
}

static int
start_threads(void)
{
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, serve, NULL) != 0) {
			return -1;
		}
		(void)pthread_detach(thread);
	}
	return 0;
}

int
server_run(unsigned short port, const struct cs_handler *handler)
{
	struct event_base *base = event_base_new();
	struct evhttp *http = base == NULL ? NULL : evhttp_new(base);
	struct event *wake = NULL;

	server.handler = handler;
	server.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (http != NULL && server.wake >= 0) {
		wake = event_new(
		    base, server.wake, EV_READ | EV_PERSIST, on_wake, NULL);
	}
	if (wake == NULL || event_add(wake, NULL) != 0 ||
	    start_threads() != 0 ||
	    evhttp_accept_socket(http, listen_on(port)) != 0) {
		perror("cannot serve");
		return EXIT_FAILURE;
	}
	evhttp_set_allowed_methods(
	    http, EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
		      EVHTTP_REQ_OPTIONS | EVHTTP_REQ_GET | EVHTTP_REQ_DELETE);
	/* What is more is read away, so that the sender sees the 413. */
	evhttp_set_max_body_size(http, CS_HANDLER_BODY_MAX);
	(void)evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE);
	evhttp_set_max_headers_size(http, HEADER_SIZE);
	evhttp_set_timeout(http, PATIENCE_S);
	evhttp_set_gencb(http, not_found, NULL);
	(void)evhttp_set_cb(http, PATH, on_request, NULL);
	(void)event_base_dispatch(base);
	return EXIT_FAILURE;
}
