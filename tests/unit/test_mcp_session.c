/*
 * A whole conversation without a process: a reader that answers from memory
 * and a ledger at the other end of a socket pair, both in one event loop. What
 * is proved here is the order of things: nothing is answered before it is
 * stored, refusals are recorded, cancelled calls stay silent.
 */
#include "tests/unit/mcp_contract.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/crypto/digest.h"
#include "mcpd/mcp/session.h"

enum ledger_mood {
	LEDGER_STORES,
	LEDGER_SILENT,
	LEDGER_REFUSES
};

struct world {
	struct event_base *base;
	struct contract *contract;
	struct server server;
	struct session session;
	struct arena *arena;
	struct reader reader;
	struct reader *readers[1];
	/* The fake source. */
	const char *read_error;
	struct read_request *held; /* a read that waits for the test */
	bool hold;
	unsigned cancelled;
	/* The fake ledger. */
	int ledger_fd;
	int client_fd;
	struct event *ledger_event;
	struct buf ledger_in;
	enum ledger_mood mood;
	struct buf log; /* "READ;REFUSE:code;" as they came */
	/* What the client got, one line per answer. */
	struct buf answers;
	int status; /* of the last answer */
	unsigned ended;
	unsigned mismatches;
};

static struct world w;

static void
fill_row(struct read_request *q)
{
	const struct contract_capability *cap = q->plan->cap;

	q->row = arena_array(q->arena, cap->read_count, sizeof(*q->row));
	for (size_t i = 0; i < cap->read_count; i++) {
		const char *column = cap->read_columns[i];

		q->row[i].name = span_of(column);
		q->row[i].value =
		    strcmp(column, "id") == 0 ? q->key
		    : strcmp(column, "tenant_id") == 0
			? (struct scalar){SCALAR_TEXT, q->tenant}
			: (struct scalar){SCALAR_NUMBER, span_of("5")};
	}
}

static void
fake_submit(struct reader *r, struct read_request *q)
{
	(void)r;
	q->error = w.read_error;
	if (q->error == NULL) {
		fill_row(q);
	}
	if (w.hold) {
		w.held = q;
	} else {
		q->done(q);
	}
}

static void
fake_cancel(struct reader *r, struct read_request *q)
{
	(void)r;
	assert_ptr_equal(q, w.held);
	w.held = NULL;
	w.cancelled++;
}

static const struct reader_ops fake_ops = {
    .submit = fake_submit, .cancel = fake_cancel};

static void
reply(uint16_t type, uint32_t id, const void *message)
{
	struct buf out = BUF_INIT;

	assert_int_equal(msg_encode(&out, type, FRAME_REPLY, id, message), 0);
	assert_int_equal(
	    write(w.ledger_fd, out.data, out.len), (ssize_t)out.len);
	buf_clear(&out);
}

static void
answer_hello(const struct frame *f)
{
	struct msg_hello hello = {.magic = PROTO_MAGIC,
	    .major = PROTO_MAJOR,
	    .role = ROLE_LEDGER,
	    .build = span_of("t"),
	    .store_owner = span_of("")};

	memcpy(hello.contract, w.contract->digest, sizeof(hello.contract));
	reply(MSG_HELLO, f->id, &hello);
}

static void
answer_proposal(const struct frame *f)
{
	static struct named_scalar patch[] = {
	    {{"fee", 3}, {SCALAR_NUMBER, {"0", 1}}}};
	struct msg_proposed m = {.proposal_id = span_of("wrp_1"),
	    .proposal_version = 1,
	    .proposal_hash = span_of("sha256:00"),
	    .evidence_id = span_of("ev_1"),
	    .state = span_of("pending_review"),
	    .patch = {patch, 1}};

	reply(MSG_PROPOSED, f->id, &m);
}

static void
answer_refusal(const struct frame *f)
{
	struct buf out = BUF_INIT;

	msg_encode_failure(
	    &out, f->id, "PATCH_ABOVE_MAXIMUM", "fee is too high", false);
	assert_int_equal(
	    write(w.ledger_fd, out.data, out.len), (ssize_t)out.len);
	buf_clear(&out);
}

static void
note_refusal(const struct frame *f)
{
	struct arena *a = arena_new();
	struct msg_refuse m;

	assert_int_equal(msg_decode(MSG_REFUSE, f->payload, &m, a), 0);
	buf_printf(&w.log, ":%.*s", SPAN_ARGS(m.code));
	arena_free(&a);
}

/* Two chunks, so that putting them together is tried. */
static void
answer_document(const struct frame *f)
{
	struct msg_document m = {true, span_of("{\"a\":")};

	reply(MSG_DOCUMENT, f->id, &m);
	m = (struct msg_document){false, span_of("1}")};
	reply(MSG_DOCUMENT, f->id, &m);
}

