/*
 * Any bytes on a connection, through evhttp into the real handlers with a
 * ledger that is away: the server must neither fall nor answer with data, every
 * exchange must end, and what it says must begin like HTTP.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "mcpd/metrics.h"
#include "mcpd/server.h"
#include "mcpd/transport/http.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TURNS 12

static const char contract_text[] =
    "{\"version\":1,\"mode\":\"review\",\"sources\":{\"s\":{\"engine\":"
    "\"postgres\",\"read_url_env\":\"R\",\"write_url_env\":\"W\"}},"
    "\"trusted_context\":{\"provider\":\"environment\"},"
    "\"capabilities\":[{\"name\":\"a.b\",\"kind\":\"read\",\"source\":\"s\","
    "\"target\":{\"schema\":\"public\",\"table\":\"t\",\"primary_key\":"
    "\"id\",\"tenant_key\":\"tenant_id\"},\"args\":{\"id\":{\"type\":"
    "\"string\",\"max_length\":9}},\"lookup\":{\"id_from_arg\":\"id\"},"
    "\"visible_columns\":[\"id\"]}]}";

static struct server server;
static struct metrics metrics;
static struct event_base *base;
static struct arena *plans_arena; /* kept, so that it is no leak */
static struct bearer bearer = {.is_open = true};
static struct http_config config;
static struct http *http[2]; /* kept, too; the second one is the bridge */
static struct sockaddr_un address[2];
static socklen_t address_len[2];

static void
fake_submit(struct reader *r, struct read_request *q)
{
	(void)r;
	q->error = "ROW_NOT_FOUND";
	q->done(q);
}

static const struct reader_ops fake_ops = {.submit = fake_submit};

static char *
lookup(void *arg, const char *name)
{
	(void)arg;
	return xstrdup(name);
}

static void
on_mismatch(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
}

static void
on_finished(void *arg)
{
	(void)arg;
}

/* The kernel gives it a name of its own. */
static void
serve(size_t i, const struct http_config *c)
{
	sa_family_t family = AF_UNIX;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	cs_assert(bind(fd,
		      (const struct sockaddr *)&(struct sockaddr_un){
			  .sun_family = family},
		      sizeof(family)) == 0);
	cs_assert(listen(fd, 16) == 0);
	address_len[i] = sizeof(address[i]);
	cs_assert(getsockname(fd, (struct sockaddr *)&address[i],
		      &address_len[i]) == 0);
	http[i] = http_new(base, &server, c, fd, on_finished, NULL);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct reader reader = {.ops = &fake_ops};
	static struct reader *readers[1] = {&reader};
	static struct http_config bridge;
	struct contract *c = NULL;
	int fds[2];

	(void)argc;
	(void)argv;
	crypto_init();
	log_init("fuzz", LOG_LEVEL_ERR);
	cs_assert(contract_parse(span_of(contract_text), &c, NULL) == 0);
	cs_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	(void)close(fds[1]);
	base = event_base_new();
	plans_arena = arena_new();
	metrics_init(&metrics, c);
	server.contract = c;
	server.mode = MODE_REVIEW;
	server.format = &result_v2;
	server.tools = tools_new(
	    c, &(struct tools_options){MODE_REVIEW, STYLE_BOTH, false});
	context_resolve(&server.contexts, c, lookup, NULL);
	server.plans = plans_build(c, plans_arena);
	server.readers = readers;
	server.metrics = &metrics;
	server.ledger = ledger_client_new(base, fds[0], c, on_mismatch, NULL);
	config = (struct http_config){.hosts = {NULL, 0, true},
	    .origins = {NULL, 0, true},
	    .bearer = &bearer,
	    .metrics = &bearer,
	    .session_idle_ms = 1800000,
	    .max_connections = 64,
	    .max_per_identity = 64,
	    .request_ms = 1000};
	bridge = config;
	bridge.is_bridge = true;
	serve(0, &config);
	serve(1, &bridge);
	return 0;
}

/* What came back, if anything, is HTTP, and no data without a record. */
static void
check_answer(int fd)
{
	static char answer[1 << 16];
	ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

	if (n > 0) {
		cs_assert(n >= 5 && memcmp(answer, "HTTP/", 5) == 0);
		cs_assert(memmem(answer, (size_t)n, "\"ok\":true,\"summary\"",
			      19) == NULL);
	}
}

/* The first byte chooses the server, a 0xff in the bytes a pause. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t which = size > 0 ? data[0] & 1U : 0;
	size_t at = size > 0 ? 1 : 0;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cs_assert(connect(fd, (const struct sockaddr *)&address[which],
		      address_len[which]) == 0);
	while (at < size) {
		const uint8_t *pause = memchr(data + at, 0xff, size - at);
		size_t len =
		    pause == NULL ? size - at : (size_t)(pause - data) - at;

		(void)send(fd, data + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		at += len + 1;
	}
	for (int i = 0; i < TURNS; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	}
	check_answer(fd);
	(void)close(fd);
	for (int i = 0; i < 3; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	}
	return 0;
}
