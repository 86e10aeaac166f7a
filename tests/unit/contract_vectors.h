/*
 * Edits of the base contract and what is found in each. Expectations are
 * "path CODE" lines, '~' in front of warnings.
 */
#ifndef CS_TESTS_UNIT_CONTRACT_VECTORS_H
#define CS_TESTS_UNIT_CONTRACT_VECTORS_H

#include "tests/unit/contract_edit.h"

#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/contract.h"

/* The base with this "approval". */
#define APPROVAL(json)                                   \
	{                                                \
		{                                        \
			GUARD, GUARD ",'approval':" json \
		}                                        \
	}

struct vector {
	const char *what;
	struct edit edits[4];
	const char *expected; /* lines joined by '\n'; "" is no finding */
};

/* The findings as such lines; for the caller to clear. */
static inline struct buf
findings(const struct contract_report *report)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < report->count; i++) {
		const struct contract_issue *x = &report->issues[i];
		assert_true(strlen(x->message) > 0);
		buf_printf(&out, "%s%s%s %s", i == 0 ? "" : "\n",
		    x->warning ? "~" : "", x->path, x->code);
	}
	return out;
}

/* Fails with the first row whose findings are others. */
static inline void
check_vectors(const struct vector *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct vector *v = &list[i];
		struct buf text = edited(v->edits, COUNT(v->edits));
		struct contract_report report;
		struct err e = {.code = 0};
		int rc = contract_validate(buf_as_span(&text), &report, &e);
		struct buf got = findings(&report);

		if (strcmp(buf_text(&got), v->expected) != 0) {
			fail_msg("%s: expected\n%s\ngot\n%s", v->what,
			    v->expected, buf_text(&got));
		}
		assert_int_equal(rc, report.errors > 0 ? CS_E_CONFIG : 0);
		contract_report_clear(&report);
		buf_clear(&got);
		buf_clear(&text);
	}
}

#endif