static void
ledger_frame(const struct frame *f)
{
	struct msg_recorded recorded = {span_of("ev_1")};

	if (f->type == MSG_HELLO) {
		answer_hello(f);
		return;
	}
	buf_puts(&w.log, msg_info(f->type)->name);
	if (f->type == MSG_REFUSE) {
		note_refusal(f);
		recorded.evidence_id = span_of("");
	}
	buf_putc(&w.log, ';');
	if (w.mood == LEDGER_SILENT) {
		return;
	}
	if (w.mood == LEDGER_REFUSES) {
		answer_refusal(f);
	} else if (f->type == MSG_PROPOSE) {
		answer_proposal(f);
	} else if (f->type == MSG_RESOURCE) {
		answer_document(f);
	} else {
		reply(MSG_RECORDED, f->id, &recorded);
	}
}

static void
on_ledger(evutil_socket_t fd, short what, void *arg)
{
	struct frame f;
	ssize_t n = 0;

	(void)what;
	(void)arg;
	assert_int_equal(buf_reserve(&w.ledger_in, 65536), 0);
	n = read(fd, w.ledger_in.data + w.ledger_in.len, 65536);
	assert_true(n > 0);
	w.ledger_in.len += (size_t)n;
	while (frame_take(buf_as_span(&w.ledger_in), 1U << 20, &f) > 0) {
		ledger_frame(&f);
		buf_consume(&w.ledger_in, FRAME_HEADER_LEN + f.len);
	}
}

static void
on_send(void *transport, struct span text, int http_status)
{
	(void)transport;
	w.status = http_status;
	buf_span(&w.answers, text);
	buf_putc(&w.answers, '\n');
}

static void
on_ended(void *transport)
{
	(void)transport;
	w.ended++;
}

static void
on_mismatch(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
	w.mismatches++;
}

static char *
lookup(void *arg, const char *name)
{
	(void)arg;
	return strdup(name[0] == 'T' ? "acme" : "agent");
}

