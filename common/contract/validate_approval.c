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
	if (signatures &&
	    tree_get(c->t, 0, "allowed_signers") == JSON_NONE) {
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

/* mode is free; a role that is no string must not become "no role". */
void
check_approval(struct check *c, uint32_t capability)
{
	static const char *const known[] = {"mode", "required_role",
	    "expires_s", "required_approvals", "signatures",
	    "separate_applier", NULL};
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
		check_error(c, 0, "allowed_signers",
		    "ALLOWED_SIGNERS_REQUIRED",
		    "signatures are required, so allowed_signers must name "
		    "the file of reviewers' public keys.");
	}
}
