/*
 * Any bytes as a contract: validation and parsing must agree, findings must be
 * well formed, and what was built must hold what its header promises.
 */
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"
#include "common/contract/rules.h"
#include "common/crypto/digest.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	crypto_init();
	return 0;
}

static void
check_report(const struct contract_report *report, int rc)
{
	size_t errors = 0;

	for (size_t i = 0; i < report->count; i++) {
		const struct contract_issue *issue = &report->issues[i];
		cs_assert(issue->path[0] == '$');
		cs_assert(utf8_is_valid(span_of(issue->path)));
		cs_assert(issue->code != NULL && issue->message != NULL);
		errors += issue->warning ? 0 : 1;
	}
	cs_assert(report->count <= CONTRACT_MAX_ISSUES);
	cs_assert(errors <= report->errors);
	cs_assert((rc == 0) == (report->errors == 0));
}

static void
check_proposal(const struct contract_capability *cap)
{
	struct named_scalar *patch =
	    xcalloc(cap->patch_count + 1, sizeof(*patch));
	size_t count = 0;

	cs_assert(cap->patch_count > 0 && cap->allowed_count > 0);
	cs_assert(cap->conflict_column != NULL || cap->weak_guard_ack);
	cs_assert(cap->approval_expires_s > 0);
	if (rules_build_patch(cap, NULL, 0, patch, &count, NULL) == 0) {
		cs_assert(count > 0 && count <= cap->patch_count);
		(void)rules_check_patch(cap, NULL, 0, patch, count, NULL);
	}
	free(patch);
}

/* Nothing but identifiers may ever reach generated SQL. */
static void
check_capability(const struct contract_capability *cap)
{
	cs_assert(cap->source != NULL && cap->context != NULL);
	cs_assert(str_is_identifier(span_of(cap->schema)));
	cs_assert(str_is_identifier(span_of(cap->table)));
	cs_assert(cap->tenant_key == NULL ||
		  str_is_identifier(span_of(cap->tenant_key)));
	for (size_t i = 0; i < cap->read_count; i++) {
		cs_assert(str_is_identifier(span_of(cap->read_columns[i])));
	}
	for (size_t i = 0; i < cap->patch_count; i++) {
		cs_assert(str_is_identifier(span_of(cap->patch[i].column)));
	}
	cs_assert(cap->max_rows > 0 && cap->arg_count > 0);
	(void)rules_check_args(cap, NULL, 0, NULL);
	if (cap->kind == KIND_PROPOSAL) {
		check_proposal(cap);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = {(const char *)data, size};
	struct contract_report report;
	struct contract *c = NULL;
	struct err e;
	int rc = contract_validate(bytes, &report, &e);

	check_report(&report, rc);
	contract_report_clear(&report);
	cs_assert(contract_parse(bytes, &c, &e) == rc);
	cs_assert((c != NULL) == (rc == 0));
	for (size_t i = 0; c != NULL && i < c->capability_count; i++) {
		check_capability(&c->capabilities[i]);
	}
	contract_free(&c);
	return 0;
}
