#include <unistd.h>

#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/ledger/job_file.h"
#include "cli/ledger/reviewer_key.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/contract.h"

#define BATCH_MAX 200

/* --proposal, or the one word; NULL when there is neither. */
static const char *
proposal_of(const struct args *a)
{
	const char *named = args_get(a, "proposal");

	return named != NULL ? named : a->word_count == 1 ? a->words[0] : NULL;
}

/* What each status is called, and what the checks were. */
static const struct {
	const char *status;
	const char *title;
	const char *by_app; /* an application executed it */
} titles[] = {
    {"applied", "Guarded writeback applied.", "App-owned writeback applied."},
    {"already_applied", "Guarded writeback already applied.",
	"App-owned writeback already applied."},
    {"conflict", "Guarded writeback returned conflict.",
	"App-owned writeback returned conflict."},
    {"failed", "Guarded writeback failed.", "App-owned writeback failed."},
    {"outcome_unknown", "Guarded writeback: the outcome is not known.",
	"App-owned writeback: the outcome is not known."},
};

/* A dry run that passed must not be titled as a change. */
static const char *
title_of(const char *status, bool dry_run, bool by_app)
{
	if (dry_run && strcmp(status, "applied") == 0) {
		return by_app ? "App-owned writeback dry run passed."
			      : "Guarded writeback dry run passed.";
	}
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (strcmp(titles[i].status, status) == 0) {
			return by_app ? titles[i].by_app : titles[i].title;
		}
	}
	return "Guarded writeback: unexpected answer.";
}

/* 0.1.1's list of what a writer checks. A failure says nothing about the
 * later checks, so they are "not completed", not "yes". */
static void
print_checks(struct view *v, const char *status, const char *code)
{
	bool completed = strcmp(status, "failed") != 0 &&
			 strcmp(status, "outcome_unknown") != 0;
	const char *matched = !completed ? "not completed"
			      : strcmp(code, "ROW_NOT_FOUND") == 0 ? "no"
								   : "yes";
	const char *guard = strcmp(code, "VERSION_CONFLICT") == 0 ? "no"
			    : strcmp(status, "applied") == 0 ||
				    strcmp(status, "already_applied") == 0
				? "yes"
				: "not completed";

	view_print(v, "Checks:\n* proposal approved: yes\n");
	view_print(v, "* primary key matched: %s\n", matched);
	view_print(v, "* tenant guard matched: %s\n", matched);
	view_print(v, "* allowed columns only: yes\n");
	view_print(v, "* conflict guard passed: %s\n", guard);
	view_print(
	    v, "* affected rows: %s\n", view_text(v, 0, "rows_affected", "0"));
	view_print(v, "* idempotency key: %s\n",
	    view_text(v, 0, "idempotency_key", "?"));
}

/* "unknown" only where nobody can know; no other status may be softened. */
static const char *
changed_by_us(struct view *v, const char *status)
{
	if (strcmp(status, "outcome_unknown") == 0) {
		return "unknown";
	}
	return view_bool(v, 0, "source_database_mutated") ? "yes" : "no";
}

/* 0.1.1's list where an application executes: it makes its own checks. */
static void
print_app_checks(struct view *v, const char *status)
{
	view_print(v, "Checks:\n* proposal approved: yes\n");
	view_print(v, "* execution authority: app-owned handler outside MCP\n");
	view_print(v, "* source database changed by handler: %s\n",
	    changed_by_us(v, status));
	view_print(
	    v, "* affected rows: %s\n", view_text(v, 0, "rows_affected", "0"));
	view_print(v, "* idempotency key: %s\n",
	    view_text(v, 0, "idempotency_key", "?"));
}

/* Does an application execute this proposal? The contract in force says so; the
 * ledger tells which capability it is of. */
static bool
is_by_app(struct control *c, struct span id)
{
	const struct contract_capability *cap = NULL;
	struct contract *contract = NULL;
	struct span answer;
	struct view v = {0};
	struct err ignored = {0};
	bool by_app = false;

	if (c->config != NULL &&
	    contract_load(c->config, &contract, &ignored) == 0 &&
	    contract->executor_count > 0 &&
	    control_show(c, SHOW_PROPOSAL,
		arena_strndup(c->arena, id.ptr, id.len), &answer,
		&ignored) == 0 &&
	    view_open(&v, answer, c->arena, &ignored) == 0) {
		cap = contract_capability(contract,
		    json_get_string(&v.doc, json_get(&v.doc, 0, "proposal"),
			"action", c->arena));
		by_app = cap != NULL && cap->handler != NULL;
	}
	contract_free(&contract);
	return by_app;
}

