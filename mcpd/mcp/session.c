/*
 * Each request lives in one arena together with its text, its arguments and
 * its row, and dies with its answer. The end of a request is therefore always
 * the last thing that a function does with it.
 */
#include "mcpd/mcp/session.h"

#include "common/base/arena.h"
#include "common/base/xalloc.h"
#include "mcpd/mcp/dispatch.h"

/* One line holds them all, and each may become a read and a record. */
#define BATCH_MAX 100U

#define STATUS_OK          200
#define STATUS_BAD_REQUEST 400

/* The answers of one batch, collected until the last one is ready. */
struct batch {
	struct session *session;
	struct buf out;
	unsigned waiting;
};

void
session_init(struct session *s, struct server *server, session_send_fn send,
    void (*ended)(void *transport), void *transport)
{
	memset(s, 0, sizeof(*s));
	s->server = server;
	s->contexts = &server->contexts;
	/* For clients that call before they have said initialize. */
	s->version = MCP_LATEST_LEGACY;
	s->send = send;
	s->ended = ended;
	s->transport = transport;
	TAILQ_INIT(&s->requests);
}

/* One holder less; the last one sends. */
static void
batch_release(struct batch *b)
{
	if (--b->waiting > 0) {
		return;
	}
	/* A batch of notifications has no answer at all. */
	if (b->out.len > 0 && !b->session->abandoned) {
		buf_putc(&b->out, ']');
		b->session->send(
		    b->session->transport, buf_as_span(&b->out), STATUS_OK);
	}
	buf_clear(&b->out);
	free(b);
}

/* Alone, or as the next element of a batch. */
static void
deliver(struct session *s, struct batch *b, struct span text, int status)
{
	if (b == NULL) {
		if (!s->abandoned) {
			s->send(s->transport, text, status);
		}
		return;
	}
	buf_putc(&b->out, b->out.len == 0 ? '[' : ',');
	buf_span(&b->out, text);
}

/* After this the request and everything it pointed to is gone. */
static void
end_request(struct request *r)
{
	struct session *s = r->session;
	struct batch *b = r->batch;

	TAILQ_REMOVE(&s->requests, r, link);
	s->in_flight--;
	server_give_arena(s->server, r->arena); /* frees *r, too */
	if (b != NULL) {
		batch_release(b);
	}
	s->ended(s->transport);
}

struct json_out *
reply_begin(struct request *r)
{
	struct server *server = r->server;

	buf_reset(&server->line);
	json_begin(&server->json, &server->line, 0);
	rpc_begin_result(&server->json, r->id);
	return &server->json;
}

void
reply_end(struct request *r)
{
	rpc_end_result(&r->server->json);
	if (!r->cancelled) {
		deliver(r->session, r->batch, buf_as_span(&r->server->line),
		    STATUS_OK);
	}
	end_request(r);
}

void
reply_none(struct request *r)
{
	end_request(r);
}

/* An error that belongs to no request in flight. */
static void
refuse(struct session *s, struct batch *b, struct span id, int code,
    const char *message)
{
	struct server *server = s->server;

	buf_reset(&server->line);
	json_begin(&server->json, &server->line, 0);
	rpc_put_error(&server->json, id, code, message, span_of(""));
	deliver(s, b, buf_as_span(&server->line), STATUS_BAD_REQUEST);
}

void
session_refuse(struct session *s, int code, const char *message)
{
	refuse(s, NULL, span_of(""), code, message);
}

void
reply_error(struct request *r, int code, const char *message, struct span data)
{
	struct server *server = r->server;

	buf_reset(&server->line);
	json_begin(&server->json, &server->line, 0);
	rpc_put_error(&server->json, r->id, code, message, data);
	if (!r->cancelled) {
		deliver(r->session, r->batch, buf_as_span(&server->line),
		    STATUS_OK);
	}
	end_request(r);
}

/* By raw bytes: 1 and 1.0 are different ids for us, so that a cancellation
 * can only mean one of them. */
static struct request *
find_request(struct session *s, struct span id)
{
	struct request *r = NULL;

	TAILQ_FOREACH (r, &s->requests, link) {
		if (span_equal(r->id, id)) {
			return r;
		}
	}
	return NULL;
}

