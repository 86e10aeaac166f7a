/*
 * tools/call (engine.md §1.6): check, read one row, let ledgerd record or
 * propose, and only then answer. A refusal is recorded like a result; when the
 * ledger cannot record, nothing is answered but that.
 */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"
#include "common/contract/rules.h"
#include "mcpd/mcp/dispatch.h"
#include "mcpd/mcp/rate.h"
#include "mcpd/mcp/standing.h"
#include "mcpd/mcp/tasks.h"
#include "mcpd/metrics.h"

/* proto/messages.c: the longest tool name and message of a refusal. */
#define TOOL_MAX    MSG_ID_MAX
#define MESSAGE_MAX 1024U

/* One tools/call; lives in its request's arena and ends with it. */
struct call {
	struct request *request;
	unsigned long long serial;
	struct span tool;                      /* as the model spelled it */
	const struct contract_capability *cap; /* NULL: unknown tool */
	const struct trusted_context *context;
	bool lacks_scope;
	struct scalar_list args;
	struct read_request read;
	struct call_error error; /* to answer once it is recorded */
	int64_t retry_after_ms;  /* of a rate limit */
	struct call_result result;
};

/* One value, written twice by content_write. */
static void
put_value(struct json_out *j, const void *value)
{
	const struct call *c = value;
	const struct result_format *format = c->request->server->format;

	cs_assert(c->error.code != NULL || c->cap != NULL);
	if (c->error.code != NULL) {
		format->put_error(j, c->cap, &c->error);
	} else if (c->cap->kind == KIND_READ) {
		format->put_read(j, &c->result);
	} else {
		format->put_proposal(j, &c->result);
	}
}

static void
answer(struct call *c)
{
	struct request *r = c->request;
	bool failed = c->error.code != NULL;
	struct content content = {failed,
	    !failed || r->server->format->structured_errors, put_value, c};

	if (!failed && c->result.proposed != NULL && tasks_apply(r)) {
		tasks_reply_created(r, c->result.proposed);
		return;
	}
	content_write(r->server, reply_begin(r), &content);
	reply_end(r);
}

/*
 * Tell the error. An unknown tool is an error of the protocol, not of a
 * tool; but that the ledger is away is always told as a result that can be
 * tried again.
 */
static void
answer_error(struct call *c, struct call_error error)
{
	c->error = error;
	if (c->lacks_scope && !error.retryable) {
		reply_forbidden(c->request, c->cap->scope);
		return;
	}
	if (c->cap != NULL || error.retryable) {
		answer(c);
		return;
	}
	reply_error(c->request, RPC_INVALID_PARAMS,
	    arena_printf(c->request->arena, "%.*s", SPAN_ARGS(error.message)),
	    span_of(""));
}

/* The contract's name and not the model's word, which may be anything. */
static void
log_refusal(const struct call *c, const char *reason)
{
	log_event(LOG_LEVEL_NOTICE, "call_refused",
	    "capability=%s request=\"%.*s\" call=%llu reason=%s",
	    c->cap == NULL ? "none" : c->cap->name, SPAN_ARGS(c->request->id),
	    c->serial, reason);
}

/* A person has something to decide. */
static void
log_proposal(const struct call *c, const struct msg_proposed *proposed)
{
	log_event(LOG_LEVEL_NOTICE, "proposed",
	    "capability=%s request=\"%.*s\" call=%llu proposal=\"%.*s\"",
	    c->cap->name, SPAN_ARGS(c->request->id), c->serial,
	    SPAN_ARGS(proposed->proposal_id));
}

/* Stored: now it may be told. */
static void
on_refusal_recorded(void *context, const struct ledger_reply *reply)
{
	struct call *c = context;

	if (reply->error != NULL) {
		answer_error(c, error_ledger_unavailable());
	} else {
		answer_error(c, c->error);
	}
}

/* In tests there is nobody who counts. */
static struct metrics_capability *
numbers_of(const struct call *c)
{
	struct metrics *m = c->request->server->metrics;

	return m == NULL || c->cap == NULL ? NULL
					   : &m->capabilities[c->cap->index];
}

static void
count_refusal(const struct call *c)
{
	struct metrics_capability *m = numbers_of(c);

	if (m != NULL) {
		m->refusals++;
		m->rate_limited += c->retry_after_ms > 0 ? 1 : 0;
	} else if (c->request->server->metrics != NULL) {
		c->request->server->metrics->unknown_tools++;
	}
}