/* What a person can do now. After a conflict the same proposal can never be
 * applied: the row is no longer the one that was approved. */
static void
print_next(struct view *v, const char *status, bool by_app)
{
	bool retryable =
	    view_bool(v, json_get(&v->doc, 0, "details"), "retryable");
	const char *id = view_text(v, 0, "proposal_id", "?");

	if (strcmp(status, "failed") == 0 && retryable) {
		view_print(v,
		    "Next:\n  mend the cause, then apply again (the same "
		    "idempotency key is used):\n");
		view_command(v, "apply", id, "");
	} else if (strcmp(status, "outcome_unknown") == 0) {
		view_print(
		    v, by_app ? "Next:\n  apply again (the handler is asked "
				"again under the same idempotency key):\n"
			      : "Next:\n  apply again (it looks the outcome up "
				"before anything is written):\n");
		view_command(v, "apply", id, "");
	} else if (strcmp(status, "conflict") == 0) {
		view_print(v, "Next:\n  have the agent read the row again and "
			      "propose anew\n");
	}
	view_print(v, "Replay:\n");
	view_command(v, "replay show", id, "");
}

/* The receipt as text: outcome, checks, change, reason, next step. */
static void
print_text(struct view *v, bool by_app)
{
	uint32_t details = json_get(&v->doc, 0, "details");
	const char *status = view_text(v, 0, "status", "?");
	const char *code = view_text(v, 0, "safe_error_code", "");
	const char *why = view_text(v, details, "explanation", "");

	view_print(v, "%s\n\n",
	    title_of(status, view_bool(v, details, "dry_run"), by_app));
	if (by_app) {
		print_app_checks(v, status);
	} else {
		print_checks(v, status, code);
	}
	if (strcmp(status, "conflict") == 0) {
		view_print(v,
		    "Result:\n  conflict\nSource DB changed by "
		    "Countersign:\n  no\nWhy:\n  %s: %s\n",
		    code, why);
	} else {
		view_print(v, "Source DB changed by Countersign:\n  %s\n",
		    changed_by_us(v, status));
	}
	if (strcmp(status, "failed") == 0 ||
	    strcmp(status, "outcome_unknown") == 0) {
		view_print(v, "Error:\n  %s: %s\n", code, why);
	}
	view_print(v, "Receipt:\n  %s\n", view_text(v, 0, "receipt_hash", "?"));
	print_next(v, status, by_app);
}

/* Every error of apply says what it means for the source. When the answer was
 * lost on the way, nobody here can know. */
static void
say_what_changed(struct err *e)
{
	const char *reason = err_reason(e);
	bool lost = strcmp(reason, "APPLY_TIMEOUT") == 0 ||
		    strcmp(reason, "LEDGER_GONE") == 0;
	size_t used = strlen(e->msg);

	if (strcasestr(e->msg, "source database changed") != NULL) {
		return;
	}
	(void)snprintf(e->msg + used, sizeof(e->msg) - used,
	    lost ? ". Source database changed: unknown; run the same apply "
		   "again, it looks before it writes"
		 : ". Source database changed: no");
}

/* Where somebody else than the approvers has to apply, and signatures are
 * asked for, that is signed first. */
static int
sign_apply(
    struct control *c, const struct args *a, struct msg_apply *m, struct err *e)
{
	struct view shown = {0};
	struct span answer;
	const char *id =
	    arena_strndup(c->arena, m->proposal_id.ptr, m->proposal_id.len);
	uint32_t p;
	int rc = control_show(c, SHOW_PROPOSAL, id, &answer, e);

	if (rc == 0) {
		rc = view_open(&shown, answer, c->arena, e);
	}
	if (rc != 0) {
		return rc;
	}
	p = json_get(&shown.doc, 0, "proposal");
	m->proposal_id =
	    json_get_string(&shown.doc, p, "proposal_id", c->arena);
	return reviewer_decide(c, &shown,
	    &(struct msg_decide){.action = DECISION_APPLY,
		.proposal_id = m->proposal_id,
		.proposal_hash =
		    json_get_string(&shown.doc, p, "proposal_hash", c->arena),
		.proposal_version = 1},
	    reviewer_key(a), &answer, e);
}

/* One proposal to its end, and the exit code of that. */
static int
have_applied(
    struct control *c, const struct args *a, struct msg_apply *m, struct err *e)
{
	struct span answer;
	struct view v = {0};
	const char *status;
	int rc = control_ask_writer(c, MSG_APPLY, m, &answer, e);

