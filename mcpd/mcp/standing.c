#include "mcpd/mcp/standing.h"

#include "common/base/arena.h"
#include "common/base/str.h"
#include "mcpd/mcp/resource_uri.h"

/* The words of each state; the first row whose conditions hold. */
static const struct {
	const char *state;
	bool expired;
	bool retryable;
	struct standing_words words;
} rows[] = {
    {"pending_review", false, false,
	{"working", "waits for a person to review it", false, false}},
    {"approved", true, false,
	{"completed",
	    "was accepted, but that has expired; propose it again if it is "
	    "still wanted",
	    true, true}},
    {"approved", false, false,
	{"working", "was accepted and waits for the writer", false, false}},
    {"pending_worker", false, false,
	{"working", "is being written", false, false}},
    {"applied", false, false, {"completed", "was applied", true, false}},
    {"rejected", false, false,
	{"completed", "was rejected by a reviewer", true, true}},
    {"canceled", false, false,
	{"cancelled", "was withdrawn before anybody decided", true, true}},
    {"conflict", false, false,
	{"completed",
	    "was not applied, because the row has changed since it was read; "
	    "read it again before you propose anything",
	    true, true}},
    {"failed", false, true,
	{"working", "could not be written yet; an operator may try again",
	    false, false}},
    {"failed", false, false, {"completed", "could not be written", true, true}},
    {"outcome_unknown", false, false,
	{"working",
	    "was sent, and whether it was written is not known yet; an "
	    "operator settles that",
	    false, false}},
};

static struct standing_words
words_of(const struct msg_stated *m)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (span_is(m->state, rows[i].state) &&
		    (!rows[i].expired || m->expired) &&
		    (!rows[i].retryable || m->retryable)) {
			return rows[i].words;
		}
	}
	return (struct standing_words){"working",
	    "is in a state that this version does not know", false, false};
}

static void
finish(struct standing *s, const char *error)
{
	s->error = error;
	if (error == NULL) {
		s->words = words_of(&s->stated);
	}
	s->done(s);
}

static void
on_stated(void *context, const struct ledger_reply *reply)
{
	struct standing *s = context;

	if (reply->error == NULL) {
		s->stated = reply->stated;
		finish(s, NULL);
	} else if (strcmp(reply->error, "RESOURCE_NOT_FOUND") == 0) {
		standing_ask(s); /* perhaps under another context */
	} else {
		finish(s, reply->error);
	}
}

/* Under one context; its message is copied into the frame at once. */
static int
ask_under(struct standing *s, const struct trusted_context *context)
{
	struct ledger_client *ledger = s->request->server->ledger;
	struct ledger_waiter waiter = {s->request->arena, on_stated, s};
	struct msg_status m = {
	    s->id, context->tenant, context->principal, context->token};

	return s->withdraw ? ledger_withdraw(ledger, &m, waiter)
			   : ledger_status(ledger, &m, waiter);
}

void
standing_ask(struct standing *s)
{
	const struct context_set *set = s->request->session->contexts;

	/* Ids are ours: nothing else can be one, or fits a message. */
	while (resource_id_is_plain(s->id) && s->next_context < set->count) {
		const struct trusted_context *c = &set->items[s->next_context];

		s->next_context++;
		if (c->refusal == NULL && ask_under(s, c) == 0) {
			return;
		}
	}
	finish(s, "RESOURCE_NOT_FOUND");
}

/* "no" is said only of what certainly did not happen. */
static const char *
changed_word(const struct standing *s)
{
	if (s->stated.changed) {
		return "yes";
	}
	return span_is(s->stated.state, "outcome_unknown") ? "not known" : "no";
}

static void
put_data(struct json_out *j, const struct msg_stated *m, bool is_final)
{
	json_open(j, '{');
	json_field_span(j, "proposal_id", m->proposal_id);
	json_field_span(j, "state", m->state);
	json_field_span(j, "target", m->target);
	json_field_span(j, "capability", m->action);
	json_field_bool(j, "final", is_final);
	json_field_bool(j, "expired", m->expired);
	json_field_span(j, "created_at", m->created_at);
	json_field_span(j, "updated_at", m->updated_at);
	json_close(j, '}');
}

void
standing_put(struct json_out *j, const void *standing)
{
	const struct standing *s = standing;
	const struct server *server = s->request->server;

	json_open(j, '{');
	json_field_bool(j, "ok", true);
	json_field_text(j, "summary",
	    arena_printf(s->request->arena,
		"Proposal %.*s for %.*s %s. Source database changed: %s.",
		SPAN_ARGS(s->stated.proposal_id), SPAN_ARGS(s->stated.target),
		s->words.message, changed_word(s)));
	json_field_text(j, "action", server->contract->status_tool);
	json_field_text(j, "kind", "read");
	json_key(j, "data");
	put_data(j, &s->stated, s->words.is_final);
	json_field_null(j, "proposal");
	json_field_null(j, "error");
	json_field_null(j, "evidence");
	json_field_bool(j, "source_database_changed", s->stated.changed);
	json_key(j, "_meta");
	json_open(j, '{');
	json_field_span(j, "canonical_capability", s->stated.action);
	json_close(j, '}');
	json_close(j, '}');
}

/* An error in the server's format; the tool is no capability. */
static void
put_error(struct json_out *j, const void *standing)
{
	const struct standing *s = standing;
	const char *reason = strcmp(s->error, "RESOURCE_NOT_FOUND") == 0
				 ? "PROPOSAL_NOT_FOUND"
				 : s->error;
	struct call_error error =
	    error_for(reason, span_of("proposal_id must be a string, and the "
				      "only argument"));

	s->request->server->format->put_error(j, NULL, &error);
}

/* Nothing was read from a source and nothing refused by a rule: like a
 * resource that is read, this leaves no record of its own. */
static void
answer(struct standing *s)
{
	struct request *r = s->request;
	struct server *server = r->server;
	bool failed = s->error != NULL;
	struct content c = {failed,
	    !failed || server->format->structured_errors,
	    failed ? put_error : standing_put, s};

	content_write(server, reply_begin(r), &c);
	reply_end(r);
}

void
status_call(struct request *r, uint32_t arguments)
{
	struct standing *s = arena_alloc(r->arena, sizeof(*s));

	s->request = r;
	s->done = answer;
	if (arguments == JSON_NONE || r->doc.nodes[arguments].count != 1 ||
	    json_get_type(&r->doc, arguments, "proposal_id", JSON_STRING) ==
		JSON_NONE) {
		s->error = "ARGUMENT_TYPE_INVALID";
		answer(s);
		return;
	}
	s->id = json_get_string(&r->doc, arguments, "proposal_id", r->arena);
	standing_ask(s);
}
