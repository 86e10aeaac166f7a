/*
 * A valid contract, change set, decision and signed job, step by step, so that
 * a test can change one thing between any two steps. No cmocka here: fuzzers
 * use it too. Everything lives in the fixture; the key comes from a fixed seed.
 */
#ifndef CS_TESTS_UNIT_FIXTURE_H
#define CS_TESTS_UNIT_FIXTURE_H

#include "common/crypto/sign.h"
#include "proto/job.h"

#define FIXTURE_NOW      INT64_C(1782907200000000) /* 2026-07-01T12:00:00Z */
#define FIXTURE_MINUTE   INT64_C(60000000)
#define FIXTURE_BILLING  "billing.propose_late_fee_waiver"
#define FIXTURE_EVIDENCE "ev_bdba16a56413046c0877"

/* The row and patch of engine.md, Appendix A. */
#define FIXTURE_BILLING_ROW                                               \
	"{\"id\":\"INV-3001\",\"tenant_id\":\"acme\",\"late_fee_cents\":" \
	"5500,\"waiver_reason\":null,"                                    \
	"\"updated_at\":\"2026-06-20T14:31:08Z\"}"
#define FIXTURE_BILLING_PATCH    \
	"{\"late_fee_cents\":0," \
	"\"waiver_reason\":\"approved support waiver\"}"

struct fixture {
	struct arena *arena;
	struct contract *contract;
	const struct contract_capability *cap;
	struct sign_key *key;
	int64_t now_us;
	struct change_set_input input;
	struct change_set_output built;
	struct change_set cs;
	struct decision decision;
	struct job_decision decisions[JOB_MAX_DECISIONS + 1];
	struct job_input job;
	struct span payload;
	struct msg_job message; /* what a writer is handed */
};

/* A file of tests/vectors, whole, in the arena. */
struct span fixture_file(struct arena *a, const char *name);

/* `text` with `from` replaced once: its first or its last occurrence. */
struct span fixture_replace(struct arena *a, struct span text, const char *from,
    const char *to, bool last);

/* A JSON object of scalars as a list. */
struct named_scalar *fixture_scalars(
    struct arena *a, const char *json, size_t *count_out);

/* Load the contract file; everything else gets its valid default. */
void fixture_init(
    struct fixture *f, const char *contract, const char *capability);
void fixture_free(struct fixture *f);

void fixture_row(struct fixture *f, const char *json);
void fixture_patch(struct fixture *f, const char *json);

/* Build and parse the change set. */
void fixture_change_set(struct fixture *f);

/* Edit the bytes that are hashed, and hash them again: what a ledger could
 * sign that does not keep to the contract. */
void fixture_edit_core(struct fixture *f, const char *from, const char *to);

/* Sign f->decision about this change set and add it to the job. */
void fixture_decide(struct fixture *f);

/* Build and sign the job. */
void fixture_mint(struct fixture *f);

/* Take another payload and sign it. */
void fixture_sign(struct fixture *f, struct span payload);

/* All steps for the capability of Appendix A. */
void fixture_billing(struct fixture *f);

#endif
