/*
 * The patch that the contract makes of the arguments, and the checks that any
 * patch must pass, wherever it came from (engine.md §1.12, §4.2).
 */
#include "common/contract/rules.h"

#include "common/base/err.h"

/* One text for both places: nothing to change is nothing to approve. */
static int
patch_required(struct err *e)
{
	return err_set(
	    e, CS_E_INVALID, "PATCH_REQUIRED", "the call changes nothing");
}

/* A value that was left out must not become NULL: a reviewer would approve a
 * deletion that nobody asked for. */
int
rules_build_patch(const struct contract_capability *cap,
    const struct named_scalar *args, size_t count, struct named_scalar *out,
    size_t *count_out, struct err *e)
{
	*count_out = 0;
	for (size_t i = 0; i < cap->patch_count; i++) {
		const struct contract_patch *p = &cap->patch[i];
		const struct named_scalar *given = NULL;

		if (p->from_arg != NULL) {
			given = scalars_find(args, count, span_of(p->from_arg));
			if (given == NULL) {
				continue;
			}
		} else if (p->fixed.kind == SCALAR_KINDS) {
			return err_set(e, CS_E_INVALID, "PATCH_FIXED_INVALID",
			    "the contract's value for %s is not a scalar",
			    p->column);
		}
		out[(*count_out)++] = (struct named_scalar){span_of(p->column),
		    given != NULL ? given->value : p->fixed};
	}
	return *count_out > 0 ? 0 : patch_required(e);
}

/* Only numbers: a decimal in a string could be anything to the database. */
static int
check_bound(const struct contract_bound *b, struct scalar value, struct err *e)
{
	if (value.kind != SCALAR_NUMBER) {
		return err_set(e, CS_E_INVALID,
		    "PATCH_NUMERIC_BOUND_TYPE_INVALID", "%s must be a number",
		    b->column);
	}
	if (b->minimum.len > 0 &&
	    rules_compare_numbers(value.text, b->minimum) < 0) {
		return err_set(e, CS_E_INVALID, "PATCH_BELOW_MINIMUM",
		    "%s must be at least %.*s", b->column,
		    SPAN_ARGS(b->minimum));
	}
	if (b->maximum.len > 0 &&
	    rules_compare_numbers(value.text, b->maximum) > 0) {
		return err_set(e, CS_E_INVALID, "PATCH_ABOVE_MAXIMUM",
		    "%s must be at most %.*s", b->column,
		    SPAN_ARGS(b->maximum));
	}
	return 0;
}

/* Every entry of the column: a patch from a peer may name it twice. */
static int
check_bounds(const struct contract_capability *cap,
    const struct named_scalar *patch, size_t count, struct err *e)
{
	for (size_t b = 0; b < cap->bound_count; b++) {
		for (size_t i = 0; i < count; i++) {
			int rc = 0;
			if (span_is(patch[i].name, cap->bounds[b].column)) {
				rc = check_bound(
				    &cap->bounds[b], patch[i].value, e);
			}
			if (rc != 0) {
				return rc;
			}
		}
	}
	return 0;
}

/* A state without an entry allows nothing, staying included. */
static bool
is_allowed_step(
    const struct contract_transition *g, struct span from, struct span to)
{
	for (size_t i = 0; i < g->state_count; i++) {
		const struct contract_state *s = &g->states[i];
		for (size_t k = 0; k < s->to_count; k++) {
			if (span_equal(s->from, from) &&
			    span_equal(s->to[k], to)) {
				return true;
			}
		}
	}
	return false;
}

/* The state as observed: a row that changed since is the conflict guard's
 * business. A state that was not read is not known and allows nothing. */
static int
check_transition(const struct contract_transition *g,
    const struct named_scalar *row, size_t row_count, struct scalar proposed,
    struct err *e)
{
	const struct named_scalar *current =
	    scalars_find(row, row_count, span_of(g->from_column));

	if (current == NULL || current->value.kind != SCALAR_TEXT ||
	    proposed.kind != SCALAR_TEXT) {
		return err_set(e, CS_E_INVALID, "PATCH_TRANSITION_TYPE_INVALID",
		    "%s: the current and the proposed state must be strings",
		    g->column);
	}
	if (!is_allowed_step(g, current->value.text, proposed.text)) {
		return err_set(e, CS_E_INVALID, "PATCH_TRANSITION_NOT_ALLOWED",
		    "%s: the contract does not allow this change of state",
		    g->column);
	}
	return 0;
}

/* JSON gives a column at most one guard. */
static const struct contract_transition *
find_transition(const struct contract_capability *cap, struct span column)
{
	for (size_t i = 0; i < cap->transition_count; i++) {
		if (span_is(column, cap->transitions[i].column)) {
			return &cap->transitions[i];
		}
	}
	return NULL;
}

/* Keys say which row it is, and the guard's column what was seen of it: a patch
 * that could change them could slip past both checks. */
bool
rules_column_may_change(
    const struct contract_capability *cap, struct span column)
{
	const char *const fixed[] = {
	    cap->primary_key, cap->tenant_key, cap->conflict_column};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (fixed[i] != NULL && span_is(column, fixed[i])) {
			return false;
		}
	}
	return contract_has_column(
	    cap->allowed_columns, cap->allowed_count, column);
}

/* The names are not repeated: they may be a peer's own text. */
static int
check_columns(const struct contract_capability *cap,
    const struct named_scalar *patch, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		if (!rules_column_may_change(cap, patch[i].name)) {
			return err_set(e, CS_E_INVALID,
			    "PATCH_COLUMN_NOT_ALLOWED",
			    "the contract does not allow this tool to change "
			    "one of the columns");
		}
	}
	/* All are allowed: the first allowed_count + 1 hold any duplicate. */
	for (size_t i = 0; i < count && i <= cap->allowed_count; i++) {
		if (scalars_find(patch, i, patch[i].name) != NULL) {
			return err_set(e, CS_E_INVALID,
			    "PATCH_COLUMN_DUPLICATE",
			    "a column is changed twice");
		}
	}
	return 0;
}

/* Patch and row may come from a peer that derived them itself, or lied. */
int
rules_check_patch(const struct contract_capability *cap,
    const struct named_scalar *row, size_t row_count,
    const struct named_scalar *patch, size_t patch_count, struct err *e)
{
	int rc = patch_count == 0 ? patch_required(e)
				  : check_bounds(cap, patch, patch_count, e);

	for (size_t i = 0; rc == 0 && i < patch_count; i++) {
		const struct contract_transition *g =
		    find_transition(cap, patch[i].name);
		if (g != NULL) {
			rc = check_transition(
			    g, row, row_count, patch[i].value, e);
		}
	}
	return rc != 0 ? rc : check_columns(cap, patch, patch_count, e);
}
