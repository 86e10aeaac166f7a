#include "ledgerd/store/store.h"

#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "common/base/xalloc.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/schema.h"
#include "ledgerd/store/wal.h"

static const char *const sql[] = {
#define STMT(name, text) text,
#include "ledgerd/store/stmt.def"
#undef STMT
};

/* Small page cache: the record is append-only and read from its end. Savepoints
 * and sorts stay in memory: the sandbox lets nobody open a temporary file. */
static const char pragmas[] = "PRAGMA journal_mode = WAL;"
			      "PRAGMA synchronous = FULL;"
			      "PRAGMA foreign_keys = ON;"
			      "PRAGMA trusted_schema = OFF;"
			      "PRAGMA cache_size = -2048;"
			      "PRAGMA temp_store = MEMORY;"
			      "PRAGMA journal_size_limit = 67108864;"
			      "PRAGMA busy_timeout = 2000;";

int
store_error(sqlite3 *db, struct err *e, const char *doing)
{
	return err_set(e, CS_E_UNAVAILABLE, "LEDGER_UNAVAILABLE",
	    "the ledger could not %s: %s", doing, sqlite3_errmsg(db));
}

static int
store_exec(sqlite3 *db, const char *text, struct err *e, const char *doing)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK
		   ? 0
		   : store_error(db, e, doing);
}

/* The file may have been prepared by somebody else: no extensions, no second
 * file, no writes to the schema, no value that could not be ours. */
static void
store_limits(sqlite3 *db)
{
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(
	    db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 8 << 20);
}

/* The last event's number, time and hash. No row: a new ledger, zeros. */
static int
find_chain_end(struct store *s, struct err *e)
{
	int rc = stmt_run(s, STMT_EVENT_LAST, e, "");

	if (rc == SQLITE_ROW) {
		sqlite3_stmt *st = s->stmts[STMT_EVENT_LAST];
		struct span hash = stmt_span(st, 2);
		if (hash.len != sizeof(s->last_hash)) {
			stmt_done(s, STMT_EVENT_LAST);
			return err_set(e, CS_E_INTEGRITY, "LEDGER_DAMAGED",
			    "the last event has no hash: run "
			    "'countersign ledger verify'");
		}
		s->last_event_id = stmt_int(st, 0);
		s->last_at_us = stmt_int(st, 1);
		memcpy(s->last_hash, hash.ptr, hash.len);
	}
	stmt_done(s, STMT_EVENT_LAST);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : e->code;
}

/* event_of(evidence id): so that searches by evidence are look-ups. */
static void
sql_event_of(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct span id = {(const char *)sqlite3_value_text(values[0]),
	    (size_t)sqlite3_value_bytes(values[0])};

	(void)count;
	sqlite3_result_int64(
	    context, id.ptr == NULL ? 0 : evidence_event_of(id));
}

int
store_open(struct store *s, const char *path, struct err *e)
{
	int rc;
	int fd;

	*s = (struct store){0};
	/* Create it ourselves, so that it is never readable by others. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return err_sys(e, "cannot open the ledger %s", path);
	}
	(void)close(fd);
	if (sqlite3_open_v2(path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_NOFOLLOW,
		NULL) != SQLITE_OK) {
		return store_error(s->db, e, "be opened");
	}
	store_limits(s->db);
	rc = store_exec(s->db, pragmas, e, "be opened");
	wal_watch(s);
	if (rc == 0) {
		rc = store_exec(s->db, ledger_schema, e, "be prepared");
	}
	if (rc == 0 && sqlite3_open_v2(path, &s->reader,
			   SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
			       SQLITE_OPEN_NOFOLLOW,
			   NULL) != SQLITE_OK) {
		rc = store_error(s->reader, e, "be opened for reading");
	}
	if (rc == 0) {
		store_limits(s->reader);
		(void)sqlite3_create_function(s->reader, "event_of", 1,
		    SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_event_of,
		    NULL, NULL);
		rc = store_exec(s->reader,
		    "PRAGMA query_only = ON; PRAGMA cache_size = -1024;"
		    "PRAGMA temp_store = MEMORY;"
		    "PRAGMA busy_timeout = 2000;",
		    e, "be opened for reading");
	}
	return rc != 0 ? rc : find_chain_end(s, e);
}

void
store_close(struct store *s)
{
	for (int i = 0; i < STMT_COUNT; i++) {
		(void)sqlite3_finalize(s->stmts[i]);
	}
	(void)sqlite3_close(s->reader);
	(void)sqlite3_close(s->db);
	*s = (struct store){0};
}

/* SQLITE_STATIC: what is bound stays until stmt_done clears it. */
static int
bind_one(sqlite3_stmt *st, int at, char type, va_list *ap)
{
	const char *text;
	struct span s;

	switch (type) {
	case 's':
		text = va_arg(*ap, const char *);
		return sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
	case 'T':
	case 't':
		s = va_arg(*ap, struct span);
		if (type == 'T' && s.len == 0) {
			return sqlite3_bind_null(st, at);
		}
		return sqlite3_bind_text(
		    st, at, s.len == 0 ? "" : s.ptr, (int)s.len, SQLITE_STATIC);
	case 'b':
		s = va_arg(*ap, struct span);
		return sqlite3_bind_blob(
		    st, at, s.len == 0 ? "" : s.ptr, (int)s.len, SQLITE_STATIC);
	case 'i':
		return sqlite3_bind_int64(st, at, va_arg(*ap, int64_t));
	case 'f':
		return sqlite3_bind_blob(
		    st, at, va_arg(*ap, const uint8_t *), 32, SQLITE_STATIC);
	case 'g':
		return sqlite3_bind_blob(
		    st, at, va_arg(*ap, const uint8_t *), 64, SQLITE_STATIC);
	default:
		bug("unknown bind format", __FILE__, __LINE__);
	}
}

/* SQLite's result as it is; an error also with its words in *e. */
static int
stmt_step(struct store *s, enum stmt_id id, struct err *e)
{
	int rc = sqlite3_step(s->stmts[id]);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		(void)store_error(s->db, e, "record or read");
	}
	return rc;
}

