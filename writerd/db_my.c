/*
 * MySQL and MariaDB for the writer. Values go through server-side prepared
 * statements only. The server types a parameter by its value and not by its
 * column, so the types of the locked row are kept for the UPDATE that follows.
 */
#include <poll.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/db/my_session.h"
#include "common/db/my_value.h"
#include "writerd/db.h"

#define STATEMENT_TIMEOUT_MS 15000
#define LOCK_TIMEOUT_S       5
#define DUPLICATE_KEY        1062
#define CONNECTION_KILLED    1927
#define DEADLOCK             1213
#define NO_SUCH_STATEMENT    1243
#define REPREPARE            1615
#define DRIVER_FIRST         2000
#define DRIVER_LAST          2999
#define NAME_MAX_LEN         64
/* When there are more statements to keep, a connection begins anew. */
#define KEPT_MAX 128

struct column_type {
	char name[NAME_MAX_LEN + 1];
	enum my_shape shape;
};

/* A statement that a connection keeps prepared. */
struct kept {
	char *sql;
	MYSQL_STMT *stmt;
};

struct db_my {
	struct db db;
	MYSQL *my;
	bool lost; /* the connection is never used again */
	struct kept kept[KEPT_MAX];
	size_t kept_count;
	struct column_type *types;
	size_t type_count;
};

static struct db_my *
self_of(struct db *db)
{
	return (struct db_my *)db;
}

static int
my_db_open(const struct contract_source *source, struct span url,
    struct db **out, struct err *e)
{
	struct my_session session = {
	    .statement_timeout_ms = source->statement_timeout_ms > 0
					? source->statement_timeout_ms
					: STATEMENT_TIMEOUT_MS,
	    .lock_timeout_s = LOCK_TIMEOUT_S};
	struct db_my *db = xcalloc(1, sizeof(*db));
	int rc = my_connect(url, &session, &db->my, e);

	if (rc != 0) {
		free(db);
		if (e != NULL) {
			e->reason = "DATABASE_UNAVAILABLE";
		}
		return rc;
	}
	db->db.ops = &db_my_ops;
	*out = &db->db;
	return 0;
}

/* What may work a little later, on this or another connection. */
static bool
is_transient(unsigned code)
{
	static const unsigned codes[] = {
	    1040, /* too many connections */
	    1053, /* shutting down */
	    1203, /* too many of this user */
	    1205, /* lock wait */
	    1213, /* deadlock */
	    1243, /* a statement that the session does not know (a proxy) */
	    1317, /* interrupted */
	    1615, /* a statement that has to be prepared again */
	    1969, /* time limit (MariaDB) */
	    3024, /* time limit (MySQL) */
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i] == code) {
			return true;
		}
	}
	return false;
}

/* Only the number leaves: the server's text may hold values. */
static int
my_failure(struct db_my *db, unsigned code, struct err *e)
{
	if (code == 0 || code == CONNECTION_KILLED ||
	    (code >= DRIVER_FIRST && code <= DRIVER_LAST)) {
		db->lost = true;
		return err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE",
		    "the connection to the database was lost");
	}
	if (code == DUPLICATE_KEY) {
		return err_set(e, CS_E_STATE, "TRANSACTION_FAILED",
		    "the database refused a second row with the same key "
		    "(error %u)",
		    code);
	}
	/* What was kept is forgotten when it fails. */
	db->db.would_pass =
	    code == DEADLOCK || code == NO_SUCH_STATEMENT || code == REPREPARE;
	if (is_transient(code)) {
		return err_set(e, CS_E_UNAVAILABLE, "TRANSACTION_FAILED",
		    "the database could not do it now (error %u)", code);
	}
	return err_set(e, CS_E_DENIED, "TRANSACTION_FAILED",
	    "the database refused (error %u); run 'countersign writeback "
	    "doctor --check-db' or look into its log",
	    code);
}

/* A text of ours without values; transactions and DDL cannot be prepared on
 * every server. */
static int
run_text(struct db_my *db, const char *sql)
{
	int rc = mysql_real_query(db->my, sql, strlen(sql));

	if (rc == 0) {
		mysql_free_result(mysql_store_result(db->my));
	}
	return rc;
}

/* Keep the types of the columns that a SELECT reads. */
static void
learn_types(struct db_my *db, MYSQL_STMT *stmt)
{
	unsigned count = mysql_stmt_field_count(stmt);
	MYSQL_RES *fields = mysql_stmt_result_metadata(stmt);

	if (fields == NULL) {
		return;
	}
	free(db->types);
	db->types = xcalloc(count + 1, sizeof(*db->types));
	db->type_count = count;
	for (unsigned i = 0; i < count; i++) {
		const MYSQL_FIELD *f = mysql_fetch_field_direct(fields, i);

		(void)snprintf(db->types[i].name, sizeof(db->types[i].name),
		    "%s", f->name);
		db->types[i].shape = my_shape_of(f);
	}
	mysql_free_result(fields);
}

