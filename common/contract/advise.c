/*
 * Our own warnings: what 0.1.1 accepts and what then does not do what its
 * author meant. They follow all findings of 0.1.1 and never make a contract
 * invalid; the rules refuse such calls when they come.
 */
#include "common/contract/check.h"

#include "common/contract/rules.h"

/* Is there an argument of this name? */
static bool
has_arg(const struct contract_capability *cap, const char *name)
{
	for (size_t i = 0; i < cap->arg_count; i++) {
		if (strcmp(cap->args[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* The columns that say which row it is, and whose. */
static bool
is_guarded_column(const struct contract_capability *cap, const char *column)
{
	return strcmp(column, cap->primary_key) == 0 ||
	       (cap->tenant_key != NULL &&
		   strcmp(column, cap->tenant_key) == 0);
}

/* An enum that is no list of scalars refuses every value rather than none: a
 * limit somebody wrote down must not vanish because of its spelling. */
static void
advise_args(
    struct check *c, const struct contract_capability *cap, uint32_t node)
{
	uint32_t args = tree_get(c->t, node, "args");

	for (size_t i = 0; i < cap->arg_count; i++) {
		const struct contract_arg *arg = &cap->args[i];
		uint32_t list =
		    tree_get(c->t, tree_get(c->t, args, arg->name), "enum");
		if (list != JSON_NONE &&
		    arg->allowed_count != tree_count(c->t, list)) {
			check_warn(c, list, NULL, "ARG_ENUM_NOT_SCALARS",
			    "What is not a scalar in enum matches nothing.");
		} else if (list != JSON_NONE && arg->allowed_count == 0) {
			check_warn(c, list, NULL, "ARG_ENUM_EMPTY",
			    "enum lists nothing: every value is refused.");
		}
	}
	if (!has_arg(cap, cap->lookup_arg)) {
		check_warn(c, tree_get(c->t, node, "lookup"), "id_from_arg",
		    "LOOKUP_ARG_UNKNOWN",
		    "No such argument: every call fails.");
	}
}

/* What the contract says and what a column would get must be the same value,
 * since a reviewer reads one and the database gets the other. */
static void
advise_fixed(struct check *c, const struct contract_patch *p, uint32_t binding)
{
	uint32_t fixed = tree_get(c->t, binding, "fixed");

	if (p->fixed.kind == SCALAR_KINDS) {
		check_warn(c, fixed, NULL, "PATCH_FIXED_NOT_SCALAR",
		    "No column can hold this: every proposal is refused.");
	} else if (p->fixed.kind == SCALAR_NUMBER &&
		   rules_compare_numbers(
		       json_raw(c->t->doc, fixed), p->fixed.text) != 0) {
		check_warn(c, fixed, NULL, "PATCH_FIXED_ROUNDED",
		    "Not exact as a number: write it as a string.");
	}
}

/* A binding without its argument leaves the column unchanged; a column that may
 * not change makes rules_check_patch refuse. */
static void
advise_patch(
    struct check *c, const struct contract_capability *cap, uint32_t node)
{
	uint32_t patch = tree_get(c->t, node, "patch");

	for (size_t i = 0; i < cap->patch_count; i++) {
		const struct contract_patch *p = &cap->patch[i];
		uint32_t binding = tree_get(c->t, patch, p->column);

		if (p->from_arg == NULL) {
			advise_fixed(c, p, binding);
		} else if (!has_arg(cap, p->from_arg)) {
			check_warn(c, binding, "from_arg", "PATCH_ARG_UNKNOWN",
			    "No such argument: the column is never changed.");
		}
		if (!rules_column_may_change(cap, span_of(p->column))) {
			check_warn(c, binding, NULL, "PATCH_COLUMN_NOT_ALLOWED",
			    "Not in allowed_columns, or a key or guard column: "
			    "every proposal is refused.");
		}
	}
}

/* Listing a key column does no harm here, but the author may believe that it
 * allows something. */
static void
advise_allowed(
    struct check *c, const struct contract_capability *cap, uint32_t node)
{
	struct tree_iter it =
	    tree_each(c->t, tree_get(c->t, node, "allowed_columns"));

	for (size_t i = 0; i < cap->allowed_count && tree_next(c->t, &it);
	     i++) {
		if (is_guarded_column(cap, cap->allowed_columns[i])) {
			check_warn(c, it.value, NULL,
			    "PATCH_COLUMN_NOT_ALLOWED",
			    "Key and tenant columns never change.");
		}
	}
}

/* A state that is not read is never known, so no transition is allowed. */
static void
advise_transitions(
    struct check *c, const struct contract_capability *cap, uint32_t node)
{
	uint32_t guards = tree_get(c->t, node, "transition_guards");

	for (size_t i = 0; i < cap->transition_count; i++) {
		const struct contract_transition *g = &cap->transitions[i];
		if (!contract_has_column(cap->read_columns, cap->read_count,
			span_of(g->from_column))) {
			check_warn(c, guards, g->column,
			    "TRANSITION_COLUMN_NOT_VISIBLE",
			    "The column is not read: every proposal is "
			    "refused.");
		}
	}
}

/* Capabilities stand in the struct in file order, so both are walked side by
 * side. */
void
contract_advise(struct check *c, const struct contract *contract)
{
	struct tree_iter it =
	    tree_each(c->t, tree_get(c->t, 0, "capabilities"));

	for (size_t i = 0;
	     i < contract->capability_count && tree_next(c->t, &it); i++) {
		const struct contract_capability *cap =
		    &contract->capabilities[i];

		if (contract_capability(contract, span_of(cap->name)) != cap) {
			check_warn(c, it.value, "name", "DUPLICATE_CAPABILITY",
			    "The first one of this name is used.");
		}
		advise_args(c, cap, it.value);
		if (cap->kind == KIND_PROPOSAL) {
			advise_patch(c, cap, it.value);
			advise_transitions(c, cap, it.value);
			advise_allowed(c, cap, it.value);
		}
	}
}