/* Statements are prepared when they are first needed and kept. */
static int
stmt_vrun(struct store *s, enum stmt_id id, struct err *e, const char *fmt,
    va_list *ap)
{
	int rc = SQLITE_OK;

	if (s->stmts[id] == NULL) {
		rc = sqlite3_prepare_v3(s->db, sql[id], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->stmts[id], NULL);
	}
	for (int i = 0; rc == SQLITE_OK && fmt[i] != '\0'; i++) {
		rc = bind_one(s->stmts[id], i + 1, fmt[i], ap);
	}
	if (rc != SQLITE_OK) {
		(void)store_error(s->db, e, "prepare a statement");
		return rc;
	}
	return stmt_step(s, id, e);
}

int
stmt_run(struct store *s, enum stmt_id id, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = stmt_vrun(s, id, e, fmt, &ap);
	va_end(ap);
	return rc;
}

int
stmt_next(struct store *s, enum stmt_id id, struct err *e)
{
	return stmt_step(s, id, e);
}

void
stmt_done(struct store *s, enum stmt_id id)
{
	(void)sqlite3_reset(s->stmts[id]);
	(void)sqlite3_clear_bindings(s->stmts[id]);
}

int
stmt_change(
    struct store *s, enum stmt_id id, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = stmt_vrun(s, id, e, fmt, &ap);
	va_end(ap);
	stmt_done(s, id);
	if (rc != SQLITE_DONE) {
		return CS_E_UNAVAILABLE;
	}
	/* The WHERE names the state it came from: no row means that it is
	 * not there any more, which is an answer, not damage. */
	if (sqlite3_changes(s->db) != 1) {
		return err_set(e, CS_E_STATE, "STATE_CHANGED",
		    "somebody else changed it first; look again");
	}
	return 0;
}

struct span
stmt_span(sqlite3_stmt *st, int column)
{
	const void *p = sqlite3_column_type(st, column) == SQLITE_BLOB
			    ? sqlite3_column_blob(st, column)
			    : (const void *)sqlite3_column_text(st, column);
	int len = sqlite3_column_bytes(st, column);

	return (struct span){p == NULL ? "" : p, (size_t)len};
}

int64_t
stmt_int(sqlite3_stmt *st, int column)
{
	return sqlite3_column_int64(st, column);
}

/* Run a statement without parameters or rows. */
static int
stmt_plain(struct store *s, enum stmt_id id, struct err *e)
{
	int rc = stmt_run(s, id, e, "");

	stmt_done(s, id);
	return rc == SQLITE_DONE ? 0 : CS_E_UNAVAILABLE;
}

int
store_begin(struct store *s, struct err *e)
{
	int rc = 0;

	if (s->in_transaction && sqlite3_get_autocommit(s->db)) {
		/* A full disk or a failed write made SQLite take the whole turn
		 * back. What came now would be committed alone, behind events
		 * that are gone: nothing more until the turn has ended. */
		return err_set(e, CS_E_UNAVAILABLE, "LEDGER_UNAVAILABLE",
		    "the ledger took this turn back; check free space");
	}
	if (!s->in_transaction) {
		rc = stmt_plain(s, STMT_BEGIN, e);
		s->in_transaction = rc == 0;
	}
	return rc;
}

int
store_commit(struct store *s, struct err *e)
{
	int rc = 0;

	if (s->in_transaction) {
		rc = stmt_plain(s, STMT_COMMIT, e);
		if (rc != 0) {
			s->commit_failures++;
			store_rollback(s);
		} else {
			s->commits++;
			s->turn_counts = s->counts;
		}
		s->in_transaction = false;
	}
	return rc;
}

void
store_rollback(struct store *s)
{
	struct err e = {0};

	if (!sqlite3_get_autocommit(s->db)) {
		(void)stmt_plain(s, STMT_ROLLBACK, &e);
	}
	s->in_transaction = false;
	s->counts = s->turn_counts;
	/* The chain ends where the file says, not where we had got to. */
	s->last_event_id = 0;
	s->last_at_us = 0;
	memset(s->last_hash, 0, sizeof(s->last_hash));
	(void)find_chain_end(s, &e);
}

int
store_request_begin(struct store *s, struct err *e)
{
	int rc = store_begin(s, e);

	s->request_counts = s->counts;
	return rc != 0 ? rc : stmt_plain(s, STMT_SAVEPOINT, e);
}

void
store_request_end(struct store *s, bool keep)
{
	struct err e = {0};

	if (!keep) {
		if (stmt_plain(s, STMT_ROLLBACK_TO, &e) != 0 &&
		    !sqlite3_get_autocommit(s->db)) {
			/* Half a request must not stay: give the turn up, so
			 * that its COMMIT fails and everybody is told. */
			(void)stmt_plain(s, STMT_ROLLBACK, &e);
		}
		s->counts = s->request_counts;
		/* The savepoint took events back; the ones before it in this
		 * turn stay, and the connection that writes sees them. */
		s->last_event_id = 0;
		s->last_at_us = 0;
		memset(s->last_hash, 0, sizeof(s->last_hash));
		(void)find_chain_end(s, &e);
	}
	(void)stmt_plain(s, STMT_RELEASE, &e);
}
