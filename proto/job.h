/*
 * The signed job (DSSE payload type DSSE_TYPE_JOB): 0.1.1's writeback job, the
 * change-set bytes, and every decision with its signature, in one document.
 * ledgerd builds it; a writer verifies the signature over the raw bytes before
 * it parses any of them.
 */
#ifndef CS_PROTO_JOB_H
#define CS_PROTO_JOB_H

#include "proto/change_set.h"
#include "proto/decision.h"

#define JOB_MAX_DECISIONS 32U

struct job_decision {
	struct span statement; /* raw bytes, the signed ones */
	uint8_t signature[SIGNATURE_LEN];
	struct span ssh_signature; /* the reviewer's own; empty: none */
};

struct job {
	struct span job_id;
	struct span proposal_id;
	int64_t proposal_version;
	struct span proposal_hash;
	struct span source_id;
	struct span engine; /* "postgres", "mysql", "sqlite" */
	struct span schema;
	struct span table;
	struct named_scalar primary_key;
	struct named_scalar tenant_guard;
	struct span *allowed_columns;
	size_t allowed_count;
	struct named_scalar *patch;
	size_t patch_count;
	bool row_hash; /* conflict_guard.kind is row_hash, not column */
	struct span guard_column;
	struct scalar guard_value;
	/* "proposal:object": the receipt row in the source is claimed under
	 * it. */
	struct span idempotency_key;
	struct span lease_id;
	/* 1 for the first release; a settling job repeats the attempt that it
	 * is about. */
	int64_t attempt;
	struct span writeback;  /* raw synapsor.writeback-job.v1 bytes */
	struct span change_set; /* raw stored change-set bytes */
	struct span contract_digest;
	struct span ledger_head; /* "event:sha256:…", where the chain stood */
	int64_t issued_us;
	int64_t expires_us;
	bool dry_run;
	/* An earlier attempt's outcome is unknown: only look for its receipt,
	 * or, with dry_run, at the row itself. */
	bool settle;
	struct job_decision *decisions;
	size_t decision_count;
};

/* Only looks at the row: settle and dry_run. */
bool job_is_inspection(const struct job *job);

/* What ledgerd adds to the change set to make a job. */
struct job_input {
	const struct change_set *change_set;
	const char *engine;
	struct span contract_digest; /* "sha256:…" */
	struct span ledger_head;     /* "event:sha256:…" */
	int64_t attempt;
	int64_t issued_us;
	int64_t expires_us;
	bool dry_run;
	bool settle;
	const struct job_decision *decisions;
	size_t decision_count;
};

/*
 * "wbj_" + proposal id, characters outside [A-Za-z0-9_:-] as '_'. The same for
 * every attempt: one proposal has one job id and, through it, one receipt.
 */
void job_id_of(struct span proposal_id, struct buf *out);

/*
 * 0.1.1's public job alone (engine.md §3.7, Appendix A6), for export and for
 * deriving it again. Reads change_set, engine, attempt and expires_us of `in`.
 */
void job_build_writeback(const struct job_input *in, struct json_out *j);

/* The payload to be signed, countersign.job.v1, appended to `out`. The raw
 * bytes of change set and statements go in unchanged. */
void job_build(const struct job_input *in, struct buf *out);

/*
 * Parse a payload whose signature has been verified. CS_E_INVALID with
 * JOB_INVALID for anything but exactly that document. Spans borrow from
 * `payload` or live in `a`; change set and statements are left as raw bytes,
 * which the caller parses and verifies on its own.
 */
int job_parse(
    struct span payload, struct arena *a, struct job *out, struct err *e);

/*
 * Does the 0.1.1 job equal what follows from the change set? Every field is
 * derived again and compared as bytes. CS_E_INTEGRITY with JOB_MISMATCH.
 */
int job_check_derivation(const struct job *job, const struct change_set *cs,
    struct arena *a, struct err *e);

/* DSSE envelope as JSON, for people and other tools. */
void job_envelope(struct span payload, const uint8_t signature[SIGNATURE_LEN],
    const uint8_t public_key[PUBLIC_KEY_LEN], struct buf *out);

/* The same for a document of any type. */
void dsse_envelope(const char *type, struct span payload,
    const uint8_t signature[SIGNATURE_LEN],
    const uint8_t public_key[PUBLIC_KEY_LEN], struct buf *out);

#endif
