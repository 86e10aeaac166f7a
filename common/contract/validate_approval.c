/*
 * Who must approve a proposal: roles, how many, with signatures or not.
 */
#include "common/contract/check.h"

#define APPROVALS_MAX 10

static bool
is_signatures(const struct tree *t, uint32_t node)
{
	return tree_is_text(t, node, "required") ||
	       tree_is_text(t, node, "optional");
}

static bool
is_approval_count(const struct tree *t, uint32_t node)
{
	int64_t value = 0;

	return tree_is_positive(t, node) &&
	       json_int64(json_raw(t->doc, node), &value) == 0 &&
	       value <= APPROVALS_MAX;
}

/* Every daemon opens it, each from another folder. */
static bool
is_absolute_path(const struct tree *t, uint32_t node)
{
	struct span path = tree_text(t, node);

	return tree_is_filled(t, node) && path.ptr[0] == '/';
}

static bool
document_says(const struct check *c, const char *key, const char *value)
{
	return tree_is_text(c->t, tree_get(c->t, 0, key), value);
}

/* Rules that cannot all hold are found here, not at the first approval. */
static void
check_together(struct check *c, uint32_t approval)
{
	bool signatures =
	    document_says(c, "signatures", "required") ||
	    tree_is_text(
		c->t, tree_get(c->t, approval, "signatures"), "required");

	if (document_says(c, "signatures", "required") &&
	    tree_is_text(
		c->t, tree_get(c->t, approval, "signatures"), "optional")) {
		check_error(c, approval, "signatures", "SIGNATURES_WEAKENED",
		    "signatures are required by the whole contract; a "
		    "capability cannot make them optional.");
	}
	if (signatures && tree_get(c->t, 0, "allowed_signers") == JSON_NONE) {
		check_error(c, approval, NULL, "ALLOWED_SIGNERS_REQUIRED",
		    "signatures are required, so allowed_signers must name "
		    "the file of reviewers' public keys.");
	}
	if (tree_is(c->t, tree_get(c->t, approval, "separate_applier"),
		JSON_TRUE) &&
	    document_says(c, "apply", "on_approval")) {
		check_error(c, approval, "separate_applier",
		    "SEPARATE_APPLIER_NEEDS_MANUAL",
		    "with apply: on_approval nobody applies; set apply to "
		    "manual.");
	}
}

static bool
is_whole(const struct tree *t, uint32_t node)
{
	int64_t value;

	return tree_is(t, node, JSON_NUMBER) &&
	       json_int64(json_raw(t->doc, node), &value) == 0;
}

static bool
is_window(const struct tree *t, uint32_t node)
{
	return tree_choice(t, node, contract_windows) >= 0;
}

static bool
is_per(const struct tree *t, uint32_t node)
{
	return tree_is_text(t, node, "tenant") ||
	       tree_is_text(t, node, "object");
}

/* A range of whole numbers, a list of values, or a longest text: one of them.
 */
static void
check_auto_rule(struct check *c, uint32_t rule)
{
	static const char *const known[] = {
	    "minimum", "maximum", "one_of", "max_length", NULL};
	static const struct check_field fields[] = {
	    {"minimum", is_whole, "INVALID_AUTOMATIC_RULE",
		"minimum must be a whole number.", false},
	    {"maximum", is_whole, "INVALID_AUTOMATIC_RULE",
		"maximum must be a whole number.", false},
	    {"one_of", tree_is_list, "INVALID_AUTOMATIC_RULE",
		"one_of must be a list of values.", false},
	    {"max_length", tree_is_positive, "INVALID_AUTOMATIC_RULE",
		"max_length must be a positive integer.", false},
	};
	bool minimum = tree_get(c->t, rule, "minimum") != JSON_NONE;
	bool maximum = tree_get(c->t, rule, "maximum") != JSON_NONE;
	int kinds = (minimum || maximum) +
		    (tree_get(c->t, rule, "one_of") != JSON_NONE) +
		    (tree_get(c->t, rule, "max_length") != JSON_NONE);

	check_keys(c, rule, known);
	CHECK_FIELDS(c, rule, fields);
	if (kinds != 1 || minimum != maximum) {
		check_error(c, rule, NULL, "INVALID_AUTOMATIC_RULE",
		    "a rule is minimum and maximum, or one_of, or "
		    "max_length.");
	}
}

