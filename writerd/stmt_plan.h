/*
 * The statements of one apply. Every identifier comes from the contract and is
 * checked again before it is quoted; every value is a parameter.
 */
#ifndef CS_WRITERD_STMT_PLAN_H
#define CS_WRITERD_STMT_PLAN_H

#include "proto/change_set.h"

struct arena;
struct err;

struct stmt_plan {
	const char *begin;
	/* key, job, proposal → one row if claimed; where the engine returns
	 * no rows: CS_E_STATE unless claimed */
	const char *claim;
	const char *existing; /* key → status, result_hash; locked */
	const char *complete; /* status, hash, key */
	/* status, hash, head, key: of a table that has ledger_head */
	const char *complete_with_head;
	const char *lock_row; /* pk[, tenant] → columns; locked */
	const char *update;   /* patch…, pk[, tenant], version */
	/* What lock_row selects, in order. */
	struct span *columns;
	size_t column_count;
};

/* How an engine spells things. */
struct dialect {
	char quote;
	char placeholder;   /* '$' or '?' */
	bool is_positional; /* parameters have no numbers */
	const char *begin;
	const char *for_update;
	const char *is_same; /* NULL-safe equality */
	const char *now;
	const char *receipts_find;   /* preferred schema → schema, "head" */
	const char *receipts_schema; /* where to create it, NULL: preferred */
	const char *receipts_ddl;    /* columns */
	const char *claim_end;       /* what makes the INSERT a claim */
	/* schema, table → storage engine, and the only one that has
	 * transactions; NULL: all have */
	const char *engine_find;
	const char *engine_needed;
};

const struct dialect *dialect_of(enum source_engine engine);

/* "schema"."synapsor_writeback_receipts", quoted; CS_E_INVALID when the schema
 * is not an identifier. */
int stmt_receipt_table(const struct dialect *d, struct span schema, char *out,
    size_t size, struct err *e);

/*
 * Build the statements for this capability and patch. UNSAFE_IDENTIFIER
 * (CS_E_INVALID) for anything that is not an identifier.
 */
int stmt_plan_build(const struct contract_capability *cap,
    const struct change_set *cs, const char *receipt_table, struct arena *a,
    struct stmt_plan *out, struct err *e);

#endif
