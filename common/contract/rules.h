/*
 * The rules that turn arguments into a patch, shared by every process so that
 * each can check for itself (engine.md §1.6, §1.7, §1.12). Pure functions over
 * the contract; inputs are untrusted; results borrow from their inputs.
 * Every refusal is CS_E_INVALID with the reason word of engine.md (for example
 * ARGUMENT_TOO_LONG) and a message that is safe to show a model.
 */
#ifndef CS_COMMON_CONTRACT_RULES_H
#define CS_COMMON_CONTRACT_RULES_H

#include "common/contract/contract.h"

struct arena;

/* Is this argument name reserved (engine.md §1.6 step 1 and our spellings)? */
bool rules_is_reserved_arg(struct span name);

/*
 * Reserved names first (MODEL_CANNOT_OVERRIDE_BINDING), then every configured
 * argument in order: ARGUMENT_REQUIRED, ARGUMENT_TYPE_INVALID,
 * ARGUMENT_TOO_LONG, ARGUMENT_BELOW_MINIMUM, ARGUMENT_ABOVE_MAXIMUM,
 * ARGUMENT_NOT_ALLOWED; last ARGUMENT_UNKNOWN for one that the contract does
 * not name (engine.md §9 D5: nothing is stripped silently) and
 * ARGUMENT_DUPLICATE.
 */
int rules_check_args(const struct contract_capability *cap,
    const struct named_scalar *args, size_t count, struct err *e);

/*
 * The patch, in contract order, into out[cap->patch_count]. An optional
 * argument that was left out leaves its column out of the patch (§8.2 item 16:
 * unchanged, never NULL); *count_out says how many entries there are; an empty
 * patch is PATCH_REQUIRED, a fixed value that no column can hold
 * PATCH_FIXED_INVALID. The arguments have passed rules_check_args.
 */
int rules_build_patch(const struct contract_capability *cap,
    const struct named_scalar *args, size_t count, struct named_scalar *out,
    size_t *count_out, struct err *e);

/*
 * Bounds (PATCH_NUMERIC_BOUND_TYPE_INVALID, PATCH_BELOW_MINIMUM,
 * PATCH_ABOVE_MAXIMUM) and transitions (PATCH_TRANSITION_TYPE_INVALID,
 * PATCH_TRANSITION_NOT_ALLOWED) of a patch against the row as observed, and
 * that the patch stays inside allowed_columns and away from the primary key,
 * tenant and conflict columns (PATCH_COLUMN_NOT_ALLOWED), names no column twice
 * (PATCH_COLUMN_DUPLICATE) and is not empty (PATCH_REQUIRED).
 */
int rules_check_patch(const struct contract_capability *cap,
    const struct named_scalar *row, size_t row_count,
    const struct named_scalar *patch, size_t patch_count, struct err *e);

/*
 * May this patch be approved without a person? Every column in it needs a rule
 * of approval.automatic that its value fits; AUTOMATIC_NOT_ALLOWED
 * (CS_E_DENIED) otherwise, and without such rules. Limits are not looked at.
 */
int rules_check_automatic(const struct contract_capability *cap,
    const struct named_scalar *patch, size_t patch_count, struct err *e);

/* The last rule for one column: may a patch of this capability name it? */
bool rules_column_may_change(
    const struct contract_capability *cap, struct span column);

/*
 * engine.md §4.3: do two version values mean the same version? Timestamps
 * compare as UTC with six fraction digits, everything else as trimmed text.
 * A date or time of day that does not exist is text.
 */
bool rules_version_equal(struct span actual, struct span expected);

/* -1, 0, 1 for two JSON numbers or decimal texts ("+007.50"), exactly. What
 * follows the number is not looked at: the caller knows that it is one. */
int rules_compare_numbers(struct span a, struct span b);

/*
 * engine.md §3.14: does any key or string value of the JSON text look like a
 * credential? 0, or CS_E_INVALID with SECRET_MATERIAL_REJECTED naming the path,
 * which starts with `root`, never the value.
 */
int rules_scan_secrets(const char *root, const struct json_doc *doc,
    struct arena *a, struct err *e);

#endif
