/*
 * What the validation of a contract finds, for whoever shows all of it;
 * loading one reports only its errors. Part of contract.h.
 */
#ifndef CS_COMMON_CONTRACT_REPORT_H
#define CS_COMMON_CONTRACT_REPORT_H

#include "common/base/span.h"

struct err;

/* One finding of the validation. Path and message quote the file's own keys. */
struct contract_issue {
	char *path;
	const char *code; /* static */
	char *message;
	bool warning;
};

/* At most CONTRACT_MAX_ISSUES are kept; `errors` counts all of them. */
#define CONTRACT_MAX_ISSUES 1000

struct contract_report {
	struct contract_issue *issues; /* in evaluation order */
	size_t count;
	size_t errors;
};

/*
 * Validate bytes that already passed the owner and mode checks. Fills *report
 * (free with contract_report_clear) with every error and warning of
 * cli-config.md §1.8 in its order, then our own warnings. Returns 0 if there
 * are no errors, else CS_E_CONFIG; text that is not JSON has the one error
 * CONFIG_NOT_JSON, an object with a key twice CONFIG_DUPLICATE_KEY.
 */
int contract_validate(
    struct span bytes, struct contract_report *report, struct err *e);
void contract_report_clear(struct contract_report *report);

#endif
