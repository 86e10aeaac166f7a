/*
 * The one row that a job is about, read by its key and tenant.
 */
#ifndef CS_WRITERD_ROW_H
#define CS_WRITERD_ROW_H

#include "writerd/db.h"
#include "writerd/job_check.h"
#include "writerd/stmt_plan.h"

/* Key and tenant, with their columns: how many were put. */
#define ROW_KEYS_MAX 2
size_t row_key_params(const struct checked_job *job,
    struct scalar params[ROW_KEYS_MAX], struct span names[ROW_KEYS_MAX]);

/* Add what tells the database's own row security whose change this is, where
 * the source wants it. CS_E_INVALID for what cannot be a setting. */
int row_put_scope(const struct checked_job *job, struct arena *a,
    struct db_step *steps, size_t *count, struct err *e);

struct row {
	size_t found;                 /* rows: 0, 1 or 2 */
	struct named_scalar *columns; /* of the plan, when one; in the arena */
	size_t count;
};

/* The statement that reads it under lock. */
struct db_step row_step(const struct checked_job *job,
    const struct stmt_plan *plan, struct arena *a);

/*
 * What it read. Found 0 also when the row does not spell key and tenant as the
 * job does: a collation may have found another one. When none is found, what
 * an earlier call read stays in *out.
 */
void row_take(const struct db_step *read, const struct stmt_plan *plan,
    struct arena *a, struct row *out);

/* SCALAR_NULL when it was not read. */
struct scalar row_value(const struct row *row, struct span column);

/* Is this the version that was reviewed? NULL is one of its own. */
bool row_version_is(struct scalar actual, struct scalar expected);

/* Has the version moved as the contract says? */
bool row_version_advanced(const struct checked_job *job, struct scalar now);

/* The column of the patch that does not hold what was meant, NULL: none. */
const struct named_scalar *row_other_than_patch(
    const struct row *row, const struct checked_job *job);

#endif
