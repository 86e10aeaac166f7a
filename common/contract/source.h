/*
 * A database as the contract describes it: which kind it is, the names of its
 * credentials, and how it is read and written. Part of contract.h.
 */
#ifndef CS_COMMON_CONTRACT_SOURCE_H
#define CS_COMMON_CONTRACT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

enum source_engine {
	ENGINE_POSTGRES,
	ENGINE_MYSQL,
	ENGINE_SQLITE
};

/* Ours: who keeps the receipt that makes a retry harmless. */
enum receipt_authority {
	RECEIPTS_SOURCE_DB, /* a table beside the data, in one transaction */
	RECEIPTS_LEDGER     /* only the ledger: no table, no look-up */
};

struct contract_source {
	const char *name;
	enum source_engine engine;
	const char *read_url_env;
	const char *write_url_env; /* NULL: no direct writes */
	bool read_only;
	int64_t statement_timeout_ms; /* 0: not set; at most INT32_MAX */
	enum receipt_authority receipts;
	/* Ours: a role that could do more is accepted all the same. */
	bool accept_writer_posture;
	bool accept_reader_can_write;
	/* The reader's pool. */
	int64_t max_connections;
	int64_t queue_limit;
	int64_t queue_timeout_ms;
	int64_t probe_interval_s;
	/* PostgreSQL: settings that row security compares with; both or
	 * neither. */
	const char *scope_tenant_setting;
	const char *scope_principal_setting;
};

#endif
