/*
 * Approval without a person: only what the contract allows for each column that
 * the change touches. ledgerd decides by it, writerd checks it again.
 */
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/rules.h"

static const struct contract_auto_rule *
rule_of(const struct contract_automatic *a, struct span column)
{
	for (size_t i = 0; i < a->rule_count; i++) {
		if (span_is(column, a->rules[i].column)) {
			return &a->rules[i];
		}
	}
	return NULL;
}

static bool
is_one_of(const struct contract_auto_rule *r, struct scalar value)
{
	for (size_t i = 0; i < r->one_of_count; i++) {
		if (scalar_equal(r->one_of[i], value)) {
			return true;
		}
	}
	return false;
}

static bool
is_in_range(const struct contract_auto_rule *r, struct scalar value)
{
	int64_t whole;

	return value.kind == SCALAR_NUMBER &&
	       json_int64(value.text, &whole) == 0 &&
	       rules_compare_numbers(value.text, r->minimum) >= 0 &&
	       rules_compare_numbers(value.text, r->maximum) <= 0;
}

static bool
rule_allows(const struct contract_auto_rule *r, struct scalar value)
{
	if (r->one_of_count > 0) {
		return is_one_of(r, value);
	}
	if (r->max_length > 0) {
		return value.kind == SCALAR_TEXT &&
		       utf8_utf16_len(value.text) <= (size_t)r->max_length;
	}
	return is_in_range(r, value);
}

int
rules_check_automatic(const struct contract_capability *cap,
    const struct named_scalar *patch, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct contract_auto_rule *r =
		    cap->automatic == NULL
			? NULL
			: rule_of(cap->automatic, patch[i].name);
		if (r == NULL || !rule_allows(r, patch[i].value)) {
			return err_set(e, CS_E_DENIED, "AUTOMATIC_NOT_ALLOWED",
			    "%.*s: the contract approves no such value without "
			    "a person",
			    SPAN_ARGS(patch[i].name));
		}
	}
	return cap->automatic != NULL && count > 0
		   ? 0
		   : err_set(e, CS_E_DENIED, "AUTOMATIC_NOT_ALLOWED",
			 "the contract approves nothing here without a person");
}