	if (rc != 0 && strcmp(err_reason(e), "SIGNATURE_REQUIRED") == 0 &&
	    reviewer_key(a) != NULL) {
		*e = (struct err){0};
		rc = sign_apply(c, a, m, e);
		if (rc == 0) {
			rc = control_ask_writer(c, MSG_APPLY, m, &answer, e);
		}
	}
	if (rc == 0) {
		rc = view_open(&v, answer, c->arena, e);
	}
	if (rc != 0) {
		say_what_changed(e);
		return rc;
	}
	status = view_text(&v, 0, "status", "?");
	if (args_has(a, "json")) {
		view_json(&v, 0);
	} else {
		v.place = c->place;
		print_text(&v,
		    is_by_app(c, span_of(view_text(&v, 0, "proposal_id", ""))));
	}
	view_flush(&v);
	/* 0.1.1: a conflict is a result, not an error. */
	return strcmp(status, "failed") == 0 ||
		       strcmp(status, "outcome_unknown") == 0
		   ? CS_EXIT_FAILED
		   : CS_EXIT_OK;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = text == NULL ? 0 : strlen(text);

	return len > strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* --all-approved wants a limit: nobody is to apply a thousand by mistake. */
static int
batch_limit(const struct args *a, uint32_t *out, struct err *e)
{
	const char *max = args_get(a, "max");
	long long value = max == NULL ? 0 : str_to_number(max, BATCH_MAX);

	if (value <= 0) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--all-approved wants --max N, from 1 to %d. Source "
		    "database changed: no",
		    BATCH_MAX);
	}
	*out = (uint32_t)value;
	return 0;
}

/* The oldest approved proposals first, one after the other; an error of one is
 * told and does not end the rest. */
static int
have_all_applied(
    struct control *c, const struct args *a, struct msg_apply *m, struct err *e)
{
	struct msg_filter filter = {span_of("state"), span_of("approved")};
	struct msg_query q = {.kind = QUERY_PROPOSALS,
	    .limit = BATCH_MAX,
	    .filters = {&filter, 1}};
	struct span ids[BATCH_MAX];
	struct span answer;
	struct view v = {0};
	uint32_t limit = 0;
	uint32_t count = 0;
	uint32_t done = 0;
	uint32_t bad = 0;
	int rc = batch_limit(a, &limit, e);

	if (rc != 0 || (rc = control_list(c, &q, &answer, e)) != 0 ||
	    (rc = view_open(&v, answer, c->arena, e)) != 0) {
		return rc;
	}
	uint32_t list = json_get(&v.doc, 0, "proposals");
	for (uint32_t p = view_first(&v, list); p != JSON_NONE;
	     p = view_next(&v, list, p)) {
		ids[count++] =
		    json_get_string(&v.doc, p, "proposal_id", c->arena);
	}
	while (count > 0 && done < limit) {
		struct err one = {0};
		m->proposal_id = ids[--count];
		rc = have_applied(c, a, m, &one);
		done++;
		bad += rc != CS_EXIT_OK;
		if (rc < 0) {
			(void)dprintf(STDERR_FILENO, "error: %.*s: %s\n",
			    SPAN_ARGS(m->proposal_id), one.msg);
		}
	}
	(void)dprintf(STDERR_FILENO,
	    "%u of %u approved proposal(s) tried, %u not applied; %u left\n",
	    done, done + count, bad, count);
	return bad > 0 ? CS_EXIT_FAILED : CS_EXIT_OK;
}

int
cmd_apply(const struct args *a, struct err *e)
{
	const char *id = proposal_of(a);
	const char *job = args_get(a, "job");
	const char *dry = secure_getenv("SYNAPSOR_DRY_RUN");
	struct msg_apply m = {
	    .dry_run = args_has(a, "dry-run") ||
		       (dry != NULL && strcmp(dry, "true") == 0)};
	struct control c = {.fd = -1};
	bool is_batch = args_has(a, "all-approved");
	int given;
	int rc;

	/* 0.1.1 took a file's name for a job. */
	if (job == NULL && ends_with(id, ".json")) {
		job = id;
		id = NULL;
	}
	given = (id != NULL) + (job != NULL) + is_batch;

	if (given != 1) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "one of a proposal id (or latest), --job FILE and "
		    "--all-approved is wanted. Source database changed: no");
	}
	if ((rc = control_wait_ms(a, &m.wait_ms, e)) == 0 &&
	    (rc = control_open(&c, a, e)) == 0 && job != NULL) {
		rc = job_file_proposal(&c, job, &id, e);
	}
	if (rc != 0) {
		say_what_changed(e);
	} else if (is_batch) {
		rc = have_all_applied(&c, a, &m, e);
	} else {
		m.proposal_id = span_of(id);
		rc = have_applied(&c, a, &m, e);
	}
	control_close(&c);
	return rc;
}
