/*
 * What a writer needs of a database, the same for every engine: statements with
 * parameters, and a COMMIT whose outcome may be unknown. The texts come from
 * stmt_plan.c, which knows the dialects; nothing here builds SQL from values.
 */
#ifndef CS_WRITERD_DB_H
#define CS_WRITERD_DB_H

#include "common/contract/contract.h"

struct arena;
struct db;
struct err;
struct secret;

/* The rows of an answer; a writer never needs more than two. */
#define DB_MAX_ROWS 2

/* Values for the placeholders of a statement, in order. Borrowed. */
struct db_params {
	const struct scalar *items;
	size_t count;
	/* The columns that they are for, NULL: not said. An engine that
	 * types parameters by their values looks there. */
	const struct span *names;
};

struct db_result {
	struct scalar *values; /* rows × columns, in the arena */
	size_t rows;           /* at most DB_MAX_ROWS */
	size_t columns;
	int64_t affected; /* rows that a data-changing statement touched */
	const char *const *names; /* of the columns, with db->max_rows */
};

/* A statement of a transaction and its answer. */
struct db_step {
	const char *sql;
	struct db_params params;
	struct db_result result;
};

struct db_ops {
	/* Connect. DATABASE_UNAVAILABLE (CS_E_UNAVAILABLE) otherwise. */
	int (*open)(const struct contract_source *source, struct span url,
	    struct db **out, struct err *e);
	/* Run one statement. CS_E_UNAVAILABLE: transient, CS_E_DENIED: the
	 * database refused it, CS_E_STATE: because of a key that exists (only
	 * engines without ON CONFLICT say so; the transaction goes on). Texts
	 * of the server stay out of *e. */
	int (*query)(struct db *db, const char *sql, struct db_params params,
	    struct arena *a, struct db_result *out, struct err *e);
	/* See db_run; NULL: there is nothing to win by sending many. */
	int (*run)(struct db *db, struct db_step *steps, size_t count,
	    struct arena *a, size_t *done, struct err *e);
	/* CS_E_UNKNOWN when COMMIT was sent and no answer came. */
	int (*commit)(struct db *db, struct err *e);
	void (*rollback)(struct db *db);
	/* Can this connection take another transaction? */
	bool (*is_alive)(struct db *db);
	void (*close)(struct db *db);
};

/* Every engine's struct begins with this. */
struct db {
	const struct db_ops *ops;
	/* The schema that the receipt table was found for; empty: not yet. */
	char receipts_for[80];
	char receipt_table[160]; /* quoted and qualified */
	bool receipts_have_head; /* column ledger_head */
	/* Set by a failure that says nothing about this transaction, which may
	 * pass when it is run again: a deadlock, a serialization failure, a
	 * prepared statement that the server does not take any more. */
	bool would_pass;
	/* Not 0: the statements are an application's. All that is asked for
	 * is read, up to so many rows, and the columns' names with it. */
	size_t max_rows;
};

/*
 * Run statements in this order, of which none needs the answer of another: in
 * one round trip where the engine can, and prepared once per connection. Ends
 * at the first that fails, as query does; *done is how many passed.
 */
int db_run(struct db *db, struct db_step *steps, size_t count, struct arena *a,
    size_t *done, struct err *e);

/* The engine of a source, NULL when this build has none. */
const struct db_ops *db_ops_of(enum source_engine engine);

extern const struct db_ops db_my_ops;
extern const struct db_ops db_pg_ops;
extern const struct db_ops db_lite_ops;

#endif
