#include "writerd/job_check.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/rules.h"
#include "writerd/approval_check.h"

/* A job that was issued later than this from now was not issued by a ledger
 * whose clock can be trusted with an expiry. */
#define CLOCK_SKEW_US (INT64_C(300) * 1000000)

static int
refuse(struct err *e, const char *reason, const char *why)
{
	return err_set(e, CS_E_INTEGRITY, reason, "%s", why);
}

static int
check_time(
    const struct job_authority *authority, const struct job *job, struct err *e)
{
	if (job->expires_us <= authority->now_us) {
		return err_set(e, CS_E_STATE, "JOB_EXPIRED",
		    "the job's lease has expired");
	}
	if (job->issued_us > authority->now_us + CLOCK_SKEW_US) {
		return err_set(e, CS_E_STATE, "JOB_EXPIRED",
		    "the job was issued in the future: compare the clocks");
	}
	return 0;
}

/* The change set was made under this contract, for review. */
static int
check_contract(const struct job_authority *authority, const struct job *job,
    const struct change_set *cs, struct err *e)
{
	const struct contract *c = authority->contract;

	if (!span_is(job->contract_digest, c->digest_text)) {
		return err_set(e, CS_E_INTEGRITY, "CONTRACT_DIGEST_MISMATCH",
		    "the job was made under contract %.*s, this writer has %s",
		    SPAN_ARGS(job->contract_digest), c->digest_text);
	}
	if (c->mode != MODE_REVIEW || !span_is(cs->mode, "review_required")) {
		return refuse(e, "MODE_NOT_REVIEW",
		    "only proposals of mode review may be applied");
	}
	return 0;
}

static int
check_target(const struct job_authority *authority, const struct checked_job *j,
    struct err *e)
{
	const struct contract_capability *cap = j->cap;
	const struct change_set *cs = &j->cs;
	const char *tenant_column =
	    cap->tenant_key != NULL ? cap->tenant_key : SINGLE_TENANT_COLUMN;

	if (cap->kind != KIND_PROPOSAL ||
	    !span_is(cs->source_id, cap->source->name) ||
	    !span_is(
		j->job.engine, contract_engine_name(cap->source->engine)) ||
	    !span_is(cs->schema, cap->schema) ||
	    !span_is(cs->table, cap->table) ||
	    !span_is(cs->business_object, cap->table) ||
	    !span_is(cs->primary_key.name, cap->primary_key) ||
	    !span_is(cs->executor, cap->executor) ||
	    (authority->is_handler
		    ? cap->handler == NULL
		    : strcmp(cap->executor, "sql_update") != 0)) {
		return refuse(e, "TARGET_NOT_REVIEWED",
		    "the target does not match any reviewed proposal "
		    "capability");
	}
	/* An application writes by what it holds itself. */
	if (!authority->is_handler &&
	    (cap->source->read_only || cap->source->write_url_env == NULL)) {
		return refuse(e, "TARGET_NOT_REVIEWED",
		    "the contract allows no direct writes to this source");
	}
	if (!span_is(cs->tenant_guard.name, tenant_column)) {
		return refuse(e, "TENANT_GUARD_MISMATCH",
		    "the tenant guard is not the reviewed one");
	}
	return 0;
}

/* The allow-list is the contract's, not the change set's word for it. */
static int
check_columns(const struct checked_job *j, struct err *e)
{
	const struct contract_capability *cap = j->cap;
	const struct change_set *cs = &j->cs;
	bool same = cs->allowed_count == cap->allowed_count &&
		    cs->before_count == cap->read_count;

	for (size_t i = 0; same && i < cap->allowed_count; i++) {
		same = span_is(cs->allowed_columns[i], cap->allowed_columns[i]);
	}
	for (size_t i = 0; same && i < cap->read_count; i++) {
		same = span_is(cs->before[i].name, cap->read_columns[i]);
	}
	return same ? 0
		    : refuse(e, "ROW_NOT_REVIEWED",
			  "the columns are not the reviewed ones");
}

static bool
before_is(
    const struct change_set *cs, const char *column, struct scalar expected)
{
	const struct named_scalar *v =
	    scalars_find(cs->before, cs->before_count, span_of(column));

	return v != NULL && scalar_equal(v->value, expected);
}

/* Key, tenant and version are those of the row that the reviewer saw. */
static int
check_row(const struct checked_job *j, struct err *e)
{
	const struct contract_capability *cap = j->cap;
	const struct change_set *cs = &j->cs;
	const struct named_scalar *tenant;

	if (!before_is(cs, cap->primary_key, cs->primary_key.value) ||
	    !span_equal(
		scalar_as_string(cs->primary_key.value), cs->object_id)) {
		return refuse(e, "ROW_NOT_REVIEWED",
		    "the key is not the one of the row that was read");
	}
	if (cap->tenant_key != NULL) {
		tenant = scalars_find(
		    cs->before, cs->before_count, span_of(cap->tenant_key));
		if (tenant == NULL ||
		    !span_equal(scalar_as_string(tenant->value), cs->tenant) ||
		    !span_equal(cs->tenant_guard.value.text, cs->tenant)) {
			return refuse(e, "TENANT_GUARD_MISMATCH",
			    "the row belongs to another tenant");
		}
	}
	return 0;
}

