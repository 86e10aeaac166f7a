/*
 * What only proposals have: patch, bounds, transitions, allowed columns, guard
 * and approval (cli-config.md §1.6).
 */
#include "common/contract/check.h"

#include "common/base/str.h"

/* Presence decides, not value: fixed null sets a column to NULL. */
static void
check_binding(struct check *c, uint32_t binding)
{
	static const char *const known[] = {"fixed", "from_arg", NULL};
	static const struct check_field fields[] = {
	    {"from_arg", tree_is_filled, "INVALID_PATCH_ARG",
		"from_arg must name an argument.", false},
	};
	bool fixed = tree_get(c->t, binding, "fixed") != JSON_NONE;
	bool from_arg = tree_get(c->t, binding, "from_arg") != JSON_NONE;

	check_keys(c, binding, known);
	if (fixed == from_arg) {
		check_error(c, binding, NULL, "INVALID_PATCH_BINDING",
		    "Give exactly one of fixed and from_arg.");
	}
	CHECK_FIELDS(c, binding, fields);
}

/* Columns come from here only, never from an argument. */
static void
check_patch(struct check *c, uint32_t capability)
{
	uint32_t patch = tree_get(c->t, capability, "patch");
	struct tree_iter it = tree_each(c->t, patch);

	if (!tree_is_map(c->t, patch)) {
		check_error(c, capability, "patch", "PATCH_REQUIRED",
		    "patch must name at least one column.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (!str_is_identifier(it.key)) {
			check_error(c, it.value, NULL, "INVALID_PATCH_COLUMN",
			    "A patch column must be a plain column name.");
		}
		if (!tree_is_object(c->t, it.value)) {
			check_error(c, it.value, NULL,
			    "PATCH_BINDING_NOT_OBJECT",
			    "A patch binding must be an object.");
			continue;
		}
		check_binding(c, it.value);
	}
}

/* Rules for a column that never changes would be dead letters. */
static bool
is_patched(const struct tree *t, uint32_t capability, struct span column)
{
	return tree_find(t, tree_get(t, capability, "patch"), column) !=
	       JSON_NONE;
}

/* A bound without limits promises something it does not do. */
static void
check_bound(struct check *c, uint32_t bound)
{
	static const char *const known[] = {"minimum", "maximum", NULL};

	if (!tree_is_object(c->t, bound)) {
		check_error(c, bound, NULL, "NUMERIC_BOUND_NOT_OBJECT",
		    "A numeric bound must be an object.");
		return;
	}
	check_keys(c, bound, known);
	if (tree_get(c->t, bound, "minimum") == JSON_NONE &&
	    tree_get(c->t, bound, "maximum") == JSON_NONE) {
		check_error(c, bound, NULL, "NUMERIC_BOUND_EMPTY",
		    "Give minimum, maximum or both.");
		return;
	}
	check_range(c, bound);
}

/* An empty map is fine. */
static void
check_bounds(struct check *c, uint32_t capability)
{
	uint32_t bounds = tree_get(c->t, capability, "numeric_bounds");
	struct tree_iter it = tree_each(c->t, bounds);

	if (bounds == JSON_NONE) {
		return;
	}
	if (!tree_is_object(c->t, bounds)) {
		check_error(c, bounds, NULL, "NUMERIC_BOUNDS_NOT_OBJECT",
		    "numeric_bounds must be an object.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (!str_is_identifier(it.key)) {
			check_error(c, it.value, NULL,
			    "INVALID_NUMERIC_BOUND_COLUMN",
			    "A bound's column must be a plain column name.");
		}
		if (!is_patched(c->t, capability, it.key)) {
			check_error(c, it.value, NULL,
			    "NUMERIC_BOUND_PATCH_COLUMN_REQUIRED",
			    "Only a column of patch can be bounded.");
		}
		check_bound(c, it.value);
	}
}

/* Is the column read, so that its state is known when the rule is applied? */
static bool
is_read_column(const struct tree *t, uint32_t capability, struct span column)
{
	uint32_t target = tree_get(t, capability, "target");
	uint32_t guard = tree_get(t, capability, "conflict_guard");
	const uint32_t keys[] = {tree_get(t, target, "primary_key"),
	    tree_get(t, target, "tenant_key"), tree_get(t, guard, "column")};
	struct tree_iter it =
	    tree_each(t, tree_get(t, capability, "visible_columns"));

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (tree_is_string(t, keys[i]) &&
		    span_equal(tree_text(t, keys[i]), column)) {
			return true;
		}
	}
	while (tree_next(t, &it)) {
		if (tree_is_string(t, it.value) &&
		    span_equal(tree_text(t, it.value), column)) {
			return true;
		}
	}
	return false;
}

/* Only when it is given: 0.1.1 does not ask whether the guarded column itself
 * is read. That is one of our warnings. */
static void
check_from_column(struct check *c, uint32_t capability, uint32_t guard)
{
	uint32_t from = tree_get(c->t, guard, "from_column");

	if (from == JSON_NONE) {
		return;
	}
	if (!tree_is_identifier(c->t, from)) {
		check_error(c, from, NULL, "INVALID_TRANSITION_FROM_COLUMN",
		    "from_column must be a plain column name.");
	} else if (!is_read_column(c->t, capability, tree_text(c->t, from))) {
		check_error(c, from, NULL, "TRANSITION_FROM_COLUMN_NOT_VISIBLE",
		    "from_column must be visible, a key or the guard column.");
	}
}

