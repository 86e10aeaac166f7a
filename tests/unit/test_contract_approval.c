/*
 * Rules of who must approve that a contract cannot have: people, signatures,
 * and approval without a person.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/crypto/digest.h"
#include "tests/unit/contract_vectors.h"

/* "allowed_signers" and the like at the top, and an approval. */
#define DECIDED(top, json)                               \
	{                                                \
		{TOP, TOP top},                          \
		{                                        \
			GUARD, GUARD ",'approval':" json \
		}                                        \
	}
#define AUTOMATIC(columns, limits) \
	APPROVAL("{'automatic':{'columns':" columns ",'limits':" limits "}}")
#define RANGE "{'x':{'minimum':0,'maximum':9}}"
#define DAILY "[{'maximum':5,'window':'day','per':'tenant'}]"
#define AT    CAP ".approval"

static const struct vector approval_codes[] = {
    {"not an object", APPROVAL("[]"), AT " APPROVAL_NOT_OBJECT"},
    {"what nobody knows", APPROVAL("{'quorum':2}"), AT ".quorum UNKNOWN_FIELD"},
    {"ten approvals", APPROVAL("{'required_approvals':10}"), ""},
    {"eleven approvals", APPROVAL("{'required_approvals':11}"),
	AT ".required_approvals INVALID_APPROVAL_COUNT"},
    {"no approvals, a word, and a switch",
	APPROVAL("{'required_approvals':0,'signatures':true,"
		 "'separate_applier':'yes'}"),
	AT ".required_approvals INVALID_APPROVAL_COUNT\n" AT
	   ".signatures INVALID_SIGNATURES\n" AT
	   ".separate_applier INVALID_SEPARATE_APPLIER"},
    {"signatures and where the keys are",
	DECIDED("'allowed_signers':'/k',", "{'signatures':'required'}"), ""},
    {"signatures of no known keys", APPROVAL("{'signatures':'required'}"),
	AT " ALLOWED_SIGNERS_REQUIRED"},
    {"signatures of all, of no known keys",
	{{TOP, TOP "'signatures':'required',"}},
	"$.allowed_signers ALLOWED_SIGNERS_REQUIRED"},
    {"signatures of all, not of one",
	DECIDED("'signatures':'required','allowed_signers':'/k',",
	    "{'signatures':'optional'}"),
	AT ".signatures SIGNATURES_WEAKENED"},
    {"relative path, and a word",
	{{TOP, TOP "'signatures':1,'allowed_signers':'k',"}},
	"$.signatures INVALID_SIGNATURES\n"
	"$.allowed_signers INVALID_ALLOWED_SIGNERS"},
    {"an applier where nobody applies",
	DECIDED("'apply':'on_approval',", "{'separate_applier':true}"),
	AT ".separate_applier SEPARATE_APPLIER_NEEDS_MANUAL"},
    {"a range and a limit", AUTOMATIC(RANGE, DAILY), ""},
    {"a sum per object",
	AUTOMATIC(RANGE, "[{'column':'x','maximum':5,'window':'24h',"
			 "'per':'object'}]"),
	""},
    {"signatures of all, and nobody",
	DECIDED("'signatures':'required','allowed_signers':'/k',",
	    "{'automatic':{'columns':" RANGE ",'limits':" DAILY "}}"),
	AT ".automatic AUTOMATIC_NEEDS_NOBODY"},
    {"no rules", AUTOMATIC("{}", DAILY), AT ".automatic INVALID_AUTOMATIC"},
    {"true", APPROVAL("{'automatic':true}"), AT ".automatic INVALID_AUTOMATIC"},
    {"no limits", AUTOMATIC(RANGE, "[]"),
	AT ".automatic.limits AUTOMATIC_LIMITS_REQUIRED"},
    {"a column without rule", AUTOMATIC("{'y':{'one_of':[1]}}", DAILY),
	AT ".automatic.columns AUTOMATIC_COLUMN_MISSING"},
    {"half a range", AUTOMATIC("{'x':{'minimum':0}}", DAILY),
	AT ".automatic.columns.x INVALID_AUTOMATIC_RULE"},
    {"two kinds of rule",
	AUTOMATIC("{'x':{'one_of':[1],'max_length':3}}", DAILY),
	AT ".automatic.columns.x INVALID_AUTOMATIC_RULE"},
    {"fractions", AUTOMATIC("{'x':{'minimum':0.5,'maximum':'9'}}", DAILY),
	AT ".automatic.columns.x.minimum INVALID_AUTOMATIC_RULE\n" AT
	   ".automatic.columns.x.maximum INVALID_AUTOMATIC_RULE"},
    {"an empty list", AUTOMATIC("{'x':{'one_of':[]}}", DAILY),
	AT ".automatic.columns.x.one_of INVALID_AUTOMATIC_RULE"},
    {"no length", AUTOMATIC("{'x':{'max_length':0}}", DAILY),
	AT ".automatic.columns.x.max_length INVALID_AUTOMATIC_RULE"},
    {"a sum without range",
	AUTOMATIC("{'x':{'one_of':[1]}}", "[{'column':'x','maximum':5,"
					  "'window':'day','per':'tenant'}]"),
	AT ".automatic.limits[0].column INVALID_AUTOMATIC_LIMIT"},
    {"a limit of nothing", AUTOMATIC(RANGE, "[{'window':'week','per':1}]"),
	AT ".automatic.limits[0].maximum INVALID_AUTOMATIC_LIMIT\n" AT
	   ".automatic.limits[0].window INVALID_AUTOMATIC_LIMIT\n" AT
	   ".automatic.limits[0].per INVALID_AUTOMATIC_LIMIT"},
};

static void
refuses_rules_of_approval_that_cannot_hold(void **state)
{
	static const char *const people[] = {"'required_role':'r'",
	    "'required_approvals':2", "'signatures':'required'",
	    "'separate_applier':true"};

	(void)state;
	check_vectors(approval_codes, COUNT(approval_codes));
	for (size_t i = 0; i < COUNT(people); i++) {
		char json[256];
		(void)snprintf(json, sizeof(json),
		    GUARD ",'approval':{%s,'automatic':{'columns':" RANGE
			  ",'limits':" DAILY "}}",
		    people[i]);
		const struct vector v = {people[i],
		    {{TOP, TOP "'allowed_signers':'/k',"}, {GUARD, json}},
		    AT ".automatic AUTOMATIC_NEEDS_NOBODY"};
		check_vectors(&v, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_rules_of_approval_that_cannot_hold),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
