/*
 * The table in the source database that keeps one row per applied change
 * (engine.md §4.1). Writers create it if they may; `writeback migration` prints
 * the same text for an owner who does not let them. ledger_head is ours: where
 * the ledger's chain stood when the job was signed. A table of 0.1.1 has no
 * such column and is used as it is.
 */
#ifndef CS_COMMON_CONTRACT_RECEIPT_TABLE_H
#define CS_COMMON_CONTRACT_RECEIPT_TABLE_H

#define RECEIPT_TABLE "synapsor_writeback_receipts"

#define RECEIPT_COLUMNS_POSTGRES                                            \
	"(idempotency_key text PRIMARY KEY, job_id text UNIQUE NOT NULL,"   \
	" proposal_id text NOT NULL, status text NOT NULL,"                 \
	" result_hash text, created_at timestamptz NOT NULL DEFAULT now()," \
	" completed_at timestamptz, ledger_head text)"
#define RECEIPT_COLUMNS_SQLITE                                      \
	"(idempotency_key TEXT PRIMARY KEY, job_id TEXT UNIQUE NOT" \
	" NULL, proposal_id TEXT NOT NULL, status TEXT NOT NULL,"   \
	" result_hash TEXT, created_at TEXT NOT NULL"               \
	" DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),"         \
	" completed_at TEXT, ledger_head TEXT)"
#define RECEIPT_COLUMNS_MYSQL                                                 \
	"(idempotency_key varchar(255) PRIMARY KEY, job_id varchar(255)"      \
	" UNIQUE NOT NULL, proposal_id varchar(512) NOT NULL, status"         \
	" varchar(64) NOT NULL, result_hash varchar(128), created_at"         \
	" timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, completed_at"         \
	" timestamp NULL, ledger_head varchar(128)) ENGINE = InnoDB DEFAULT " \
	"CHARACTER SET utf8mb4"                                               \
	" COLLATE utf8mb4_bin"

#endif