/* Let the loop run until nothing is left to do at once. */
static void
settle(void)
{
	for (int i = 0; i < 20; i++) {
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
}

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	memset(&w, 0, sizeof(w));
	crypto_init();
	w.contract = test_contract();
	w.base = event_base_new();
	w.arena = arena_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w.client_fd = fds[0];
	w.ledger_fd = fds[1];
	w.ledger_event =
	    event_new(w.base, fds[1], EV_READ | EV_PERSIST, on_ledger, NULL);
	event_add(w.ledger_event, NULL);
	w.reader.ops = &fake_ops;
	w.readers[0] = &w.reader;
	w.server.contract = w.contract;
	w.server.mode = MODE_REVIEW;
	w.server.format = &result_v1;
	w.server.tools = tools_new(w.contract,
	    &(struct tools_options){MODE_REVIEW, STYLE_CANONICAL, false});
	context_resolve(&w.server.contexts, w.contract, lookup, NULL);
	w.server.plans = plans_build(w.contract, w.arena);
	w.server.readers = w.readers;
	w.server.ledger = ledger_client_new(
	    w.base, w.client_fd, w.contract, on_mismatch, NULL);
	session_init(&w.session, &w.server, on_send, on_ended, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ledger_client_free(&w.server.ledger);
	tools_free(&w.server.tools);
	context_clear(&w.server.contexts);
	server_clear(&w.server);
	event_free(w.ledger_event);
	event_base_free(w.base);
	(void)close(w.client_fd);
	(void)close(w.ledger_fd);
	buf_clear(&w.ledger_in);
	buf_clear(&w.log);
	buf_clear(&w.answers);
	arena_free(&w.arena);
	contract_free(&w.contract);
	return 0;
}

/* Send one text, written with ' for ", and let everything happen. */
static void
say(const char *text)
{
	struct buf line = BUF_INIT;

	for (; *text != '\0'; text++) {
		buf_putc(&line, *text == '\'' ? '"' : *text);
	}
	buf_reset(&w.answers);
	session_receive(&w.session, buf_as_span(&line), NULL);
	settle();
	buf_clear(&line);
}

static void
call(const char *tool, const char *arguments)
{
	struct buf text = BUF_INIT;

	buf_printf(&text,
	    "{'jsonrpc':'2.0','id':7,'method':'tools/call','params':"
	    "{'name':'%s','arguments':%s}}",
	    tool, arguments);
	say(buf_text(&text));
	buf_clear(&text);
}

static void
assert_log(const char *want)
{
	assert_string_equal(buf_text(&w.log), want);
	buf_reset(&w.log);
}

static bool
answered(const char *part)
{
	return strstr(buf_text(&w.answers), part) != NULL;
}

static void
test_read(void **state)
{
	(void)state;
	call("shop.look", "{'order_id':'O-1'}");
	assert_log("READ;");
	assert_true(answered("\"structuredContent\":{\"status\":\"ok\""));
	assert_true(answered("\"data\":{\"id\":\"O-1\",\"fee\":5}"));
	assert_int_equal(w.ended, 1);
}

static void
test_propose(void **state)
{
	(void)state;
	call("shop.waive", "{'order_id':'O-1','why':'a','fee':0}");
	assert_log("PROPOSE;");
	assert_true(
	    answered("\"diff\":{\"fee\":{\"before\":5,\"proposed\":0}}"));
}

/* Whatever the refusal, it is recorded before it is told. */
static void
test_refusals(void **state)
{
	static const struct {
		const char *tool;
		const char *arguments;
		const char *log;
		const char *answer;
	} rows[] = {
	    {"shop.look", "{'order_id':'O-1','tenant_id':'x'}",
		"REFUSE:MODEL_CANNOT_OVERRIDE_BINDING;", "\"isError\":true"},
	    {"shop.look", "{}", "REFUSE:ARGUMENT_REQUIRED;",
		"\"isError\":true"},
	    {"shop.look", "{'order_id':['O-1']}",
		"REFUSE:ARGUMENT_TYPE_INVALID;", "\"isError\":true"},
	    {"shop.look", "{'order_id':'O-1','extra':1}",
		"REFUSE:ARGUMENT_UNKNOWN;", "\"isError\":true"},
	    {"shop.waive", "{'order_id':'O-1','why':'a','fee':1e999}",
		"REFUSE:ARGUMENT_TYPE_INVALID;", "\"isError\":true"},
	    {"no.such", "{}", "REFUSE:MCP_TOOL_NOT_FOUND;",
		"\"error\":{\"code\":-32602,\"message\":\"Tool no.such not "
		"found\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		call(rows[i].tool, rows[i].arguments);
		assert_log(rows[i].log);
		assert_true(answered(rows[i].answer));
	}
	w.read_error = "ROW_NOT_UNIQUE";
	call("shop.look", "{'order_id':'O-1'}");
	assert_log("REFUSE:ROW_NOT_UNIQUE;");
	assert_true(answered("\"code\":\"ROW_NOT_UNIQUE\""));
}

static void
test_ledger_refuses(void **state)
{
	(void)state;
	w.mood = LEDGER_REFUSES;
	call("shop.waive", "{'order_id':'O-1','why':'a','fee':0}");
	assert_log("PROPOSE;");
	assert_true(answered("\"code\":\"PATCH_ABOVE_MAXIMUM\",\"error\":"
			     "\"fee is too high\""));
	/* A refusal that was not recorded is not told. */
	call("shop.look", "{}");
	assert_true(answered("\"code\":\"TEMPORARILY_UNAVAILABLE\""));
	assert_false(answered("ARGUMENT_REQUIRED"));
}

static void
test_ledger_gone(void **state)
{
	(void)state;
	w.mood = LEDGER_SILENT;
	call("shop.look", "{'order_id':'O-1'}");
	assert_string_equal(buf_text(&w.answers), "");
	event_del(w.ledger_event);
	(void)shutdown(w.ledger_fd, SHUT_RDWR);
	settle();
	assert_true(answered("\"code\":\"TEMPORARILY_UNAVAILABLE\""));
	call("shop.look", "{'order_id':'O-1'}");
	assert_true(answered("\"code\":\"TEMPORARILY_UNAVAILABLE\""));
	assert_false(answered("\"data\""));
	assert_int_equal(w.session.in_flight, 0);
}

static void
test_cancel(void **state)
{
	(void)state;
	w.hold = true;
	call("shop.look", "{'order_id':'O-1'}");
	say("{'jsonrpc':'2.0','method':'notifications/cancelled','params':"
	    "{'requestId':7}}");
	assert_int_equal(w.cancelled, 1);
	assert_int_equal(w.session.in_flight, 0);
	assert_string_equal(buf_text(&w.answers), "");
	assert_log("");
	/* With the ledger already asked, the work ends without an answer. */
	w.hold = false;
	w.mood = LEDGER_SILENT;
	call("shop.look", "{'order_id':'O-1'}");
	say("{'jsonrpc':'2.0','method':'notifications/cancelled','params':"
	    "{'requestId':7}}");
	assert_int_equal(w.session.in_flight, 1);
	(void)shutdown(w.ledger_fd, SHUT_WR);
	settle();
	assert_int_equal(w.session.in_flight, 0);
	assert_string_equal(buf_text(&w.answers), "");
}

static void
test_same_id_twice(void **state)
{
	(void)state;
	w.hold = true;
	call("shop.look", "{'order_id':'O-1'}");
	call("shop.look", "{'order_id':'O-1'}");
	assert_true(answered("-32600"));
	assert_int_equal(w.session.in_flight, 1);
	w.held->done(w.held);
	settle();
	assert_int_equal(w.session.in_flight, 0);
}

static void
test_batch(void **state)
{
	(void)state;
	say("[{'jsonrpc':'2.0','id':1,'method':'ping'}]");
	assert_true(answered("-32600"));
	say("{'jsonrpc':'2.0','id':1,'method':'initialize','params':"
	    "{'protocolVersion':'2025-03-26'}}");
	say("[{'jsonrpc':'2.0','id':1,'method':'ping'},{'jsonrpc':'2.0',"
	    "'method':'x'},{'jsonrpc':'2.0','id':2,'method':'tools/call',"
	    "'params':{'name':'shop.look','arguments':{'order_id':'A'}}}]");
	assert_int_equal(w.answers.data[0], '[');
	assert_true(answered("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}},{"));
	assert_true(answered("\"id\":2"));
	say("[{'jsonrpc':'2.0','method':'x'}]");
	assert_string_equal(buf_text(&w.answers), "");
}

static void
test_resource(void **state)
{
	(void)state;
	say("{'jsonrpc':'2.0','id':1,'method':'resources/read','params':"
	    "{'uri':'synapsor://evidence/ev_1'}}");
	assert_log("RESOURCE;");
	assert_true(answered("\"text\":\"{\\n  \\\"a\\\": 1\\n}\""));
	say("{'jsonrpc':'2.0','id':1,'method':'resources/read','params':"
	    "{'uri':'synapsor://evidence/../x'}}");
	assert_log("");
	assert_true(answered("-32002"));
}

#define ENVELOPE "'_meta':{'" META_VERSION "':'2026-07-28','" META_CAPS "':{}}"

/* One text as over HTTP; the status that it got. */
static int
post(
    const char *text, const char *version, const char *method, const char *name)
{
	struct http_headers h = {
	    span_of(version), span_of(method), span_of(name)};
	struct buf line = BUF_INIT;

	for (; *text != '\0'; text++) {
		buf_putc(&line, *text == '\'' ? '"' : *text);
	}
	buf_reset(&w.answers);
	w.status = 0;
	session_receive(&w.session, buf_as_span(&line), &h);
	settle();
	buf_clear(&line);
	return w.status;
}

/* The era is decided for each message, whatever came before on the pipe. */
static void
test_both_eras_on_one_pipe(void **state)
{
	(void)state;
	say("{'jsonrpc':'2.0','id':1,'method':'server/discover','params':"
	    "{" ENVELOPE "}}");
	assert_true(answered("\"resultType\":\"complete\""));
	assert_true(answered("\"supportedVersions\":[\"2026-07-28\"]"));
	assert_true(answered("\"ttlMs\":60000,\"cacheScope\":\"private\""));
	say("{'jsonrpc':'2.0','id':2,'method':'initialize','params':"
	    "{'protocolVersion':'2025-06-18'}}");
	assert_true(answered("\"protocolVersion\":\"2025-06-18\""));
	assert_false(answered("resultType"));
	say("{'jsonrpc':'2.0','id':3,'method':'tools/list','params':"
	    "{" ENVELOPE "}}");
	assert_true(answered("\"resultType\":\"complete\""));
	assert_false(answered("taskSupport"));
	say("{'jsonrpc':'2.0','id':4,'method':'server/discover'}");
	assert_true(answered("-32601"));
	say("{'jsonrpc':'2.0','id':5,'method':'ping','params':{" ENVELOPE "}}");
	assert_true(answered("-32601"));
	say("{'jsonrpc':'2.0','id':6,'method':'ping'}");
	assert_true(answered("\"result\":{}"));
	say("{'jsonrpc':'2.0','id':7,'method':'tools/call','params':"
	    "{'name':'shop.look','arguments':{'order_id':'O-1'}," ENVELOPE
	    "}}");
	assert_true(answered("\"resultType\":\"complete\""));
	assert_true(answered("\"data\":{\"id\":\"O-1\",\"fee\":5}"));
}

/* Clients tell the era of a server by these. */
static void
test_http_statuses(void **state)
{
	static const struct {
		const char *text;
		const char *headers[3];
		int status;
		const char *answer;
	} rows[] = {
	    {"{'jsonrpc':'2.0','id':1,'method':'tools/list','params':"
	     "{" ENVELOPE "}}",
		{"2026-07-28", "tools/list", NULL}, 200, "\"tools\""},
	    {"{'jsonrpc':'2.0','id':1,'method':'tools/list'}",
		{"2026-07-28", "tools/list", NULL}, 400, "-32602"},
	    {"{'jsonrpc':'2.0','id':1,'method':'tools/list','params':"
	     "{" ENVELOPE "}}",
		{NULL, NULL, NULL}, 400, "-32020"},
	    {"{'jsonrpc':'2.0','id':1,'method':'tools/list','params':"
	     "{" ENVELOPE "}}",
		{"2026-07-28", "TOOLS/LIST", NULL}, 400, "-32020"},
	    {"{'jsonrpc':'2.0','id':1,'method':'initialize','params':"
	     "{'protocolVersion':'2025-11-25'," ENVELOPE "}}",
		{"2026-07-28", "initialize", NULL}, 404, "-32601"},
	    {"{'jsonrpc':'2.0','id':1,'method':'tools/list','params':{'_meta':"
	     "{'" META_VERSION "':'2027-01-01','" META_CAPS "':{}}}}",
		{"2027-01-01", "tools/list", NULL}, 400,
		"\"data\":{\"supported\":[\"2026-07-28\"],\"requested\":"
		"\"2027-01-01\"}"},
	    {"{'jsonrpc':'2.0','id':1,'method':'tools/list'}",
		{"1999-01-01", NULL, NULL}, 400, "-32600"},
	    {"{'jsonrpc':'2.0','id':1,'method':'tools/list'}",
		{"2025-06-18", "something/else", NULL}, 200, "\"tools\""},
	    {"{'jsonrpc':'2.0','id':1,'method':'no/such'}",
		{"2025-06-18", NULL, NULL}, 200, "-32601"},
	    {"{'jsonrpc':'2.0','id':1,'result':{}}", {"2026-07-28", NULL, NULL},
		400, "-32600"},
	    {"{'jsonrpc':'2.0','id':1,'result':{}}", {"2025-11-25", NULL, NULL},
		0, ""},
	    {"[{'jsonrpc':'2.0','id':1,'method':'ping'}]",
		{"2026-07-28", NULL, NULL}, 400, "-32600"},
	    {"[{'jsonrpc':'2.0','id':1,'method':'ping'}]",
		{"2025-03-26", NULL, NULL}, 200, "[{"},
	    {"{", {"2026-07-28", NULL, NULL}, 400, "-32700"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const *h = rows[i].headers;

		assert_int_equal(
		    post(rows[i].text, h[0], h[1], h[2]), rows[i].status);
		assert_true(answered(rows[i].answer));
	}
}

/* A client of 2026-07-28 that hangs up cancels; an older one does not, and
 * what its call recorded is only not told. */
static void
test_abandoned(void **state)
{
	(void)state;
	w.hold = true;
	call("shop.look", "{'order_id':'O-1'}");
	session_abandon(&w.session);
	assert_int_equal(w.cancelled, 0);
	w.held->done(w.held);
	settle();
	assert_log("READ;");
	assert_string_equal(buf_text(&w.answers), "");
	assert_int_equal(w.session.in_flight, 0);
	w.session.abandoned = false;
	say("{'jsonrpc':'2.0','id':7,'method':'tools/call','params':"
	    "{'name':'shop.look','arguments':{'order_id':'O-1'}," ENVELOPE
	    "}}");
	session_abandon(&w.session);
	assert_int_equal(w.cancelled, 1);
	assert_int_equal(w.session.in_flight, 0);
	assert_string_equal(buf_text(&w.answers), "");
}

static void
test_modern_resource(void **state)
{
	(void)state;
	say("{'jsonrpc':'2.0','id':1,'method':'resources/read','params':"
	    "{'uri':'synapsor://evidence/../x'," ENVELOPE "}}");
	assert_true(answered("-32602"));
	assert_true(answered("\"uri\":\"synapsor://evidence/../x\""));
	say("{'jsonrpc':'2.0','id':1,'method':'resources/read','params':"
	    "{'uri':'synapsor://evidence/ev_1'," ENVELOPE "}}");
	assert_true(answered("\"ttlMs\":0,\"cacheScope\":\"private\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_both_eras_on_one_pipe, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_http_statuses, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_abandoned, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_modern_resource, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_propose, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_ledger_refuses, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ledger_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_same_id_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_resource, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
