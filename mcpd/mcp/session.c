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
#define STATUS_FORBIDDEN   403
#define STATUS_NOT_FOUND   404

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

/* Modern results say what they are and who speaks. */
static void
put_modern(struct json_out *j, const char *type)
{
	json_field_text(j, "resultType", type);
	json_key(j, "_meta");
	json_open(j, '{');
	json_key(j, "io.modelcontextprotocol/serverInfo");
	server_put_info(j);
	json_close(j, '}');
}

struct json_out *
reply_begin_as(struct request *r, const char *type)
{
	struct server *server = r->server;

	buf_reset(&server->line);
	json_begin(&server->json, &server->line, 0);
	rpc_begin_result(&server->json, r->id);
	json_open(&server->json, '{');
	if (r->era == ERA_MODERN) {
		put_modern(&server->json, type);
	}
	return &server->json;
}

struct json_out *
reply_begin(struct request *r)
{
	return reply_begin_as(r, "complete");
}

/* Private: what one caller may see is nobody else's to be served from a
 * shared cache. */
void
reply_put_cache(struct request *r, int64_t ttl_ms)
{
	if (r->era == ERA_MODERN) {
		json_field_int(&r->server->json, "ttlMs", ttl_ms);
		json_field_text(&r->server->json, "cacheScope", "private");
	}
}

/* Send what server->line holds and end. */
static void
finish(struct request *r, int status)
{
	if (!r->cancelled) {
		deliver(r->session, r->batch, buf_as_span(&r->server->line),
		    status);
	}
	end_request(r);
}

void
reply_end(struct request *r)
{
	json_close(&r->server->json, '}');
	rpc_end_result(&r->server->json);
	finish(r, STATUS_OK);
}

/* The error as the one text of an answer, in server->line. */
static void
put_error(struct server *server, struct span id, int code, const char *message,
    struct span data)
{
	buf_reset(&server->line);
	json_begin(&server->json, &server->line, 0);
	rpc_put_error(&server->json, id, code, message, data);
}

/* Clients of both eras tell by this status which one a server speaks. */
static int
status_of(enum mcp_era era, int code)
{
	return era == ERA_MODERN && code == RPC_METHOD_NOT_FOUND
		   ? STATUS_NOT_FOUND
		   : STATUS_OK;
}

void
reply_error(struct request *r, int code, const char *message, struct span data)
{
	put_error(r->server, r->id, code, message, data);
	finish(r, status_of(r->era, code));
}

void
reply_failure(struct request *r, const struct rpc_failure *f)
{
	put_error(r->server, r->id, f->code, f->message, f->data);
	finish(r, STATUS_BAD_REQUEST);
}

void
reply_forbidden(struct request *r, const char *scope)
{
	r->session->missing_scope = scope;
	put_error(r->server, r->id, RPC_INVALID_PARAMS,
	    arena_printf(r->arena, "This needs the scope %s", scope),
	    span_of(""));
	finish(r, STATUS_FORBIDDEN);
}

/* An error that belongs to no request in flight. */
static void
refuse(struct session *s, struct batch *b, struct span id, int code,
    const char *message)
{
	put_error(s->server, id, code, message, span_of(""));
	deliver(s, b, buf_as_span(&s->server->line), STATUS_BAD_REQUEST);
}

void
session_refuse(struct session *s, int code, const char *message)
{
	refuse(s, NULL, span_of(""), code, message);
}

void
reply_none(struct request *r)
{
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

/* The flag is enough where the work cannot be stopped: what is recorded stays,
 * only its answer is dropped. */
static void
stop(struct request *r)
{
	r->cancelled = true;
	if (r->on_cancel != NULL) {
		r->on_cancel(r);
	}
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
	stop(r);
}

void
session_abandon(struct session *s)
{
	struct request *r = NULL;
	struct request *next = NULL;

	s->abandoned = true;
	for (r = TAILQ_FIRST(&s->requests); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link); /* stopping may end r */
		if (r->era == ERA_MODERN) {
			stop(r);
		}
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
	r->era = era_of(doc, m->params, s->headers);
	r->batch = b;
	if (b != NULL) {
		b->waiting++;
	}
	TAILQ_INSERT_TAIL(&s->requests, r, link);
	s->in_flight++;
	dispatch_request(r, m->method);
}

/*
 * The version header of a legacy message: taken over, for it also decides about
 * batches, or the reason to refuse. A modern one is compared with the body.
 */
static const char *
take_version(struct session *s, enum mcp_era era)
{
	const struct http_headers *h = s->headers;

	if (era == ERA_MODERN || h == NULL || h->version.ptr == NULL ||
	    era_find_version(h->version, &s->version)) {
		return NULL;
	}
	return "Bad Request: unsupported MCP-Protocol-Version; supported are "
	       "2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 and " MCP_MODERN;
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
	const char *why = take_version(s, era_of(doc, m.params, s->headers));

	if (why != NULL) {
		refuse(s, b, m.id, RPC_INVALID_REQUEST, why);
	} else if (m.kind == RPC_REQUEST || m.kind == RPC_INVALID) {
		why = objection(s, b, &m);
		if (why == NULL) {
			start_request(s, b, a, doc, &m);
			return;
		}
		refuse(s, b, m.id, RPC_INVALID_REQUEST, why);
	} else if (m.kind == RPC_NOTIFICATION &&
		   span_is(m.method, "notifications/cancelled")) {
		on_cancelled(s, doc, m.params);
	} else if (m.kind == RPC_RESPONSE && era_header_is_modern(s->headers)) {
		/* We ask nothing, and there the transport says so, too. */
		refuse(s, b, m.id, RPC_INVALID_REQUEST,
		    "Invalid Request: responses are not accepted");
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
	const char *why = take_version(
	    s, era_header_is_modern(s->headers) ? ERA_MODERN : ERA_LEGACY);

	if (why != NULL) {
		session_refuse(s, RPC_INVALID_REQUEST, why);
	} else if (era_header_is_modern(s->headers) ||
		   !era_has_batches(s->version)) {
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

static void
receive(struct session *s, struct span text)
{
	struct arena *a = server_take_arena(s->server);
	struct json_doc doc;
	/* A copy: answers may come long after the transport's buffer moved. */
	struct span copy = arena_span(a, text);
	int code = rpc_scan(&doc, copy, a);

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

void
session_receive(
    struct session *s, struct span text, const struct http_headers *headers)
{
	s->headers = headers;
	receive(s, text);
	s->headers = NULL;
}