static int
check_guard(const struct checked_job *j, struct err *e)
{
	const struct contract_capability *cap = j->cap;
	const struct named_scalar *version = &j->cs.expected_version;
	bool same =
	    cap->conflict_column != NULL
		? span_is(version->name, cap->conflict_column) &&
		      before_is(&j->cs, cap->conflict_column, version->value)
		: cap->weak_guard_ack &&
		      span_is(version->name, ROW_HASH_COLUMN);

	return same ? 0
		    : refuse(e, "CONFLICT_GUARD_MISMATCH",
			  "the conflict guard does not match the reviewed one");
}

/* after = before overlaid with patch: what was shown is what is written. */
static int
check_after(const struct change_set *cs, struct err *e)
{
	size_t extra = 0;

	for (size_t i = 0; i < cs->patch_count; i++) {
		extra += scalars_find(cs->before, cs->before_count,
			     cs->patch[i].name) == NULL;
	}
	if (cs->after_count != cs->before_count + extra) {
		return refuse(e, "ROW_NOT_REVIEWED",
		    "the after image is not before and patch");
	}
	for (size_t i = 0; i < cs->after_count; i++) {
		struct span name = cs->after[i].name;
		const struct named_scalar *v =
		    scalars_find(cs->patch, cs->patch_count, name);
		if (v == NULL) {
			v = scalars_find(cs->before, cs->before_count, name);
		}
		if (v == NULL || !scalar_equal(v->value, cs->after[i].value)) {
			return refuse(e, "ROW_NOT_REVIEWED",
			    "the after image is not before and patch");
		}
	}
	return 0;
}

/* Everything that the contract says about this change. */
static int
check_review(const struct job_authority *authority, const struct checked_job *j,
    struct err *e)
{
	int rc;

	if ((rc = check_target(authority, j, e)) != 0 ||
	    (rc = check_columns(j, e)) != 0 || (rc = check_row(j, e)) != 0 ||
	    (rc = check_guard(j, e)) != 0 ||
	    (rc = check_after(&j->cs, e)) != 0) {
		return rc;
	}
	return rules_check_patch(j->cap, j->cs.before, j->cs.before_count,
	    j->cs.patch, j->cs.patch_count, e);
}

int
job_check(const struct job_authority *authority, const struct msg_job *m,
    struct arena *a, struct checked_job *out, struct err *e)
{
	int rc;

	*out = (struct checked_job){.signers = authority->signers};
	/* A list that cannot be read has nobody on it. */
	if (authority->signers != NULL &&
	    (rc = signers_refresh(authority->signers, e)) != 0) {
		return rc;
	}
	if (verify_dsse(authority->ledger_key, DSSE_TYPE_JOB, m->payload,
		m->signature) != 0) {
		return refuse(e, "JOB_SIGNATURE_INVALID",
		    "the job was not signed by this ledger: it was edited");
	}
	if ((rc = job_parse(m->payload, a, &out->job, e)) != 0 ||
	    (rc = change_set_parse(out->job.change_set, a, &out->cs, e)) != 0) {
		return rc;
	}
	if (!span_equal(out->job.job_id, m->job_id)) {
		return refuse(e, "JOB_MISMATCH", "the job has another id");
	}
	if ((rc = job_check_derivation(&out->job, &out->cs, a, e)) != 0 ||
	    (rc = check_time(authority, &out->job, e)) != 0 ||
	    (rc = check_contract(authority, &out->job, &out->cs, e)) != 0) {
		return rc;
	}
	out->cap = contract_capability(authority->contract, out->cs.action);
	if (out->cap == NULL) {
		return refuse(e, "TARGET_NOT_REVIEWED",
		    "the contract has no such capability");
	}
	rc = check_review(authority, out, e);
	return rc != 0 ? rc : approval_check(authority, out, a, e);
}

void
job_subject(const struct msg_job *m, const struct checked_job *job,
    struct arena *a, struct receipt *r)
{
	static const char prefix[] = "wbj_";

	r->job_id = m->job_id;
	r->dry_run = job->job.dry_run;
	if (job->cap != NULL) {
		r->proposal_id = job->cs.proposal_id;
		r->idempotency_key = job->job.idempotency_key;
		return;
	}
	r->proposal_id = m->job_id;
	if (m->job_id.len > sizeof(prefix) - 1) {
		r->proposal_id.ptr += sizeof(prefix) - 1;
		r->proposal_id.len -= sizeof(prefix) - 1;
	}
	r->idempotency_key = span_of(
	    arena_printf(a, "%.*s:unverified", SPAN_ARGS(r->proposal_id)));
}
