#include "writerd/row.h"

#include "common/base/arena.h"
#include "common/contract/rules.h"
#include "common/db/pg_scope.h"
#include "writerd/post_image.h"

int
row_put_scope(const struct checked_job *job, struct arena *a,
    struct db_step *steps, size_t *count, struct err *e)
{
	const struct contract_source *source = job->cap->source;
	const struct change_set *cs = &job->cs;
	const char *values[PG_SCOPE_PARAMS];
	struct scalar *params =
	    arena_array(a, PG_SCOPE_PARAMS, sizeof(*params));
	int rc = 0;

	if (!pg_scope_is_set(source)) {
		return 0;
	}
	rc = pg_scope_check(cs->tenant, cs->principal, e);
	if (rc != 0) {
		return rc;
	}
	pg_scope_params(source, cs->tenant, cs->principal, a, values);
	for (size_t i = 0; i < PG_SCOPE_PARAMS; i++) {
		params[i] = (struct scalar){SCALAR_TEXT, span_of(values[i])};
	}
	steps[(*count)++] = (struct db_step){
	    .sql = PG_SCOPE_SQL, .params = {params, PG_SCOPE_PARAMS, NULL}};
	return 0;
}

size_t
row_key_params(const struct checked_job *job,
    struct scalar params[ROW_KEYS_MAX], struct span names[ROW_KEYS_MAX])
{
	size_t count = 0;

	names[count] = span_of(job->cap->primary_key);
	params[count++] = job->job.primary_key.value;
	if (job->cap->tenant_key != NULL) {
		names[count] = span_of(job->cap->tenant_key);
		params[count++] = job->job.tenant_guard.value;
	}
	return count;
}

struct scalar
row_value(const struct row *row, struct span column)
{
	const struct named_scalar *v =
	    scalars_find(row->columns, row->count, column);

	return v != NULL ? v->value : (struct scalar){.kind = SCALAR_NULL};
}

/* Does the row spell key and tenant as the job does? */
static bool
is_named(const struct row *row, const struct scalar *params,
    const struct span *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!span_equal(scalar_as_string(row_value(row, names[i])),
			scalar_as_string(params[i]))) {
			return false;
		}
	}
	return true;
}

struct db_step
row_step(const struct checked_job *job, const struct stmt_plan *plan,
    struct arena *a)
{
	struct scalar *params = arena_array(a, ROW_KEYS_MAX, sizeof(*params));
	struct span *names = arena_array(a, ROW_KEYS_MAX, sizeof(*names));
	size_t count = row_key_params(job, params, names);

	return (struct db_step){
	    .sql = plan->lock_row, .params = {params, count, names}};
}

void
row_take(const struct db_step *read, const struct stmt_plan *plan,
    struct arena *a, struct row *out)
{
	const struct db_result *result = &read->result;

	out->found = result->rows;
	if (result->rows != 1) {
		return;
	}
	out->count = plan->column_count;
	out->columns = arena_array(a, out->count, sizeof(*out->columns));
	for (size_t i = 0; i < out->count; i++) {
		out->columns[i].name = plan->columns[i];
		out->columns[i].value = result->values[i];
	}
	out->found = is_named(
	    out, read->params.items, read->params.names, read->params.count);
}

bool
row_version_is(struct scalar actual, struct scalar expected)
{
	if (actual.kind == SCALAR_NULL || expected.kind == SCALAR_NULL) {
		return actual.kind == expected.kind;
	}
	return rules_version_equal(actual.text, expected.text);
}

/* A whole number: "v1" + 1 is 1 for SQLite, and the largest one + 1 a double.
 */
static bool
is_integer(struct scalar s)
{
	size_t sign = s.text.len > 0 && s.text.ptr[0] == '-';

	for (size_t i = sign; i < s.text.len; i++) {
		if (s.text.ptr[i] < '0' || s.text.ptr[i] > '9') {
			return false;
		}
	}
	return s.text.len > sign;
}

bool
row_version_advanced(const struct checked_job *job, struct scalar now)
{
	struct scalar before = job->job.guard_value;

	if (row_version_is(now, before)) {
		return false;
	}
	return job->cap->advance != ADVANCE_INTEGER_INCREMENT ||
	       (is_integer(now) && is_integer(before));
}

const struct named_scalar *
row_other_than_patch(const struct row *row, const struct checked_job *job)
{
	for (size_t i = 0; i < job->job.patch_count; i++) {
		const struct named_scalar *meant = &job->job.patch[i];
		if (!post_image_equal(
			row_value(row, meant->name), meant->value)) {
			return meant;
		}
	}
	return NULL;
}
