#include "mcpd/mcp/tasks.h"

#include "common/base/arena.h"
#include "mcpd/mcp/standing.h"

/* People take minutes: asking more often tells nothing new. */
#define POLL_MS 5000

bool
tasks_apply(const struct request *r)
{
	return r->era == ERA_MODERN && r->envelope.declares_tasks &&
	       r->server->mode == MODE_REVIEW;
}

static void
put_task(struct json_out *j, struct span id, const struct standing_words *w,
    struct span created_at, struct span updated_at)
{
	json_field_span(j, "taskId", id);
	json_field_text(j, "status", w->task);
	json_field_text(j, "statusMessage", w->message);
	json_field_span(j, "createdAt", created_at);
	json_field_span(j, "lastUpdatedAt", updated_at);
	json_field_null(j, "ttlMs"); /* the ledger forgets nothing */
	json_field_int(j, "pollIntervalMs", POLL_MS);
}

void
tasks_reply_created(struct request *r, const struct msg_proposed *proposed)
{
	static const struct standing_words words = {
	    "working", "waits for a person to review it", false, false};

	put_task(reply_begin_as(r, "task"), proposed->proposal_id, &words,
	    proposed->created_at, proposed->created_at);
	reply_end(r);
}

/* What the tool call would have answered, had it waited. */
static void
put_result(struct json_out *j, const struct standing *s)
{
	struct content c = {s->words.is_failure, false, standing_put, s};

	json_key(j, "result");
	json_open(j, '{');
	json_field_text(j, "resultType", "complete");
	content_write(s->request->server, j, &c);
	json_close(j, '}');
}

/* An unknown id and somebody else's are the same to the caller. */
static void
answer_error(struct standing *s)
{
	if (strcmp(s->error, "RESOURCE_NOT_FOUND") == 0) {
		reply_error(s->request, RPC_INVALID_PARAMS,
		    "Invalid params: unknown taskId", span_of(""));
	} else {
		reply_error(s->request, RPC_INTERNAL,
		    "The ledger is temporarily unavailable.", span_of(""));
	}
}

static void
answer_task(struct standing *s)
{
	struct json_out *j = NULL;

	if (s->error != NULL) {
		answer_error(s);
		return;
	}
	j = reply_begin(s->request);
	put_task(j, s->stated.proposal_id, &s->words, s->stated.created_at,
	    s->stated.updated_at);
	if (strcmp(s->words.task, "completed") == 0) {
		put_result(j, s);
	}
	reply_end(s->request);
}

/* That it was received, no more: a client learns the rest by asking. */
static void
answer_received(struct standing *s)
{
	if (s->error != NULL) {
		answer_error(s);
		return;
	}
	(void)reply_begin(s->request);
	reply_end(s->request);
}

static void
ask(struct request *r, bool withdraw, void (*done)(struct standing *s))
{
	struct standing *s = arena_alloc(r->arena, sizeof(*s));

	if (!r->envelope.declares_tasks) {
		reply_failure(
		    r, &(struct rpc_failure){RPC_MISSING_CAPABILITY,
			   "The client did not declare the tasks extension",
			   span_of("{\"requiredCapabilities\":{\"extensions\":"
				   "{\"" EXTENSION_TASKS "\":{}}}}")});
		return;
	}
	s->request = r;
	s->withdraw = withdraw;
	s->done = done;
	s->id = json_get_string(&r->doc, r->params, "taskId", r->arena);
	standing_ask(s);
}

void
on_tasks_get(struct request *r)
{
	ask(r, false, answer_task);
}

/* Answers to questions that a task asked; ours ask none. */
void
on_tasks_update(struct request *r)
{
	ask(r, false, answer_received);
}

/* Takes the proposal back while nobody has decided; later it has no effect. */
void
on_tasks_cancel(struct request *r)
{
	ask(r, true, answer_received);
}
