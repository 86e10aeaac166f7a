#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/db/pg_session.h"
#include "common/db/pg_value.h"
#include "writerd/db.h"

#define STATEMENT_TIMEOUT_MS 15000
#define LOCK_TIMEOUT_MS      5000

struct db_pg {
	struct db db;
	PGconn *conn;
};

static PGconn *
conn_of(struct db *db)
{
	return ((struct db_pg *)db)->conn;
}

static int
pg_db_open(const struct contract_source *source, struct span url,
    struct db **out, struct err *e)
{
	struct pg_session session = {
	    .statement_timeout_ms = source->statement_timeout_ms > 0
					? source->statement_timeout_ms
					: STATEMENT_TIMEOUT_MS,
	    .lock_timeout_ms = LOCK_TIMEOUT_MS,
	    .application_name = "countersign-writerd"};
	struct db_pg *db = xcalloc(1, sizeof(*db));
	int rc = pg_connect(url, &session, &db->conn, e);

	if (rc != 0) {
		free(db);
		if (e != NULL) {
			e->reason = "DATABASE_UNAVAILABLE";
		}
		return rc;
	}
	db->db.ops = &db_pg_ops;
	*out = &db->db;
	return 0;
}

static bool
starts_with_any(const char *state, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strncmp(state, *list, strlen(*list)) == 0) {
			return true;
		}
	}
	return false;
}

/* Only the SQLSTATE leaves: the server's text may hold values. */
static int
pg_failure(PGconn *conn, const PGresult *result, struct err *e)
{
	static const char *const transient[] = {
	    "40001", "40P01", "53", "55P03", "57014", "57P0", "08", NULL};
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL || PQstatus(conn) != CONNECTION_OK) {
		return err_set(e, CS_E_UNAVAILABLE, "DATABASE_UNAVAILABLE",
		    "the connection to the database was lost");
	}
	if (starts_with_any(state, transient)) {
		return err_set(e, CS_E_UNAVAILABLE, "TRANSACTION_FAILED",
		    "the database could not do it now (SQLSTATE %s)", state);
	}
	return err_set(e, CS_E_DENIED, "TRANSACTION_FAILED",
	    "the database refused (SQLSTATE %s); run 'countersign writeback "
	    "doctor --check-db' or look into its log",
	    state);
}

static int
copy_rows(
    PGresult *result, struct arena *a, struct db_result *out, struct err *e)
{
	int rows = PQntuples(result);
	int columns = PQnfields(result);

	rows = rows < DB_MAX_ROWS ? rows : DB_MAX_ROWS;
	out->rows = (size_t)rows;
	out->columns = (size_t)columns;
	out->values =
	    arena_array(a, out->rows * out->columns + 1, sizeof(*out->values));
	for (int r = 0; r < rows; r++) {
		for (int c = 0; c < columns; c++) {
			int rc = pg_result_scalar(
			    result, r, c, a, &out->values[r * columns + c], e);
			if (rc != 0) {
				return rc;
			}
		}
	}
	out->affected = strtoll(PQcmdTuples(result), NULL, 10);
	return 0;
}

/* Parameters go as text; the server types them by the column (unnamed
 * prepared statement: parse, bind, execute in one round trip). */
static int
pg_db_query(struct db *db, const char *sql, struct db_params params,
    struct arena *a, struct db_result *out, struct err *e)
{
	const char **values = arena_array(a, params.count + 1, sizeof(*values));
	PGresult *result;
	ExecStatusType status;
	int rc;

	*out = (struct db_result){0};
	for (size_t i = 0; i < params.count; i++) {
		values[i] = pg_param_text(params.items[i], a);
	}
	result = PQexecParams(
	    conn_of(db), sql, (int)params.count, NULL, values, NULL, NULL, 0);
	status = PQresultStatus(result);
	rc = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK
		 ? copy_rows(result, a, out, e)
		 : pg_failure(conn_of(db), result, e);
	PQclear(result);
	return rc;
}

static int
pg_db_commit(struct db *db, struct err *e)
{
	PGresult *result = PQexec(conn_of(db), "COMMIT");
	const char *tag = PQcmdStatus(result);
	int rc;

	if (PQresultStatus(result) == PGRES_COMMAND_OK) {
		/* COMMIT of a failed transaction answers ROLLBACK. */
		rc = strcmp(tag, "COMMIT") == 0
			 ? 0
			 : err_set(e, CS_E_UNAVAILABLE, "TRANSACTION_FAILED",
			       "the database rolled the transaction back");
	} else if (PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL &&
		   PQstatus(conn_of(db)) == CONNECTION_OK) {
		rc = pg_failure(conn_of(db), result, e);
	} else {
		rc = err_set(e, CS_E_UNKNOWN, "OUTCOME_UNKNOWN",
		    "COMMIT was sent and no answer came");
	}
	PQclear(result);
	return rc;
}

static void
pg_db_rollback(struct db *db)
{
	PQclear(PQexec(conn_of(db), "ROLLBACK"));
}

static bool
pg_db_is_alive(struct db *db)
{
	return PQstatus(conn_of(db)) == CONNECTION_OK &&
	       PQtransactionStatus(conn_of(db)) == PQTRANS_IDLE;
}

static void
pg_db_close(struct db *db)
{
	struct db_pg *self = (struct db_pg *)db;

	pg_close(&self->conn);
	free(self);
}

const struct db_ops db_pg_ops = {pg_db_open, pg_db_query, pg_db_commit,
    pg_db_rollback, pg_db_is_alive, pg_db_close};
