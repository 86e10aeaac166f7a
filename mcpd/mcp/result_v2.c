/*
 * Format 2: one envelope in which every member is always present.
 */
#include "mcpd/mcp/result.h"

static const char evidence_note[] =
    "Recorded for audit and replay; you do not need to act on it.";
static const char next_step[] =
    "A person has to review this outside of these tools. Nothing was changed.";

/* The members before `data`. */
static void
put_head(struct json_out *j, const struct call_result *r, struct span summary)
{
	json_open(j, '{');
	json_field_bool(j, "ok", true);
	json_field_span(j, "summary", summary);
	json_field_text(j, "action", r->cap->name);
	json_field_text(
	    j, "kind", r->cap->kind == KIND_READ ? "read" : "proposal");
}

/* The members from `error` on; `_meta` is left open for the caller. */
static void
put_evidence(struct json_out *j, const struct call_result *r)
{
	json_field_null(j, "error");
	json_key(j, "evidence");
	json_open(j, '{');
	json_field_span(j, "bundle_id", r->evidence_id);
	json_field_text(j, "note", evidence_note);
	json_close(j, '}');
	json_field_bool(j, "source_database_changed", false);
	json_key(j, "_meta");
	json_open(j, '{');
	json_field_span(j, "tenant_id", r->tenant);
}

static void
put_read(struct json_out *j, const struct call_result *r)
{
	struct buf summary = BUF_INIT;

	buf_printf(&summary,
	    "Read %s %.*s through %s. Source database changed: no.",
	    r->cap->table, SPAN_ARGS(r->object_id), r->cap->name);
	put_head(j, r, buf_as_span(&summary));
	buf_clear(&summary);
	json_key(j, "data");
	result_put_data(j, r);
	json_field_null(j, "proposal");
	put_evidence(j, r);
	json_field_span(j, "principal", r->principal);
	json_field_text(j, "provenance", r->provenance);
	json_field_text(j, "canonical_capability", r->cap->name);
	json_close(j, '}');
	json_close(j, '}');
}

/* Everything but the two built-in executors is a handler of the
 * application. */
static const char *
writeback_mode(const struct contract_capability *cap)
{
	if (strcmp(cap->executor, "sql_update") == 0 ||
	    strcmp(cap->executor, "trusted_worker_required") == 0) {
		return "direct_update";
	}
	return "app_handler";
}

/* No status that could be read as done: the state says that a person has
 * to look. */
static void
put_proposal_body(struct json_out *j, const struct call_result *r)
{
	struct buf target = BUF_INIT;

	buf_printf(&target, "%s:%.*s", r->cap->table, SPAN_ARGS(r->object_id));
	json_key(j, "proposal");
	json_open(j, '{');
	json_field_span(j, "id", r->proposed->proposal_id);
	json_field_text(j, "state", result_proposal_status(r));
	json_field_span(j, "target", buf_as_span(&target));
	json_key(j, "diff");
	result_put_diff(j, r);
	json_field_bool(j, "approval_required", true);
	json_key(j, "writeback");
	json_open(j, '{');
	json_field_text(j, "mode", writeback_mode(r->cap));
	json_field_bool(j, "applied", false);
	json_close(j, '}');
	json_field_text(j, "next", next_step);
	json_close(j, '}');
	buf_clear(&target);
}

static void
put_proposal(struct json_out *j, const struct call_result *r)
{
	struct buf summary = BUF_INIT;

	buf_printf(&summary,
	    "Created proposal %.*s for %s %.*s. Source database changed: no.",
	    SPAN_ARGS(r->proposed->proposal_id), r->cap->table,
	    SPAN_ARGS(r->object_id));
	put_head(j, r, buf_as_span(&summary));
	buf_clear(&summary);
	json_field_null(j, "data");
	put_proposal_body(j, r);
	put_evidence(j, r);
	json_field_text(j, "canonical_capability", r->cap->name);
	json_close(j, '}');
	json_close(j, '}');
}

/* The same envelope, so that a program finds its members in the same
 * place. */
static void
put_error(struct json_out *j, const struct contract_capability *cap,
    const struct call_error *e)
{
	bool is_proposal = cap != NULL && cap->kind == KIND_PROPOSAL;

	json_open(j, '{');
	json_field_bool(j, "ok", false);
	json_field_span(j, "summary", e->message);
	json_field_text(j, "action", cap == NULL ? "" : cap->name);
	json_field_text(j, "kind", is_proposal ? "proposal" : "read");
	json_field_null(j, "data");
	json_field_null(j, "proposal");
	json_key(j, "error");
	json_open(j, '{');
	json_field_text(j, "code", e->code_v2);
	json_field_span(j, "message", e->message);
	json_field_bool(j, "retryable", e->retryable);
	if (e->retry_after_ms > 0) {
		json_field_int(j, "retry_after_ms", e->retry_after_ms);
	}
	json_close(j, '}');
	json_field_null(j, "evidence");
	json_field_bool(j, "source_database_changed", false);
	json_key(j, "_meta");
	json_open(j, '{');
	json_field_text(
	    j, "canonical_capability", cap == NULL ? "" : cap->name);
	json_close(j, '}');
	json_close(j, '}');
}

const struct result_format result_v2 = {
    false, put_read, put_proposal, put_error};
