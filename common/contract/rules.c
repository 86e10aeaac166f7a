/*
 * Arguments against the contract (engine.md §1.6 step 1, §1.7).
 */
#include "common/contract/rules.h"

#include "common/base/err.h"
#include "common/base/str.h"

/* What the trusted context, the contract or a reviewer decides: never the
 * model (engine.md §1.6 step 1 and the trust fields of cli-config.md §1.6). */
static const char *const reserved[] = {"tenant_id", "tenantId", "principal",
    "principal_id", "principalId", "project_id", "projectId", "source_id",
    "sourceId", "allowed_columns", "allowedColumns", "row_version",
    "rowVersion", "current_version", "currentVersion", "expected_version",
    "expectedVersion", "approval_identity", "approvalIdentity"};

bool
rules_is_reserved_arg(struct span name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (span_is(name, reserved[i])) {
			return true;
		}
	}
	return false;
}

static int
check_type(const struct contract_arg *arg, struct scalar value, struct err *e)
{
	static const enum scalar_kind kinds[] = {[ARG_STRING] = SCALAR_TEXT,
	    [ARG_NUMBER] = SCALAR_NUMBER,
	    [ARG_BOOLEAN] = SCALAR_BOOL};
	static const char *const names[] = {[ARG_STRING] = "string",
	    [ARG_NUMBER] = "number",
	    [ARG_BOOLEAN] = "boolean"};

	/* Who sends the arguments may also lie about what their text is. */
	if (value.kind != kinds[arg->type] || !scalar_is_valid(value)) {
		return err_set(e, CS_E_INVALID, "ARGUMENT_TYPE_INVALID",
		    "%s must be a %s", arg->name, names[arg->type]);
	}
	return 0;
}

/* Limits of the other types cannot be set: validation refuses them. */
static int
check_limits(const struct contract_arg *arg, struct scalar value, struct err *e)
{
	if (value.kind == SCALAR_TEXT && arg->max_length > 0 &&
	    utf8_utf16_len(value.text) > (uint64_t)arg->max_length) {
		return err_set(e, CS_E_INVALID, "ARGUMENT_TOO_LONG",
		    "%s must be at most %lld characters long", arg->name,
		    (long long)arg->max_length);
	}
	if (value.kind != SCALAR_NUMBER) {
		return 0;
	}
	if (arg->minimum.len > 0 &&
	    rules_compare_numbers(value.text, arg->minimum) < 0) {
		return err_set(e, CS_E_INVALID, "ARGUMENT_BELOW_MINIMUM",
		    "%s must be at least %.*s", arg->name,
		    SPAN_ARGS(arg->minimum));
	}
	if (arg->maximum.len > 0 &&
	    rules_compare_numbers(value.text, arg->maximum) > 0) {
		return err_set(e, CS_E_INVALID, "ARGUMENT_ABOVE_MAXIMUM",
		    "%s must be at most %.*s", arg->name,
		    SPAN_ARGS(arg->maximum));
	}
	return 0;
}

/* Strictly equal, as in 0.1.1: the number 3 is not the string "3". */
static bool
is_allowed(const struct contract_arg *arg, struct scalar value)
{
	for (size_t i = 0; i < arg->allowed_count; i++) {
		if (scalar_equal(arg->allowed[i], value)) {
			return true;
		}
	}
	return arg->allowed == NULL;
}

/* The allowed values are told: the model can choose one of them. */
static int
refuse_value(const struct contract_arg *arg, struct err *e)
{
	struct buf list = BUF_INIT;
	int rc;

	for (size_t i = 0; i < arg->allowed_count; i++) {
		buf_puts(&list, i == 0 ? "" : ", ");
		buf_span(&list, scalar_as_string(arg->allowed[i]));
	}
	rc = err_set(e, CS_E_INVALID, "ARGUMENT_NOT_ALLOWED",
	    "%s must be one of: %s", arg->name, buf_text(&list));
	buf_clear(&list);
	return rc;
}

/* A null that is given is given: it fails the type check. */
static int
check_arg(const struct contract_arg *arg, const struct named_scalar *args,
    size_t count, struct err *e)
{
	const struct named_scalar *given =
	    scalars_find(args, count, span_of(arg->name));
	int rc;

	if (given == NULL) {
		return !arg->required
			   ? 0
			   : err_set(e, CS_E_INVALID, "ARGUMENT_REQUIRED",
				 "%s is required", arg->name);
	}
	rc = check_type(arg, given->value, e);
	if (rc == 0) {
		rc = check_limits(arg, given->value, e);
	}
	if (rc == 0 && !is_allowed(arg, given->value)) {
		rc = refuse_value(arg, e);
	}
	return rc;
}

/* The name is the caller's: escaped and cut before it is repeated. */
static int
refuse_name(
    const char *reason, struct span name, const char *why, struct err *e)
{
	struct buf shown = BUF_INIT;
	int rc;

	if (name.len > 0) {
		str_escape_for_people(&shown, name);
	}
	rc =
	    err_set(e, CS_E_INVALID, reason, "%.80s %s", buf_text(&shown), why);
	buf_clear(&shown);
	return rc;
}

static bool
is_configured(const struct contract_capability *cap, struct span name)
{
	for (size_t i = 0; i < cap->arg_count; i++) {
		if (span_is(name, cap->args[i].name)) {
			return true;
		}
	}
	return false;
}

/* Last, so that a faulty known argument is named before an unknown one. */
static int
check_names(const struct contract_capability *cap,
    const struct named_scalar *args, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_configured(cap, args[i].name)) {
			return refuse_name("ARGUMENT_UNKNOWN", args[i].name,
			    "is not an argument of this tool", e);
		}
	}
	/* All are known: the first arg_count + 1 hold any duplicate. */
	for (size_t i = 0; i < count && i <= cap->arg_count; i++) {
		if (scalars_find(args, i, args[i].name) != NULL) {
			return refuse_name("ARGUMENT_DUPLICATE", args[i].name,
			    "is given twice", e);
		}
	}
	return 0;
}

/* Reserved names come first: an attempt to choose the tenant must be seen as
 * such, whatever else is wrong with the call. */
int
rules_check_args(const struct contract_capability *cap,
    const struct named_scalar *args, size_t count, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		if (rules_is_reserved_arg(args[i].name)) {
			return refuse_name("MODEL_CANNOT_OVERRIDE_BINDING",
			    args[i].name,
			    "is set by the trusted context and cannot be "
			    "given as an argument",
			    e);
		}
	}
	for (size_t i = 0; rc == 0 && i < cap->arg_count; i++) {
		rc = check_arg(&cap->args[i], args, count, e);
	}
	return rc != 0 ? rc : check_names(cap, args, count, e);
}