/* Unknown, finished and foreign ids are ignored. */
static void
on_cancelled(struct session *s, const struct json_doc *doc, uint32_t params)
{
	uint32_t id = JSON_NONE;
	struct request *r = NULL;

	if (params != JSON_NONE) {
		id = json_get(doc, params, "requestId");
	}
	if (id != JSON_NONE) {
		r = find_request(s, json_raw(doc, id));
	}
	if (r == NULL) {
		return;
	}
	/* The flag is enough where the work cannot be stopped: what is
	 * recorded stays, only its answer is dropped. */
	r->cancelled = true;
	if (r->on_cancel != NULL) {
		r->on_cancel(r);
	}
}

/* Take over `doc` with its arena as a request in flight. */
static void
start_request(struct session *s, struct batch *b, struct arena *a,
    const struct json_doc *doc, const struct rpc_message *m)
{
	struct request *r = arena_alloc(a, sizeof(*r));

	r->session = s;
	r->server = s->server;
	r->arena = a;
	r->doc = *doc;
	r->params = m->params;
	r->id = m->id;
	r->batch = b;
	if (b != NULL) {
		b->waiting++;
	}
	TAILQ_INSERT_TAIL(&s->requests, r, link);
	s->in_flight++;
	dispatch_request(r, m->method);
}

/* Why this request cannot be served, or NULL. */
static const char *
objection(struct session *s, const struct batch *b, const struct rpc_message *m)
{
	if (m->kind == RPC_INVALID) {
		return m->error;
	}
	if (find_request(s, m->id) != NULL) {
		return "Invalid Request: this id is in flight already";
	}
	if (b != NULL && span_is(m->method, "initialize")) {
		return "Invalid Request: initialize cannot be batched";
	}
	return NULL;
}

/* Serve one message; takes the arena, which holds doc's text. */
static void
serve(struct session *s, struct batch *b, struct arena *a,
    const struct json_doc *doc)
{
	struct rpc_message m = rpc_classify(doc, 0, a);
	const char *why = NULL;

	if (m.kind == RPC_REQUEST || m.kind == RPC_INVALID) {
		why = objection(s, b, &m);
		if (why == NULL) {
			start_request(s, b, a, doc, &m);
			return;
		}
		refuse(s, b, m.id, RPC_INVALID_REQUEST, why);
	} else if (m.kind == RPC_NOTIFICATION &&
		   span_is(m.method, "notifications/cancelled")) {
		on_cancelled(s, doc, m.params);
	}
	server_give_arena(s->server, a);
}

/* Every element becomes a message of its own, with its own arena. */
static void
serve_batch(struct session *s, const struct json_doc *doc)
{
	struct batch *b = xcalloc(1, sizeof(*b));
	uint32_t node = 1;

	b->session = s;
	b->waiting = 1; /* ours, until every element is on its way */
	for (uint32_t i = 0; i < doc->nodes[0].count; i++) {
		struct arena *a = server_take_arena(s->server);
		struct span text = arena_span(a, json_raw(doc, node));
		struct json_doc one;

		/* Scanned as part of the whole already, so this does not fail;
		 * if it did, there would be no id to answer with. */
		if (rpc_scan(&one, text, a) == 0) {
			serve(s, b, a, &one);
		} else {
			server_give_arena(s->server, a);
		}
		node = doc->nodes[node].next;
	}
	batch_release(b);
}

/* An array is a batch, if the conversation has them at all. */
static void
receive_array(struct session *s, struct arena *a, const struct json_doc *doc)
{
	if (!era_has_batches(s->version)) {
		session_refuse(s, RPC_INVALID_REQUEST,
		    "Invalid Request: batches are not supported");
	} else if (doc->nodes[0].count == 0 ||
		   doc->nodes[0].count > BATCH_MAX) {
		session_refuse(s, RPC_INVALID_REQUEST,
		    "Invalid Request: a batch has 1 to 100 messages");
	} else {
		serve_batch(s, doc);
	}
	server_give_arena(s->server, a);
}

void
session_abandon(struct session *s)
{
	s->abandoned = true;
}

void
session_receive(
    struct session *s, struct span text, const struct http_headers *headers)
{
	struct arena *a = server_take_arena(s->server);
	struct json_doc doc;
	/* A copy: answers may come long after the transport's buffer moved. */
	struct span copy = arena_span(a, text);
	int code = rpc_scan(&doc, copy, a);

	(void)headers;
	if (code != 0) {
		session_refuse(s, code,
		    code == RPC_PARSE_ERROR
			? "Parse error"
			: "Invalid Request: duplicate key, or nested too deep");
		server_give_arena(s->server, a);
	} else if (doc.nodes[0].type == JSON_ARRAY) {
		receive_array(s, a, &doc);
	} else {
		serve(s, NULL, a, &doc);
	}
}
