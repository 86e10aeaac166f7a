/*
 * The ledger file: opening, statements, and the transaction of a loop turn.
 * One writing connection; a second, read-only one for lists and reports, so
 * that they never wait for writes.
 */
#ifndef CS_LEDGERD_STORE_STORE_H
#define CS_LEDGERD_STORE_STORE_H

#include <sqlite3.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "ledgerd/rules/state.h"

enum stmt_id {
#define STMT(name, sql) STMT_##name,
#include "ledgerd/store/stmt.def"
#undef STMT
	STMT_COUNT
};

/* Since the start; what a turn or a request takes back is not in it. */
struct store_counts {
	uint64_t moved[STATES]; /* proposals that came into this state */
};

struct store {
	sqlite3 *db;     /* writes */
	sqlite3 *reader; /* read-only */
	sqlite3_stmt *stmts[STMT_COUNT];
	bool in_transaction;
	/* The end of the event chain, as it will be after COMMIT. */
	int64_t last_event_id;
	int64_t last_at_us;
	uint8_t last_hash[32];
	struct store_counts counts;
	struct store_counts turn_counts;    /* as of the last COMMIT */
	struct store_counts request_counts; /* as of store_request_begin */
	uint64_t commits;
	uint64_t commit_failures;
	/* The write-ahead log, for wal.c. */
	int wal_frames;          /* as of the last commit; 0: nothing new */
	sqlite3_int64 wal_bytes; /* room that it is known to have */
};

/*
 * Open or create the ledger at `path` (mode 0600), apply the schema, find the
 * end of the chain. The caller holds the store's lock. Nothing here grows with
 * the number of events. On errors (CS_E_UNAVAILABLE, CS_E_INTEGRITY for a last
 * event without hash) *s may be half open; store_close takes that.
 */
int store_open(struct store *s, const char *path, struct err *e);
void store_close(struct store *s);

/* Begin the turn's transaction if it is not open yet. CS_E_UNAVAILABLE also
 * when SQLite has taken the turn back by itself: it must end before anything
 * else. */
int store_begin(struct store *s, struct err *e);

/* Commit what this turn has written; no-op when nothing is. When it fails
 * the turn is rolled back: no reply of this turn may go out as it is. */
int store_commit(struct store *s, struct err *e);
/* Forget what this turn has written and find the chain's end in the file. */
void store_rollback(struct store *s);

/*
 * A request of several statements inside the turn: all of it or none. One
 * request that fails does not take the others of the turn with it. Not nested.
 */
int store_request_begin(struct store *s, struct err *e);
void store_request_end(struct store *s, bool keep);

/*
 * Bind by format and step once. Formats: s C string (NULL binds NULL), t span
 * as text, T the same but NULL when empty, b span as blob, i int64_t, f 32-byte
 * blob, g 64-byte blob.
 * Returns SQLITE_ROW, SQLITE_DONE or an SQLite error, which is also in *e. The
 * caller calls stmt_done when it has read the row.
 */
int stmt_run(
    struct store *s, enum stmt_id id, struct err *e, const char *fmt, ...);
/* The next row of a statement that stmt_run started: as its result. */
int stmt_next(struct store *s, enum stmt_id id, struct err *e);
/* Reset, so that the statement can be run again and holds no read lock; also
 * after an error. */
void stmt_done(struct store *s, enum stmt_id id);

/* Run a statement that changes exactly one row: 0; CS_E_STATE when it changed
 * none (the guard in its WHERE did not hold); CS_E_IO on errors. */
int stmt_change(
    struct store *s, enum stmt_id id, struct err *e, const char *fmt, ...);

/* Columns of the current row; spans are valid until stmt_done. */
struct span stmt_span(sqlite3_stmt *st, int column);
int64_t stmt_int(sqlite3_stmt *st, int column);

/* CS_E_UNAVAILABLE with LEDGER_UNAVAILABLE and SQLite's words. */
int store_error(sqlite3 *db, struct err *e, const char *doing);

#endif
