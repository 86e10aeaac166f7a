/*
 * Change set v1 (engine.md §1.12, §2.2): built by ledgerd, parsed by everyone
 * else from the very bytes that are stored, hashed, signed and executed.
 */
#ifndef CS_PROTO_CHANGE_SET_H
#define CS_PROTO_CHANGE_SET_H

#include "common/contract/contract.h"
#include "common/crypto/digest.h"

struct arena;
struct err;

/* Names that stand where a column's name is expected, as in 0.1.1: the guard
 * is a hash of the whole row; the table has no tenant column. */
#define ROW_HASH_COLUMN      "__row_hash"
#define SINGLE_TENANT_COLUMN "__single_tenant_dev"
#define SINGLE_TENANT_VALUE  "single_tenant_dev"

/*
 * Everything a change set is made of. Borrowed for the call. The caller has
 * checked row and patch against the capability; this file only writes them
 * down.
 */
struct change_set_input {
	const struct contract_capability *cap;
	bool shadow;
	struct span tenant;
	struct span principal;
	const char *principal_source;   /* "environment", "static_dev" … */
	const struct named_scalar *row; /* read_columns, in order */
	size_t row_count;
	const struct named_scalar *patch;
	size_t patch_count;
	struct span evidence_id;
	const char *fingerprint; /* query_fingerprint */
	const char *created_at;
	unsigned attempt; /* 0; more when an equal proposal already ended */
};

struct change_set_output {
	char proposal_id[ID_TEXT_SIZE];
	char hash[DIGEST_TEXT_SIZE]; /* proposal_hash */
	struct span stored; /* change_set_json with integrity, in the arena */
	struct span object_id;
};

/* A parsed change set; spans borrow from its bytes or the arena. */
struct change_set {
	struct span stored;
	struct span proposal_id;
	int64_t proposal_version;
	struct span action;
	/* "shadow" or "review_required": decides whether this proposal can
	 * ever be applied, whatever the contract says later. */
	struct span mode;
	struct span principal;
	struct span principal_source;
	struct span tenant;
	/* The table's name: 0.1.1 had no other word for it. */
	struct span business_object;
	struct span object_id;
	struct span source_kind;
	struct span source_id;
	struct span schema;
	struct span table;
	struct named_scalar primary_key; /* name = column */
	struct named_scalar *before;
	size_t before_count;
	struct named_scalar *patch;
	size_t patch_count;
	struct named_scalar *after;
	size_t after_count;
	struct named_scalar tenant_guard;
	struct span *allowed_columns;
	size_t allowed_count;
	/* Name is the conflict column or ROW_HASH_COLUMN; the value is what
	 * the source must still hold when the UPDATE is made. */
	struct named_scalar expected_version;
	struct span evidence_id;
	struct span fingerprint;
	struct span required_role; /* empty: none */
	struct span executor;
	struct span created_at;
	struct span hash; /* integrity.proposal_hash as claimed */
};

/*
 * HASH({source, target, columns, tenant_bound, tenant}), engine.md §1.9: names
 * the query that found a row, without the key that was looked up.
 * NUL-terminated "sha256:…" in `out`.
 */
void change_set_fingerprint(const struct contract_capability *cap,
    struct span tenant, char out[DIGEST_TEXT_SIZE]);

/* String(row[pk] ?? lookup), engine.md §1.9: the key as text, borrowed from
 * the row, or `lookup` when the row has no such column or it is NULL. */
struct span change_set_object_id(const struct contract_capability *cap,
    const struct named_scalar *row, size_t row_count, struct span lookup);

/*
 * Build the bytes in 0.1.1's field order and their hash. The caller has run
 * rules_check_patch. out->stored and out->object_id live in `a` or borrow from
 * the input's row. The same input gives the same bytes: the id follows from
 * action, tenant, object, row, patch and attempt alone. CONFLICT_GUARD_MISSING
 * (CS_E_INVALID) when there is neither a conflict column nor weak_guard_ack.
 */
int change_set_build(const struct change_set_input *in, struct arena *a,
    struct change_set_output *out, struct err *e);

/*
 * Parse stored bytes (untrusted). Strict: exactly the members of version 1 in
 * its order, and proposal_hash must be the hash of the bytes without the
 * integrity member: CS_E_INTEGRITY with PROPOSAL_HASH_MISMATCH otherwise, and
 * CHANGE_SET_INVALID for anything that is not such a document.
 */
int change_set_parse(
    struct span stored, struct arena *a, struct change_set *out, struct err *e);

#endif
