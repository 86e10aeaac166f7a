#include "writerd/observe.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "writerd/row.h"
#include "writerd/source_receipt.h"

static const char *const explanations[] = {
    [OBSERVED_MATCHES_PROPOSED] =
	"The row holds the proposed values and its version has moved: as if "
	"the change had been applied.",
    [OBSERVED_MATCHES_BEFORE] =
	"The row still has the version that was reviewed: nobody has changed "
	"it since, and the attempt is not at work any more.",
    [OBSERVED_DRIFTED] =
	"The row has changed, and not (only) to the proposed values. Whether "
	"the attempt was among the changes cannot be told from the row.",
    [OBSERVED_NO_ROW] = "There is no such row in this tenant.",
};

void
observe_failed(const struct err *e, struct arena *a, struct msg_observed *out)
{
	const char *code = err_reason(e);

	out->observation = OBSERVED_NOTHING;
	out->code = arena_span(a, span_of(code));
	out->explain = arena_span(a, span_of(e->msg));
}

/* The version decides; values alone prove nothing. */
static enum observation
classify(const struct row *row, const struct checked_job *job)
{
	struct scalar now = row_value(row, job->job.guard_column);

	if (row_version_is(now, job->job.guard_value)) {
		return OBSERVED_MATCHES_BEFORE;
	}
	return row_other_than_patch(row, job) == NULL &&
		       row_version_advanced(job, now)
		   ? OBSERVED_MATCHES_PROPOSED
		   : OBSERVED_DRIFTED;
}

static int
look(struct db *db, const struct checked_job *job, struct arena *a,
    struct row *row, struct err *e)
{
	struct stmt_plan plan;
	struct db_step steps[3] = {{0}};
	size_t count = 0;
	size_t done = 0;
	int rc = stmt_plan_build(job->cap, &job->cs, "", a, &plan, e);

	if (rc == 0 && job->job.row_hash) {
		rc = err_set(e, CS_E_INVALID, "CONFLICT_GUARD_MISMATCH",
		    "a row without a version cannot be compared");
	}
	if (rc != 0) {
		return rc;
	}
	steps[count++] = (struct db_step){.sql = plan.begin};
	if ((rc = row_put_scope(job, a, steps, &count, e)) != 0) {
		return rc;
	}
	steps[count++] = row_step(job, &plan, a);
	rc = db_run(db, steps, count, a, &done, e);
	if (rc == 0) {
		row_take(&steps[count - 1], &plan, a, row);
	}
	db->ops->rollback(db);
	return rc;
}

void
observe_row(struct db *db, const struct checked_job *job, struct arena *a,
    struct msg_observed *out)
{
	struct row row = {0};
	struct err e = {0};
	int rc;

	db->would_pass = false;
	rc = look(db, job, a, &row, &e);
	if (rc != 0 && db->would_pass && db->ops->is_alive(db)) {
		rc = look(db, job, a, &row, &e);
	}
	if (rc == 0 && row.found > 1) {
		rc = err_set(&e, CS_E_INVALID,
		    "RECONCILIATION_IDENTITY_NOT_UNIQUE",
		    "more than one row has this key; it cannot be told which "
		    "of them was meant");
	}
	if (rc != 0) {
		observe_failed(&e, a, out);
		return;
	}
	out->observation =
	    row.found == 0 ? OBSERVED_NO_ROW : classify(&row, job);
	out->explain = span_of(explanations[out->observation]);
	out->row.items = row.columns;
	out->row.count = row.found == 1 ? (uint32_t)row.count : 0;
}
