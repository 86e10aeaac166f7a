#include <unistd.h>

#include "cli/confirm.h"
#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/ledger/reviewer_key.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/people.h"
#include "common/base/str.h"

/* Exactly one word, or a usage error that says which. */
static int
want_word(const struct args *a, const char *what, struct err *e)
{
	return a->word_count == 1 ? 0
				  : err_set(e, CS_E_INVALID, "USAGE",
					"one %s is wanted", what);
}

/* Three lines of a list. A damaged row is named and nothing of it is shown
 * as if it were true. */
static void
print_summary(struct view *v, uint32_t p)
{
	if (strcmp(view_text(v, p, "state", ""), "damaged") == 0) {
		view_print(v, "%s  %s  DAMAGED  %s: %s\n",
		    view_text(v, p, "created_at", "?"),
		    view_text(v, p, "proposal_id", "?"),
		    view_text(v, p, "error", "?"),
		    view_text(v, p, "message", ""));
		return;
	}
	view_print(v, "%s  %s  %s  %s\n", view_text(v, p, "created_at", "?"),
	    view_text(v, p, "proposal_id", "?"), view_text(v, p, "state", "?"),
	    view_text(v, p, "action", "?"));
	view_print(v, "  object: %s:%s\n",
	    view_text(v, p, "business_object", "?"),
	    view_text(v, p, "object_id", "?"));
	view_print(v, "  target: %s:%s/%s.%s/%s\n",
	    view_text(v, p, "source_kind", "?"),
	    view_text(v, p, "source_id", "?"),
	    view_text(v, p, "source_schema", "?"),
	    view_text(v, p, "source_table", "?"),
	    view_text(v, p, "object_id", "?"));
	view_print(v, "  tenant: %s  source changed: %s\n",
	    view_text(v, p, "tenant_id", "?"),
	    view_bool(v, p, "source_database_mutated") ? "yes" : "no");
}

static void
print_list(struct view *v, bool details)
{
	uint32_t list = json_get(&v->doc, 0, "proposals");
	uint32_t p = view_first(v, list);

	if (p == JSON_NONE) {
		view_print(v, "No proposals found.\n");
	}
	for (; p != JSON_NONE; p = view_next(v, list, p)) {
		print_summary(v, p);
		if (details) {
			view_proposal_details(v, p);
		}
	}
}

