/*
 * Format 1: the flat objects of 0.1.1, member for member and in its order,
 * because programs compare them as text.
 */
#include "mcpd/mcp/result.h"

/* Said in both spellings, in every result: nothing was written. */
static void
put_unchanged(struct json_out *j)
{
	json_field_bool(j, "source_database_changed", false);
	json_field_bool(j, "source_database_mutated", false);
}

/* The handle under which ledgerd has recorded what was read. */
static void
put_evidence(struct json_out *j, const struct call_result *r)
{
	json_field_span(j, "evidence_bundle_id", r->evidence_id);
	result_put_resource(
	    j, "evidence_resource", "synapsor://evidence/", r->evidence_id);
}

static void
put_read(struct json_out *j, const struct call_result *r)
{
	json_open(j, '{');
	json_field_text(j, "status", "ok");
	json_field_text(j, "action", r->cap->name);
	json_field_text(j, "mode", contract_mode_name(r->mode));
	json_key(j, "business_object");
	json_open(j, '{');
	json_field_text(j, "type", r->cap->table);
	json_field_span(j, "id", r->object_id);
	json_close(j, '}');
	json_key(j, "data");
	result_put_data(j, r);
	json_key(j, "trusted_context");
	json_open(j, '{');
	json_field_span(j, "tenant_id", r->tenant);
	json_field_span(j, "principal", r->principal);
	json_field_text(j, "provenance", r->provenance);
	json_close(j, '}');
	put_evidence(j, r);
	put_unchanged(j);
	json_close(j, '}');
}

/* What would be changed, and for whom. */
static void
put_target(struct json_out *j, const struct call_result *r)
{
	json_key(j, "target");
	json_open(j, '{');
	json_field_text(j, "type", r->cap->table);
	json_field_span(j, "id", r->object_id);
	json_field_span(j, "tenant_id", r->tenant);
	json_close(j, '}');
}

/* Constant on purpose: whatever the executor, only a separate process
 * applies. */
static void
put_writeback(struct json_out *j, const struct call_result *r)
{
	json_key(j, "writeback");
	json_open(j, '{');
	json_field_text(j, "status", "not_applied");
	json_field_text(j, "mode", "trusted_worker_required");
	json_field_text(j, "executor", r->cap->executor);
	json_close(j, '}');
}

/* A proposal. `approval_required` is no setting: there is no other way. */
static void
put_proposal(struct json_out *j, const struct call_result *r)
{
	const struct msg_proposed *p = r->proposed;

	json_open(j, '{');
	json_field_text(j, "status", result_proposal_status(r));
	json_field_text(j, "action", r->cap->name);
	json_field_span(j, "proposal_id", p->proposal_id);
	json_field_int(j, "proposal_version", p->proposal_version);
	json_field_span(j, "proposal_hash", p->proposal_hash);
	put_target(j, r);
	json_key(j, "diff");
	result_put_diff(j, r);
	put_evidence(j, r);
	result_put_resource(
	    j, "proposal_resource", "synapsor://proposals/", p->proposal_id);
	result_put_resource(
	    j, "replay_resource", "synapsor://replay/replay_", p->proposal_id);
	json_field_bool(j, "approval_required", true);
	put_writeback(j, r);
	put_unchanged(j);
	json_close(j, '}');
}

/* Never the text of a driver, only what errors.c lets through. */
static void
put_error(struct json_out *j, const struct contract_capability *cap,
    const struct call_error *e)
{
	(void)cap;
	json_open(j, '{');
	json_field_bool(j, "ok", false);
	json_field_text(j, "code", e->code);
	json_field_span(j, "error", e->message);
	json_close(j, '}');
}

const struct result_format result_v1 = {
    true, put_read, put_proposal, put_error};
