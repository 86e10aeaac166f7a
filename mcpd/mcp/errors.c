/*
 * The first row whose reason matches decides. A sentence in the row replaces
 * the message; rows without one belong to reasons whose text is made by
 * common/contract/rules.c from the contract and the argument's name, which the
 * model knows already.
 */
#include "mcpd/mcp/errors.h"

#define INVALID   "INVALID_ARGUMENT"
#define POLICY    "POLICY_VIOLATION"
#define LATER     "TEMPORARILY_UNAVAILABLE"
#define INTERNAL  "INTERNAL"
#define UNCHANGED " Source database changed: no."
/* What passes usually passes within a second (beyond.md §D0). */
#define RETRY_AFTER_MS 1000

struct error_row {
	const char *reason;
	const char *code; /* NULL: the reason itself */
	const char *code_v2;
	bool retryable;
	const char *sentence; /* NULL: the message is safe to show */
};

static const struct error_row rows[] = {
    {"ROW_NOT_FOUND", NULL, "NOT_FOUND_IN_TENANT", false,
	"No row matches in the trusted tenant scope." UNCHANGED},
    {"ROW_NOT_UNIQUE", NULL, "MULTI_ROW_BLOCKED", false,
	"More than one row matches, so none was used." UNCHANGED},
    {"PROPOSAL_NOT_FOUND", NULL, "NOT_FOUND_IN_TENANT", false,
	"There is no such proposal in the trusted scope."},
    {"MCP_TOOL_NOT_FOUND", NULL, "CAPABILITY_NOT_FOUND", false, NULL},
    {"RATE_LIMITED", NULL, "RATE_LIMITED", true,
	"This tenant has called the capability as often as its contract "
	"allows for now. Wait, then try again." UNCHANGED},
    {"PROPOSALS_DISABLED", NULL, "APPROVAL_REQUIRED", false,
	"Proposals are disabled: this server is read-only." UNCHANGED},
    {"ARGUMENT_REQUIRED", NULL, INVALID, false, NULL},
    {"ARGUMENT_TYPE_INVALID", NULL, INVALID, false, NULL},
    {"ARGUMENT_TOO_LONG", NULL, INVALID, false, NULL},
    {"ARGUMENT_BELOW_MINIMUM", NULL, INVALID, false, NULL},
    {"ARGUMENT_ABOVE_MAXIMUM", NULL, INVALID, false, NULL},
    {"ARGUMENT_NOT_ALLOWED", NULL, INVALID, false, NULL},
    {"ARGUMENT_UNKNOWN", NULL, INVALID, false, NULL},
    {"LOOKUP_ARG_MISSING", NULL, INVALID, false, NULL},
    {"MODEL_CANNOT_OVERRIDE_BINDING", NULL, INVALID, false, NULL},
    {"TRUSTED_BINDING_MISSING", NULL, INVALID, false,
	"The trusted context of this server has no tenant or principal. An "
	"operator has to set it." UNCHANGED},
    {"TRUSTED_CONTEXT_MISSING", NULL, INVALID, false,
	"This capability has no trusted context." UNCHANGED},
    {"TRUSTED_CONTEXT_PROVIDER_CONFLICT", NULL, INTERNAL, false,
	"This capability takes its tenant from the environment, which a server "
	"of tokens does not have." UNCHANGED},
    {"INSUFFICIENT_SCOPE", NULL, POLICY, false,
	"The token does not have the scope that this needs." UNCHANGED},
    {"TRUSTED_CONTEXT_UNSUPPORTED", NULL, INTERNAL, false,
	"The trusted context of this capability is not available "
	"here." UNCHANGED},
    {"PATCH_REQUIRED", NULL, POLICY, false, NULL},
    {"PATCH_NUMERIC_BOUND_TYPE_INVALID", NULL, POLICY, false, NULL},
    {"PATCH_BELOW_MINIMUM", NULL, POLICY, false, NULL},
    {"PATCH_ABOVE_MAXIMUM", NULL, POLICY, false, NULL},
    {"PATCH_TRANSITION_TYPE_INVALID", NULL, POLICY, false, NULL},
    {"PATCH_TRANSITION_NOT_ALLOWED", NULL, POLICY, false, NULL},
    {"PATCH_COLUMN_NOT_ALLOWED", NULL, POLICY, false, NULL},
    {"PROPOSAL_TOO_LARGE", NULL, POLICY, false,
	"The proposal is too large to be recorded." UNCHANGED},
    {"PROPOSAL_IMMUTABILITY_VIOLATION", NULL, INTERNAL, false,
	"This proposal exists already and cannot be changed." UNCHANGED},
    {"CONFLICT_GUARD_MISSING", NULL, POLICY, false,
	"The row has no version to guard the change with." UNCHANGED},
    {"LEDGER_UNAVAILABLE", LATER, LATER, true,
	"The ledger cannot record right now, so nothing is answered and "
	"nothing was changed. Try again later." UNCHANGED},
    {"SOURCE_UNAVAILABLE", LATER, LATER, true,
	"The source database cannot be reached right now. Try again "
	"later." UNCHANGED},
    {"SOURCE_POOL_QUEUE_FULL", LATER, LATER, true,
	"Too many reads are waiting. Try again later." UNCHANGED},
    {"SOURCE_POOL_TIMEOUT", LATER, LATER, true,
	"The source database is busy. Try again later." UNCHANGED},
    {"SOURCE_REFUSED", NULL, INTERNAL, false,
	"The source database did not pass the checks that come before a read; "
	"an operator has to look at the log." UNCHANGED},
    {"SOURCE_CREDENTIAL_MISSING", NULL, LATER, true,
	"The source database is not configured on this server." UNCHANGED},
    {"SOURCE_QUERY_FAILED", "MCP_TOOL_FAILED", INTERNAL, false,
	"The source database refused the reviewed query; an operator has to "
	"look at the log." UNCHANGED},
    {"SOURCE_UNSUPPORTED", NULL, INTERNAL, false,
	"This build cannot read that kind of database." UNCHANGED},
    {"VALUE_UNSUPPORTED", NULL, INTERNAL, false,
	"A column holds a value that cannot be shown as text." UNCHANGED},
    {"ROW_TOO_LARGE", NULL, INTERNAL, false,
	"The row is too large to be recorded." UNCHANGED},
    {"SECRET_MATERIAL_REJECTED", NULL, INTERNAL, false,
	"The data looks like a credential and was not recorded." UNCHANGED},
    /* Whatever else: last, so that the look-up ends here. */
    {"", NULL, INTERNAL, false,
	"The request was refused; an operator can find the reason in the "
	"log." UNCHANGED},
};

struct call_error
error_for(const char *reason, struct span message)
{
	const struct error_row *row = rows;
	struct call_error error = {0};

	/* The last row fits everything, so there is always an answer, and a
	 * reason that nobody foresaw never brings its own text. */
	while (row->reason[0] != '\0' && strcmp(row->reason, reason) != 0) {
		row++;
	}
	error.code = row->code != NULL ? row->code : reason;
	error.code_v2 = row->code_v2;
	error.retryable = row->retryable;
	error.retry_after_ms = row->retryable ? RETRY_AFTER_MS : 0;
	error.message =
	    row->sentence != NULL ? span_of(row->sentence) : message;
	return error;
}

struct call_error
error_ledger_unavailable(void)
{
	return error_for("LEDGER_UNAVAILABLE", span_of(""));
}