static void
check_auto_limits(struct check *c, uint32_t automatic)
{
	static const char *const known[] = {
	    "column", "maximum", "window", "per", NULL};
	static const struct check_field fields[] = {
	    {"column", tree_is_identifier, "INVALID_AUTOMATIC_LIMIT",
		"column must be a column of the rules.", false},
	    {"maximum", tree_is_positive, "INVALID_AUTOMATIC_LIMIT",
		"maximum must be a positive integer.", true},
	    {"window", is_window, "INVALID_AUTOMATIC_LIMIT",
		"window must be day or 24h.", true},
	    {"per", is_per, "INVALID_AUTOMATIC_LIMIT",
		"per must be tenant or object.", true},
	};
	uint32_t list = tree_get(c->t, automatic, "limits");
	struct tree_iter it = tree_each(c->t, list);

	if (!tree_is_list(c->t, list)) {
		check_error(c, automatic, "limits", "AUTOMATIC_LIMITS_REQUIRED",
		    "what no person sees needs at least one limit.");
		return;
	}
	while (tree_next(c->t, &it)) {
		uint32_t rule =
		    tree_find(c->t, tree_get(c->t, automatic, "columns"),
			tree_text(c->t, tree_get(c->t, it.value, "column")));
		check_keys(c, it.value, known);
		CHECK_FIELDS(c, it.value, fields);
		if (tree_get(c->t, it.value, "column") != JSON_NONE &&
		    tree_get(c->t, rule, "maximum") == JSON_NONE) {
			check_error(c, it.value, "column",
			    "INVALID_AUTOMATIC_LIMIT",
			    "a sum needs a column whose rule is a range.");
		}
	}
}

/* Off unless all of it is there: every column that can change has a rule, and
 * nothing that asks for people is set beside it. */
static void
check_automatic(struct check *c, uint32_t capability, uint32_t approval)
{
	static const char *const known[] = {"columns", "limits", NULL};
	uint32_t automatic = tree_get(c->t, approval, "automatic");
	uint32_t columns = tree_get(c->t, automatic, "columns");
	struct tree_iter it =
	    tree_each(c->t, tree_get(c->t, capability, "patch"));
	uint32_t count = tree_get(c->t, approval, "required_approvals");
	int64_t needed = 1;

	if (automatic == JSON_NONE) {
		return;
	}
	if (!tree_is_object(c->t, automatic) || !tree_is_map(c->t, columns)) {
		check_error(c, approval, "automatic", "INVALID_AUTOMATIC",
		    "automatic must have columns with their rules.");
		return;
	}
	check_keys(c, automatic, known);
	while (tree_next(c->t, &it)) {
		if (tree_find(c->t, columns, it.key) == JSON_NONE) {
			check_error(c, automatic, "columns",
			    "AUTOMATIC_COLUMN_MISSING",
			    "every patched column needs a rule.");
		}
	}
	it = tree_each(c->t, columns);
	while (tree_next(c->t, &it)) {
		check_auto_rule(c, it.value);
	}
	check_auto_limits(c, automatic);
	if ((tree_is(c->t, count, JSON_NUMBER) &&
		(json_int64(json_raw(c->t->doc, count), &needed) != 0 ||
		    needed > 1)) ||
	    document_says(c, "signatures", "required") ||
	    tree_get(c->t, approval, "required_role") != JSON_NONE ||
	    tree_is_text(
		c->t, tree_get(c->t, approval, "signatures"), "required") ||
	    tree_is(c->t, tree_get(c->t, approval, "separate_applier"),
		JSON_TRUE)) {
		check_error(c, approval, "automatic", "AUTOMATIC_NEEDS_NOBODY",
		    "approval without a person does not go together with a "
		    "role, several approvals, signatures or a separate "
		    "applier.");
	}
}

/* mode is free; a role that is no string must not become "no role". */
void
check_approval(struct check *c, uint32_t capability)
{
	static const char *const known[] = {"mode", "required_role",
	    "expires_s", "required_approvals", "signatures", "separate_applier",
	    "automatic", NULL};
	static const struct check_field fields[] = {
	    {"required_role", tree_is_string, "INVALID_APPROVAL_ROLE",
		"required_role must be a string.", false},
	    {"expires_s", tree_is_positive, "INVALID_APPROVAL_EXPIRY",
		"expires_s must be a positive integer.", false},
	    {"required_approvals", is_approval_count, "INVALID_APPROVAL_COUNT",
		"required_approvals must be an integer from 1 to 10.", false},
	    {"signatures", is_signatures, "INVALID_SIGNATURES",
		"signatures must be required or optional.", false},
	    {"separate_applier", tree_is_bool, "INVALID_SEPARATE_APPLIER",
		"separate_applier must be true or false.", false},
	};
	uint32_t approval = tree_get(c->t, capability, "approval");

	if (approval != JSON_NONE && !tree_is_object(c->t, approval)) {
		check_error(c, approval, NULL, "APPROVAL_NOT_OBJECT",
		    "approval must be an object.");
		return;
	}
	if (approval != JSON_NONE) {
		check_keys(c, approval, known);
		CHECK_FIELDS(c, approval, fields);
		check_together(c, approval);
		check_automatic(c, capability, approval);
	}
}

void
check_signatures(struct check *c)
{
	static const struct check_field fields[] = {
	    {"signatures", is_signatures, "INVALID_SIGNATURES",
		"signatures must be required or optional.", false},
	    {"allowed_signers", is_absolute_path, "INVALID_ALLOWED_SIGNERS",
		"allowed_signers must be an absolute path.", false},
	};

	CHECK_FIELDS(c, 0, fields);
	if (document_says(c, "signatures", "required") &&
	    tree_get(c->t, 0, "allowed_signers") == JSON_NONE) {
		check_error(c, 0, "allowed_signers", "ALLOWED_SIGNERS_REQUIRED",
		    "signatures are required, so allowed_signers must name "
		    "the file of reviewers' public keys.");
	}
}