/* Record the refusal; the answer leaves when it is stored. */
static void
refuse(struct call *c, const char *reason, const char *message)
{
	struct request *r = c->request;
	struct span text = span_of(message);
	struct msg_refuse m = {.tool = rpc_cut_text(c->tool, TOOL_MAX),
	    .tenant = span_of(""),
	    .principal = span_of("")};
	struct ledger_waiter waiter = {r->arena, on_refusal_recorded, c};

	/* The message quotes names and may have been cut inside one. */
	text = rpc_cut_text(text, MESSAGE_MAX);
	while (text.len > 0 && !utf8_is_valid(text)) {
		text.len--;
	}
	c->error = error_for(reason, arena_span(r->arena, text));
	if (c->retry_after_ms > 0) {
		c->error.retry_after_ms = c->retry_after_ms;
	}
	count_refusal(c);
	log_refusal(c, reason);
	if (c->context != NULL) {
		m.provenance = c->context->provenance;
	}
	if (c->context != NULL && c->context->refusal == NULL) {
		m.tenant = c->context->tenant;
		m.principal = c->context->principal;
	}
	/* The reason goes to the record as it is; the model gets the safe
	 * sentence that belongs to it. */
	m.code = span_of(reason);
	m.message = c->error.message;
	/* From here on it is going to be in the record, so it is answered. */
	r->on_cancel = NULL;
	if (ledger_refuse(r->server->ledger, &m, waiter) != 0) {
		answer_error(c, error_ledger_unavailable());
	}
}

/* Arguments as typed scalars. */
static void
take_args(struct call *c, uint32_t object)
{
	const struct json_doc *doc = &c->request->doc;
	struct arena *a = c->request->arena;
	uint32_t count = object == JSON_NONE ? 0 : doc->nodes[object].count;
	uint32_t node = object + 1;

	/* The scanner has bounded the count already. */
	c->args.items = arena_array(a, count + 1, sizeof(*c->args.items));
	c->args.count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct named_scalar *arg = &c->args.items[i];

		arg->name = json_string(doc, node, a);
		node = doc->nodes[node].next;
		/* A container or an infinite number has no scalar: null stands
		 * for it, which is the wrong type for every argument. */
		if (scalar_from_json(doc, node, a, &arg->value) != 0) {
			arg->value = (struct scalar){SCALAR_NULL, span_of("")};
		}
		node = doc->nodes[node].next;
	}
}

/* Everything that can be refused before the source is asked. */
static int
check(struct call *c, struct err *e)
{
	const struct server *s = c->request->server;
	const struct contract_capability *cap = c->cap;
	const struct named_scalar *key = NULL;
	int rc = rules_check_args(cap, c->args.items, c->args.count, e);

	if (rc != 0) {
		return rc;
	}
	if (cap->kind == KIND_PROPOSAL && s->mode == MODE_READ_ONLY) {
		return err_set(e, CS_E_DENIED, "PROPOSALS_DISABLED",
		    "this server is read-only");
	}
	/* After the arguments: a model's mistake is told as such even where
	 * the operator has one to mend. */
	if (c->context == NULL || c->context->refusal != NULL) {
		return err_set(e, CS_E_DENIED,
		    c->context == NULL ? "TRUSTED_CONTEXT_MISSING"
				       : c->context->refusal,
		    "no trusted context");
	}
	key = scalars_find(
	    c->args.items, c->args.count, span_of(cap->lookup_arg));
	if (key == NULL) {
		return err_set(e, CS_E_INVALID, "LOOKUP_ARG_MISSING",
		    "%s is needed to find the row", cap->lookup_arg);
	}
	c->read.key = key->value;
	if (server_reader(s, cap) == NULL) {
		return err_set(e, CS_E_UNAVAILABLE, "SOURCE_CREDENTIAL_MISSING",
		    "no credential");
	}
	/* Last: only a call that would be made counts. */
	if (s->rate != NULL) {
		c->retry_after_ms = rate_take(
		    s->rate, cap, c->context->tenant, clock_mono_ms());
	}
	return c->retry_after_ms > 0
		   ? err_set(e, CS_E_DENIED, "RATE_LIMITED", "too often")
		   : 0;
}

/* The id is the one in the row; the argument stands in if the key is NULL. */
static void
fill_result(struct call *c)
{
	const struct contract_capability *cap = c->cap;
	const struct named_scalar *id = scalars_find(
	    c->read.row, cap->read_count, span_of(cap->primary_key));

	c->result.cap = cap;
	c->result.mode = c->request->server->mode;
	c->result.tenant = c->context->tenant;
	c->result.principal = c->context->principal;
	c->result.provenance = provenance_name(c->context->provenance);
	c->result.row.items = c->read.row;
	c->result.row.count = (uint32_t)cap->read_count;
	c->result.object_id = scalar_as_string(
	    id == NULL || id->value.kind == SCALAR_NULL ? c->read.key
							: id->value);
}

/* READ and PROPOSE: what ledgerd says decides what is answered. */
static void
on_stored(void *context, const struct ledger_reply *reply)
{
	struct call *c = context;

	if (reply->error != NULL) {
		/* ledgerd records its own refusals. */
		log_refusal(c, reply->error);
		/* A refusal by ledgerd is final; only an unavailable ledger
		 * may pass. */
		answer_error(
		    c, reply->retryable
			   ? error_ledger_unavailable()
			   : error_for(reply->error,
				 rpc_cut_text(reply->message, MESSAGE_MAX)));
		return;
	}
	fill_result(c);
	c->result.evidence_id = c->cap->kind == KIND_READ
				    ? reply->recorded.evidence_id
				    : reply->proposed.evidence_id;
	c->result.proposed = NULL;
	if (c->cap->kind == KIND_PROPOSAL) {
		c->result.proposed = &reply->proposed;
		log_proposal(c, &reply->proposed);
	}
	answer(c);
}