int
cmd_proposals_list(const struct args *a, struct err *e)
{
	struct control c;
	struct span answer;
	struct view v;
	int rc = control_open(&c, a, e);

	if (rc == 0) {
		rc = control_query(&c, QUERY_PROPOSALS, a, &answer, e);
	}
	if (rc == 0) {
		rc = view_open(&v, answer, c.arena, e);
	}
	if (rc == 0) {
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else {
			print_list(
			    &v, args_has(a, "details") || args_has(a, "debug"));
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}

/* What the state means for the approval, and what to do next. */
static const struct {
	const char *state;
	const char *shown;
	const char *approval;
} states[] = {
    {"pending_review", "pending review", "required outside MCP"},
    {"approved", "approved", "approved outside MCP, not applied yet"},
    {"pending_worker", "pending worker",
	"approved outside MCP, waiting for worker"},
    {"applied", "applied", "approved outside MCP and applied"},
    {"conflict", "conflict", "approved outside MCP; writeback conflicted"},
    {"failed", "failed", "approved outside MCP; writeback failed"},
    {"rejected", "rejected", "rejected outside MCP"},
    {"canceled", "canceled", "canceled"},
    {"outcome_unknown", "outcome unknown",
	"approved outside MCP; whether it was applied is not known yet"},
};

/* The last row stands for a state that we do not know. */
static size_t
state_row(const char *state)
{
	size_t i = 0;

	while (i + 1 < sizeof(states) / sizeof(states[0]) &&
	       strcmp(states[i].state, state) != 0) {
		i++;
	}
	return i;
}

static void
print_next(struct view *v, const char *state, const char *id)
{
	view_print(v, "\nNext:\n");
	if (strcmp(state, "pending_review") == 0) {
		view_command(v, "proposals approve", id, "");
		view_command(v, "proposals reject", id, " --reason \"...\"");
	} else if (strcmp(state, "approved") == 0) {
		view_command(v, "apply", id, "");
	}
	view_command(v, "replay show", id, "");
	view_print(v, "\nMore detail:\n");
	view_command(v, "proposals show", id, " --details");
}

/* What a reviewer needs first: what was asked, what would change, what was
 * changed so far. Details on demand. */
static void
print_first_look(struct view *v, uint32_t root)
{
	uint32_t p = json_get(&v->doc, root, "proposal");
	uint32_t cs = json_get(&v->doc, p, "change_set");
	uint32_t evidence = json_get(&v->doc, cs, "evidence");
	uint32_t bundles = json_get(&v->doc, root, "evidence");
	const char *state = view_text(v, p, "state", "?");
	const char *id = view_text(v, p, "proposal_id", "?");
	size_t row = state_row(state);

	view_print(v, "Proposal %s\nStatus: %s\n\n", id, states[row].shown);
	view_print(
	    v, "Agent requested:\n  %s\n\n", view_text(v, p, "action", "?"));
	view_print(v, "Business object:\n  %s %s\n\n",
	    view_text(v, p, "business_object", "?"),
	    view_text(v, p, "object_id", "?"));
	view_print(v, "Proposed change (values by the model or the data; not "
		      "an instruction):\n");
	view_diff(v, cs, "  | ");
	view_print(v, "\nSource DB changed:\n  %s\n\n",
	    view_bool(v, p, "source_database_mutated") ? "yes" : "no");
	view_print(v, "Approval:\n  %s\n\n", states[row].approval);
	view_print(v, "Evidence:\n  %s (%u item(s))\n",
	    view_text(v, evidence, "bundle_id", "?"),
	    bundles == JSON_NONE ? 0 : v->doc.nodes[bundles].count);
	print_next(v, state, id);
}

static void
print_events(struct view *v, uint32_t root)
{
	uint32_t list = json_get(&v->doc, root, "events");

	view_print(v, "\nEvents:\n");
	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		view_print(v, "  event %s: %s by %s at %s\n",
		    view_text(v, i, "event_id", "?"),
		    view_text(v, i, "kind", "?"), view_text(v, i, "actor", "?"),
		    view_text(v, i, "created_at", "?"));
	}
}

int
cmd_proposals_show(const struct args *a, struct err *e)
{
	struct control c = {.fd = -1};
	struct span answer;
	struct view v;
	int rc = want_word(a, "proposal id (or latest)", e);

	if (rc != 0 || (rc = control_open(&c, a, e)) != 0 ||
	    (rc = control_show(&c, SHOW_PROPOSAL, a->words[0], &answer, e)) !=
		0 ||
	    (rc = view_open(&v, answer, c.arena, e)) != 0) {
		control_close(&c);
		return rc;
	}
	if (args_has(a, "json")) {
		view_json(&v, 0);
	} else if (args_has(a, "details") || args_has(a, "debug")) {
		view_proposal_details(&v, json_get(&v.doc, 0, "proposal"));
		print_events(&v, 0);
		if (args_has(a, "debug")) {
			view_print(&v, "\nDebug:\n  store: %s\n", c.store);
		}
	} else {
		v.place = c.place;
		print_first_look(&v, 0);
	}
	view_flush(&v);
	control_close(&c);
	return 0;
}

/* 0.1.1's scripts pass --actor; who decides is who asks. */
static int
check_actor(const struct args *a, struct err *e)
{
	const char *actor = args_get(a, "actor");
	char user[PEOPLE_NAME_SIZE];
	bool known = people_name(geteuid(), user);

	if (actor == NULL || (known && strcmp(actor, user) == 0)) {
		return 0;
	}
	return err_set(e, CS_E_DENIED, "ACTOR_NOT_YOU",
	    "--actor %s: the reviewer is the user who runs this command (%s); "
	    "nothing was recorded",
	    actor, known ? user : "unknown");
}

/* Hash and id come out of the document that was shown, never from the
 * command line: "latest" may be another proposal by now. */
static int
send_decision(struct control *c, const struct view *shown,
    enum decision_action action, const struct args *a, struct span *answer,
    struct err *e)
{
	uint32_t p = json_get(&shown->doc, 0, "proposal");
	const char *reason = args_get(a, "reason");
	struct msg_decide m = {.action = action,
	    .proposal_id =
		json_get_string(&shown->doc, p, "proposal_id", c->arena),
	    .proposal_hash =
		json_get_string(&shown->doc, p, "proposal_hash", c->arena),
	    .proposal_version = 1,
	    .reason = span_of(reason == NULL ? "" : reason)};

	return reviewer_key(a) == NULL
		   ? control_request(c, MSG_DECIDE, &m, answer, e)
		   : reviewer_decide(c, shown, &m, reviewer_key(a), answer, e);
}

/* An approval may be one of several; a rejection may come while a writer has
 * the change, and then the receipt says which of the two was first. */
static const char *
decided_words(struct view *v, uint32_t p, enum decision_action action)
{
	const char *state = view_text(v, p, "state", "?");

	if (action == DECISION_APPROVE) {
		return strcmp(state, "pending_review") == 0
			   ? "recorded your approval, others are needed for"
			   : "approved";
	}
	return strcmp(state, "pending_worker") == 0
		   ? "told the writer to stop (countersign replay show says "
		     "whether in time):"
		   : "rejected";
}

/* Who decided is told as ledgerd recorded it. */
static void
print_decided(struct view *v, enum decision_action action, bool json)
{
	uint32_t p = json_get(&v->doc, 0, "proposal");
	uint32_t reviewer = json_get(&v->doc, 0, "reviewer");

	if (json) {
		view_json(v, p);
		return;
	}
	view_print(v, "%s %s\n", decided_words(v, p, action),
	    view_text(v, p, "proposal_id", "?"));
	view_print(v, "reviewer: %s (uid %s)%s\n",
	    view_text(v, reviewer, "user", "?"),
	    view_text(v, reviewer, "uid", "?"),
	    view_bool(v, reviewer, "listed")
		? ""
		: ", as owner of the ledger: the contract lists no reviewers");
	view_print(v, "source database changed: no\n");
}

/* Approve and reject: show, ask, send. The proposal is fetched once, and the
 * decision is about that copy. */
static int
decide(const struct args *a, enum decision_action action, struct err *e)
{
	struct control c = {.fd = -1};
	struct view shown = {0};
	struct view done = {0};
	struct span answer;
	int rc = want_word(a, "proposal id (or latest)", e);

	if (rc == 0 && action == DECISION_REJECT && !args_has(a, "reason")) {
		rc = err_set(e, CS_E_INVALID, "REASON_REQUIRED",
		    "proposals reject requires --reason; nothing was recorded");
	}
	if (rc != 0 || (rc = check_actor(a, e)) != 0 ||
	    (rc = control_open(&c, a, e)) != 0 ||
	    (rc = control_show(&c, SHOW_PROPOSAL, a->words[0], &answer, e)) !=
		0 ||
	    (rc = view_open(&shown, answer, c.arena, e)) != 0) {
		control_close(&c);
		return rc;
	}
	/* What is shown is rendered from the bytes whose hash is sent. */
	if (!args_has(a, "json")) {
		view_proposal_details(
		    &shown, json_get(&shown.doc, 0, "proposal"));
		view_print(&shown, "\n");
		view_flush(&shown);
	}
	/* ledgerd checks everything again, so this question is for the
	 * person. */
	if (!args_has(a, "yes")) {
		rc = confirm("approval/rejection",
		    action == DECISION_APPROVE ? "Approve exactly this change?"
					       : "Reject this change?",
		    e);
	}
	if (rc == 0) {
		rc = send_decision(&c, &shown, action, a, &answer, e);
	}
	if (rc == 0) {
		rc = view_open(&done, answer, c.arena, e);
	}
	if (rc == 0) {
		print_decided(&done, action, args_has(a, "json"));
		view_flush(&done);
	}
	control_close(&c);
	return rc;
}

int
cmd_proposals_approve(const struct args *a, struct err *e)
{
	return decide(a, DECISION_APPROVE, e);
}

int
cmd_proposals_reject(const struct args *a, struct err *e)
{
	return decide(a, DECISION_REJECT, e);
}

int
cmd_proposals_job(const struct args *a, struct err *e)
{
	const char *output = args_get(a, "output");
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	int rc = want_word(a, "proposal id", e);

	if (rc == 0 && (rc = control_open(&c, a, e)) == 0 &&
	    (rc = control_show(&c, SHOW_JOB, a->words[0], &answer, e)) == 0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0) {
		view_json(&v, 0);
		if (output != NULL) {
			rc = file_write_atomic(
			    output, v.out.data, v.out.len, 0600, e);
			/* Standard output gets one line then; the job itself
			 * is in the file. */
			buf_reset(&v.out);
			view_print(&v, "wrote the signed job of %s to %s\n",
			    a->words[0], output);
		}
		if (rc == 0) {
			view_flush(&v);
		}
	}
	buf_clear(&v.out);
	control_close(&c);
	return rc;
}
