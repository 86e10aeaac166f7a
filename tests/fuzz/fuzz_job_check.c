/*
 * Any bytes as a job that ledgerd signed, and any bytes as an approved change
 * set: a writer accepts only what its own contract contains.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rehash.h"
#include "tests/unit/fixture.h"
#include "writerd/job_check.h"
#include "writerd/stmt_plan.h"

static struct fixture f;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fixture_billing(&f);
	return 0;
}

/* What passed is the reviewed capability, and its statements can be built. */
static void
check_accepted(const struct checked_job *job, struct arena *a)
{
	struct stmt_plan plan;

	cs_assert(job->cap == f.cap);
	cs_assert(span_is(job->job.table, f.cap->table));
	cs_assert(span_is(job->cs.tenant_guard.name, f.cap->tenant_key));
	cs_assert(job->job.patch_count > 0);
	for (size_t i = 0; i < job->job.patch_count; i++) {
		cs_assert(contract_has_column(f.cap->allowed_columns,
		    f.cap->allowed_count, job->job.patch[i].name));
	}
	cs_assert(
	    stmt_plan_build(job->cap, &job->cs, "\"r\"", a, &plan, NULL) == 0);
}

static void
check(struct span payload, struct span job_id, struct arena *a)
{
	struct job_authority authority = {.contract = f.contract,
	    .ledger_key = sign_key_public(f.key),
	    .now_us = f.now_us + FIXTURE_MINUTE};
	struct msg_job message = {.job_id = job_id, .payload = payload};
	struct checked_job job;
	struct err e = {0};

	sign_dsse(f.key, DSSE_TYPE_JOB, payload, message.signature);
	if (job_check(&authority, &message, a, &job, &e) == 0) {
		check_accepted(&job, a);
	} else {
		cs_assert(e.reason != NULL && e.msg[0] != '\0');
	}
}

/* As if it had been approved and minted. */
static void
check_change_set(struct span text, struct arena *a)
{
	struct job_decision row = {.ssh_signature = {"", 0}};
	struct job_input in = f.job;
	struct decision d = f.decision;
	struct change_set cs;
	struct buf payload = BUF_INIT;
	struct buf statement = BUF_INIT;
	struct buf id = BUF_INIT;

	if (change_set_parse(rehash(text, a), a, &cs, NULL) != 0) {
		return;
	}
	d.proposal_id = cs.proposal_id;
	d.proposal_hash = cs.hash;
	d.proposal_version = cs.proposal_version;
	decision_build(&d, &statement);
	row.statement = buf_as_span(&statement);
	sign_dsse(f.key, DSSE_TYPE_DECISION, row.statement, row.signature);
	in.change_set = &cs;
	in.decisions = &row;
	in.decision_count = 1;
	job_build(&in, &payload);
	job_id_of(cs.proposal_id, &id);
	check(buf_as_span(&payload), buf_as_span(&id), a);
	buf_clear(&payload);
	buf_clear(&statement);
	buf_clear(&id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};
	struct arena *a = arena_new();

	check(text, f.message.job_id, a);
	check_change_set(text, a);
	arena_free(&a);
	return 0;
}