/* At least one state, none blank. */
static bool
is_state_list(const struct tree *t, uint32_t node)
{
	struct tree_iter it = tree_each(t, node);

	while (tree_next(t, &it)) {
		if (!tree_is_filled(t, it.value)) {
			return false;
		}
	}
	return tree_is_list(t, node);
}

/* The state "" cannot be told from a missing one by a reader. */
static void
check_states(struct check *c, uint32_t guard)
{
	uint32_t allowed = tree_get(c->t, guard, "allowed");
	struct tree_iter it = tree_each(c->t, allowed);

	if (!tree_is_map(c->t, allowed)) {
		check_error(c, guard, "allowed", "TRANSITION_ALLOWED_REQUIRED",
		    "allowed must map each state to the states that may "
		    "follow.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (text_trim(it.key).len == 0) {
			check_error(c, it.value, NULL,
			    "TRANSITION_FROM_REQUIRED",
			    "A state must be a non-empty string.");
		}
		if (!is_state_list(c->t, it.value)) {
			check_error(c, it.value, NULL,
			    "TRANSITION_TO_VALUES_REQUIRED",
			    "Must be a non-empty list of states.");
		}
	}
}

/* Keys, then from_column, then the states. */
static void
check_transition(struct check *c, uint32_t capability, uint32_t guard)
{
	static const char *const known[] = {"from_column", "allowed", NULL};

	if (!tree_is_object(c->t, guard)) {
		check_error(c, guard, NULL, "TRANSITION_GUARD_NOT_OBJECT",
		    "A transition guard must be an object.");
		return;
	}
	check_keys(c, guard, known);
	check_from_column(c, capability, guard);
	check_states(c, guard);
}

/* An empty map is fine here too. */
static void
check_transitions(struct check *c, uint32_t capability)
{
	uint32_t guards = tree_get(c->t, capability, "transition_guards");
	struct tree_iter it = tree_each(c->t, guards);

	if (guards == JSON_NONE) {
		return;
	}
	if (!tree_is_object(c->t, guards)) {
		check_error(c, guards, NULL, "TRANSITION_GUARDS_NOT_OBJECT",
		    "transition_guards must be an object.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (!str_is_identifier(it.key)) {
			check_error(c, it.value, NULL,
			    "INVALID_TRANSITION_GUARD_COLUMN",
			    "A guarded column must be a plain column name.");
		}
		if (!is_patched(c->t, capability, it.key)) {
			check_error(c, it.value, NULL,
			    "TRANSITION_PATCH_COLUMN_REQUIRED",
			    "Only a column of patch can have transitions.");
		}
		check_transition(c, capability, it.value);
	}
}

/* A column that 0.1.1 would have put into SQL unchecked, or ignored. */
static bool
is_guard_column(const struct tree *t, uint32_t column, bool weak_ack)
{
	return tree_is_identifier(t, column) ||
	       (weak_ack &&
		   (column == JSON_NONE || tree_is(t, column, JSON_NULL) ||
		       tree_is_text(t, column, "")));
}

/* Ours. Only a column can move. */
static void
check_advance(struct check *c, uint32_t guard)
{
	uint32_t advance = tree_get(c->t, guard, "advance");

	if (advance != JSON_NONE &&
	    (!tree_is_identifier(c->t, tree_get(c->t, guard, "column")) ||
		!(tree_is_text(c->t, advance, "integer_increment") ||
		    tree_is_text(c->t, advance, "database_generated")))) {
		check_error(c, guard, "advance", "INVALID_VERSION_ADVANCE",
		    "advance is integer_increment or database_generated, and "
		    "needs a version column.");
	}
}

/* Without a version to compare, a stale approval would overwrite whatever came
 * after: so either a column or an explicit acknowledgement. */
static void
check_guard(struct check *c, uint32_t capability)
{
	static const char *const known[] = {
	    "column", "weak_guard_ack", "advance", NULL};
	uint32_t guard = tree_get(c->t, capability, "conflict_guard");

	if (!tree_is_object(c->t, guard)) {
		check_error(c, capability, "conflict_guard",
		    "CONFLICT_GUARD_REQUIRED",
		    "conflict_guard must be an object.");
		return;
	}
	check_keys(c, guard, known);
	if (!is_guard_column(c->t, tree_get(c->t, guard, "column"),
		tree_is(c->t, tree_get(c->t, guard, "weak_guard_ack"),
		    JSON_TRUE))) {
		check_error(c, guard, "column",
		    "CONFLICT_GUARD_COLUMN_REQUIRED",
		    "Name the version column, or say weak_guard_ack: true.");
	}
	check_advance(c, guard);
}

/* The order of §1.8. */
void
check_proposal(struct check *c, uint32_t capability)
{
	check_patch(c, capability);
	check_bounds(c, capability);
	check_transitions(c, capability);
	check_columns(c, capability, "allowed_columns",
	    "ALLOWED_COLUMNS_REQUIRED", "INVALID_ALLOWED_COLUMN");
	check_guard(c, capability);
	check_approval(c, capability);
}
