/*
 * Any bytes as lines from a client: every answer must be one line of strict
 * JSON, every request must end, and nothing may be answered with data while
 * the ledger is away.
 */
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "mcpd/mcp/session.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char contract_text[] =
    "{\"version\":1,\"mode\":\"review\",\"sources\":{\"s\":{\"engine\":"
    "\"postgres\",\"read_url_env\":\"R\",\"write_url_env\":\"W\"}},"
    "\"trusted_context\":{\"provider\":\"environment\"},"
    "\"capabilities\":[{\"name\":\"a.b\",\"kind\":\"proposal\","
    "\"source\":\"s\",\"target\":{\"schema\":\"public\",\"table\":\"t\","
    "\"primary_key\":\"id\",\"tenant_key\":\"tenant_id\"},"
    "\"args\":{\"id\":{\"type\":\"string\",\"max_length\":9},"
    "\"n\":{\"type\":\"number\",\"minimum\":-5,\"maximum\":1e3},"
    "\"f\":{\"type\":\"boolean\",\"required\":false}},"
    "\"lookup\":{\"id_from_arg\":\"id\"},\"visible_columns\":[\"id\"],"
    "\"patch\":{\"x\":{\"from_arg\":\"n\"}},\"allowed_columns\":[\"x\"],"
    "\"conflict_guard\":{\"column\":\"u\"}}]}";

static struct server server;
static struct event_base *base;
static struct arena *scratch;
static struct arena *plans_arena; /* kept, so that it is no leak */

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
on_send(void *transport, struct span text, int http_status)
{
	struct json_doc doc;

	(void)transport;
	(void)http_status;
	cs_assert(memchr(text.ptr, '\n', text.len) == NULL);
	arena_reset(scratch);
	cs_assert(json_scan(&doc, text, scratch, NULL) == 0);
	/* With its quotes no echoed string can hold this. */
	cs_assert(
	    memmem(text.ptr, text.len, "\"structuredContent\":", 20) == NULL);
}

/* Up to the next '|', which is stepped over. */
static struct span
field(struct span *rest)
{
	struct span f = {rest->ptr, 0};

	while (f.len < rest->len && rest->ptr[f.len] != '|') {
		f.len++;
	}
	rest->ptr += f.len;
	rest->len -= f.len;
	if (rest->len > 0) {
		rest->ptr++;
		rest->len--;
	}
	return f;
}

/* "@version|method|name|body" comes with headers, as over HTTP. */
static void
receive(struct session *s, struct span line)
{
	struct http_headers h;

	if (line.len == 0 || line.ptr[0] != '@') {
		session_receive(s, line, NULL);
		return;
	}
	line.ptr++;
	line.len--;
	h.version = field(&line);
	h.method = field(&line);
	h.name = field(&line);
	session_receive(s, line, &h);
}

static void
on_ended(void *transport)
{
	(void)transport;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct reader reader = {&fake_ops};
	static struct reader *readers[1] = {&reader};
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
	scratch = arena_new();
	plans_arena = arena_new();
	server.contract = c;
	server.mode = MODE_REVIEW;
	server.format = &result_v2;
	server.tools = tools_new(
	    c, &(struct tools_options){MODE_REVIEW, STYLE_BOTH, false});
	context_resolve(&server.contexts, c, lookup, NULL);
	server.plans = plans_build(c, plans_arena);
	server.readers = readers;
	server.ledger = ledger_client_new(base, fds[0], c, on_mismatch, NULL);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = {(const char *)data, size};
	struct session session;

	session_init(&session, &server, on_send, on_ended, NULL);
	while (rest.len > 0) {
		const char *end = memchr(rest.ptr, '\n', rest.len);
		size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr);

		receive(&session, (struct span){rest.ptr, len});
		rest.ptr += len + (end != NULL ? 1 : 0);
		rest.len -= len + (end != NULL ? 1 : 0);
	}
	for (int i = 0; i < 10 && session.in_flight > 0; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	cs_assert(session.in_flight == 0);
	return 0;
}