/* Hand the row to ledgerd. Nothing is told to the model before it is
 * recorded, so the call ends in on_stored or in refuse. */
static void
store(struct call *c)
{
	struct request *r = c->request;
	struct ledger_client *ledger = r->server->ledger;
	struct ledger_waiter waiter = {r->arena, on_stored, c};
	struct msg_call m = {.capability = span_of(c->cap->name),
	    .tenant = c->context->tenant,
	    .principal = c->context->principal,
	    .provenance = c->context->provenance,
	    .token = c->context->token,
	    .args = c->args,
	    .row = {c->read.row, (uint32_t)c->cap->read_count}};
	int rc = c->cap->kind == KIND_READ ? ledger_read(ledger, &m, waiter)
					   : ledger_propose(ledger, &m, waiter);

	if (rc != 0) {
		refuse(c, "ROW_TOO_LARGE", "");
	}
}

/* What readiness says of a source is what its last read found. */
static void
note_source(const struct call *c, const char *error)
{
	const struct server *s = c->request->server;

	if (s->metrics != NULL) {
		s->metrics
		    ->source_failed[c->cap->source - s->contract->sources] =
		    error != NULL && strcmp(error, "SOURCE_UNAVAILABLE") == 0;
	}
}

/* The source has answered. From here on the call can no longer be taken
 * back, only its answer. */
static void
on_read(struct read_request *read)
{
	struct call *c = read->context;

	c->request->on_cancel = NULL;
	note_source(c, read->error);
	if (read->error != NULL) {
		refuse(c, read->error, "");
	} else if (!plan_row_matches(
		       c->cap, read->row, read->key, read->tenant)) {
		refuse(c, "ROW_NOT_FOUND", "");
	} else {
		store(c);
	}
}

/* Before anything was recorded a call can simply end. */
static void
on_call_cancel(struct request *r)
{
	struct call *c = r->work;
	struct reader *reader = server_reader(r->server, c->cap);

	reader->ops->cancel(reader, &c->read);
	reply_none(r);
}

/* Ask the source. The answer may be there before submit returns. */
static void
start(struct call *c)
{
	struct request *r = c->request;
	struct reader *reader = server_reader(r->server, c->cap);

	c->read.plan = &r->server->plans[c->cap->index];
	c->read.request = r->id;
	c->read.call = c->serial;
	c->read.tenant = c->context->tenant;
	c->read.principal = c->context->principal;
	c->read.arena = r->arena;
	c->read.done = on_read;
	c->read.context = c;
	/* Before submit, which may answer at once and take it away again. */
	r->on_cancel = on_call_cancel;
	reader->ops->submit(reader, &c->read);
}

/* Everything after the shape of the request is known to be right. */
static void
run(struct call *c, uint32_t arguments)
{
	const struct server *s = c->request->server;
	struct err e = {0};

	if (tools_is_status(s->tools, c->tool)) {
		status_call(c->request, arguments);
		return;
	}
	/* Only names that were shown exist: the table is the whole surface. */
	c->cap = tools_find(s->tools, c->tool);
	if (c->cap == NULL) {
		refuse(c, "MCP_TOOL_NOT_FOUND",
		    arena_printf(c->request->arena, "Tool %.*s not found",
			SPAN_ARGS(rpc_cut_text(c->tool, TOOL_MAX))));
		return;
	}
	if (numbers_of(c) != NULL) {
		numbers_of(c)->calls++;
	}
	c->context = context_of(c->request->session->contexts, c->cap->context);
	if (!context_allows(c->request->session->contexts, c->cap)) {
		c->lacks_scope = true;
		refuse(c, "INSUFFICIENT_SCOPE", "");
		return;
	}
	take_args(c, arguments);
	if (check(c, &e) != 0) {
		refuse(c, err_reason(&e), e.msg);
	} else {
		start(c);
	}
}

void
on_tools_call(struct request *r)
{
	struct call *c = arena_alloc(r->arena, sizeof(*c));
	uint32_t name = JSON_NONE;
	uint32_t arguments = JSON_NONE;

	if (r->params != JSON_NONE) {
		name = json_get_type(&r->doc, r->params, "name", JSON_STRING);
		arguments = json_get(&r->doc, r->params, "arguments");
	}
	if (name == JSON_NONE) {
		reply_error(r, RPC_INVALID_PARAMS,
		    "Invalid params: name must be a string", span_of(""));
		return;
	}
	if (arguments != JSON_NONE &&
	    r->doc.nodes[arguments].type != JSON_OBJECT) {
		reply_error(r, RPC_INVALID_PARAMS,
		    "Invalid params: arguments must be an object", span_of(""));
		return;
	}
	c->request = r;
	c->serial = ++r->server->last_call;
	c->tool = json_string(&r->doc, name, r->arena);
	r->work = c;
	run(c, arguments);
}