static enum my_shape
type_of(const struct db_my *db, struct span name)
{
	for (size_t i = 0; i < db->type_count; i++) {
		if (span_is(name, db->types[i].name)) {
			return db->types[i].shape;
		}
	}
	return MY_TEXT;
}

static int
bind_all(struct db_my *db, MYSQL_STMT *stmt, struct db_params params,
    struct arena *a)
{
	enum my_shape *shapes = NULL;

	if (mysql_stmt_param_count(stmt) != params.count) {
		return -1;
	}
	if (params.names != NULL) {
		learn_types(db, stmt);
		shapes = arena_array(a, params.count, sizeof(*shapes));
		for (size_t i = 0; i < params.count; i++) {
			shapes[i] = type_of(db, params.names[i]);
		}
	}
	return mysql_stmt_bind_param(
	    stmt, my_params_bind(params.items, shapes, params.count, a));
}

static const char *const *
copy_names(MYSQL_STMT *stmt, struct arena *a)
{
	unsigned count = mysql_stmt_field_count(stmt);
	MYSQL_RES *fields = mysql_stmt_result_metadata(stmt);
	const char **names = arena_array(a, count + 1, sizeof(*names));

	for (unsigned i = 0; i < count; i++) {
		names[i] = "";
		if (fields != NULL) {
			const MYSQL_FIELD *f =
			    mysql_fetch_field_direct(fields, i);
			names[i] = arena_span(a, span_of(f->name)).ptr;
		}
	}
	mysql_free_result(fields);
	return names;
}

static int
take_result(const struct db *db, MYSQL_STMT *stmt, struct arena *a,
    struct db_result *out, struct err *e)
{
	struct my_rows rows;
	int rc = 0;

	out->affected = (int64_t)mysql_stmt_affected_rows(stmt);
	if (mysql_stmt_field_count(stmt) == 0) {
		return 0;
	}
	out->names = db->max_rows > 0 ? copy_names(stmt, a) : NULL;
	rc = my_rows_take(
	    stmt, db->max_rows > 0 ? db->max_rows : DB_MAX_ROWS, a, &rows, e);
	out->values = rows.values;
	out->rows = rows.rows;
	out->columns = rows.columns;
	return rc;
}

static MYSQL_STMT *
prepare(struct db_my *db, const char *sql, struct err *e, int *rc)
{
	MYSQL_STMT *stmt = mysql_stmt_init(db->my);

	*rc = 0;
	if (stmt == NULL) {
		*rc = err_set(e, CS_E_NOMEM, NULL, "no memory");
	} else if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
		*rc = my_failure(db, mysql_stmt_errno(stmt), e);
		(void)mysql_stmt_close(stmt);
		stmt = NULL;
	}
	return stmt;
}

static int
execute(struct db_my *db, MYSQL_STMT *stmt, struct db_params params,
    struct arena *a, struct db_result *out, struct err *e)
{
	if (bind_all(db, stmt, params, a) != 0 ||
	    mysql_stmt_execute(stmt) != 0 ||
	    (mysql_stmt_field_count(stmt) > 0 &&
		mysql_stmt_store_result(stmt) != 0)) {
		return my_failure(db, mysql_stmt_errno(stmt), e);
	}
	return take_result(&db->db, stmt, a, out, e);
}

/* Prepare, bind, execute; the statement is closed whatever comes. */
static int
run_prepared(struct db_my *db, const char *sql, struct db_params params,
    struct arena *a, struct db_result *out, struct err *e)
{
	int rc = 0;
	MYSQL_STMT *stmt = prepare(db, sql, e, &rc);

	if (stmt != NULL) {
		rc = execute(db, stmt, params, a, out, e);
		(void)mysql_stmt_close(stmt);
	}
	return rc;
}

static void
forget_kept(struct db_my *db)
{
	while (db->kept_count > 0) {
		struct kept *k = &db->kept[--db->kept_count];
		(void)mysql_stmt_close(k->stmt);
		free(k->sql);
	}
}

/*
 * Parameters were bound for the columns as they were when the statement was
 * prepared. The answer tells what they are now: if that is another type, the
 * server may have compared otherwise than meant, and it has to be done again.
 */
static int
check_shapes(struct db_my *db, MYSQL_STMT *stmt, struct err *e)
{
	MYSQL_RES *fields = mysql_stmt_result_metadata(stmt);
	bool same = true;

	for (unsigned i = 0; fields != NULL && i < mysql_num_fields(fields) &&
			     i < db->type_count;
	     i++) {
		same = same && my_shape_of(mysql_fetch_field_direct(
				   fields, i)) == db->types[i].shape;
	}
	mysql_free_result(fields);
	if (same) {
		return 0;
	}
	db->db.would_pass = true;
	return err_set(e, CS_E_UNAVAILABLE, "TRANSACTION_FAILED",
	    "a column of the table changed its type just now");
}

/* The same with a statement that is prepared once; forgotten when it fails. */
static int
run_kept(struct db_my *db, struct db_step *s, struct arena *a, struct err *e)
{
	size_t at = 0;
	int rc = 0;

	while (at < db->kept_count && strcmp(db->kept[at].sql, s->sql) != 0) {
		at++;
	}
	if (at == KEPT_MAX) {
		forget_kept(db);
		at = 0;
	}
	if (at == db->kept_count) {
		MYSQL_STMT *stmt = prepare(db, s->sql, e, &rc);
		if (stmt == NULL) {
			return rc;
		}
		db->kept[db->kept_count++] =
		    (struct kept){xstrdup(s->sql), stmt};
	}
	rc = execute(db, db->kept[at].stmt, s->params, a, &s->result, e);
	if (rc == 0 && s->result.columns > 0 && s->params.names != NULL) {
		rc = check_shapes(db, db->kept[at].stmt, e);
	}
	if (rc == 0) {
		(void)mysql_stmt_free_result(db->kept[at].stmt);
	} else {
		forget_kept(db);
	}
	return rc;
}

static int
my_db_query(struct db *db, const char *sql, struct db_params params,
    struct arena *a, struct db_result *out, struct err *e)
{
	struct db_my *self = self_of(db);

	*out = (struct db_result){0};
	if (self->lost) {
		return my_failure(self, 0, e);
	}
	if (params.count > 0 || db->max_rows > 0 ||
	    strncmp(sql, "SELECT", 6) == 0) {
		return run_prepared(self, sql, params, a, out, e);
	}
	return run_text(self, sql) == 0
		   ? 0
		   : my_failure(self, mysql_errno(self->my), e);
}

/* One after the other: the driver has no pipeline. */
static int
my_db_run(struct db *db, struct db_step *steps, size_t count, struct arena *a,
    size_t *done, struct err *e)
{
	struct db_my *self = self_of(db);
	int rc = self->lost ? my_failure(self, 0, e) : 0;

	for (*done = 0; *done < count && rc == 0; *done += rc == 0) {
		struct db_step *s = &steps[*done];

		s->result = (struct db_result){0};
		rc = s->params.count > 0
			 ? run_kept(self, s, a, e)
			 : my_db_query(db, s->sql, s->params, a, &s->result, e);
	}
	return rc;
}

static bool
is_in_transaction(struct db_my *db)
{
	unsigned status = 0;

	return mariadb_get_infov(
		   db->my, MARIADB_CONNECTION_SERVER_STATUS, &status) == 0 &&
	       (status & SERVER_STATUS_IN_TRANS) != 0;
}

/* Only where the server is known to have rolled back is an error of COMMIT
 * one; after any other the receipt has to tell. */
static int
my_db_commit(struct db *db, struct err *e)
{
	struct db_my *self = self_of(db);
	unsigned code = 0;

	if (!is_in_transaction(self)) {
		self->lost = true;
		return err_set(e, CS_E_UNKNOWN, "OUTCOME_UNKNOWN",
		    "the transaction ended before COMMIT");
	}
	if (run_text(self, "COMMIT") == 0) {
		return 0;
	}
	code = mysql_errno(self->my);
	if (code == 1205 || code == 1213) {
		return my_failure(self, code, e);
	}
	self->lost = true;
	return err_set(e, CS_E_UNKNOWN, "OUTCOME_UNKNOWN",
	    "COMMIT was sent and no answer came that settles it (error %u)",
	    code);
}

static void
my_db_rollback(struct db *db)
{
	struct db_my *self = self_of(db);

	if (!self->lost && run_text(self, "ROLLBACK") != 0) {
		self->lost = true;
	}
}

/* Nothing comes on an idle connection but its end. */
static bool
is_quiet(MYSQL *my)
{
	struct pollfd p = {
	    .fd = mysql_get_socket(my), .events = POLLIN | POLLRDHUP};

	return poll(&p, 1, 0) == 0;
}

static bool
my_db_is_alive(struct db *db)
{
	struct db_my *self = self_of(db);

	return !self->lost && !is_in_transaction(self) && is_quiet(self->my);
}

static void
my_db_close(struct db *db)
{
	struct db_my *self = self_of(db);

	/* The statements last: without a connection that needs no server. */
	my_close(&self->my);
	forget_kept(self);
	free(self->types);
	free(self);
}

const struct db_ops db_my_ops = {my_db_open, my_db_query, my_db_run,
    my_db_commit, my_db_rollback, my_db_is_alive, my_db_close};
