/*
 * The transaction of an apply on PostgreSQL, without Countersign: prepared
 * once, one statement after the other, with the writer's session settings but
 * for the time limits.
 */
#include "common/db/pg_session.h"

#include <string.h>

#include "tests/bench/floor.h"
#include "tests/bench/samples.h"

enum floor_statement {
	BEGIN,
	CLAIM,
	LOCK,
	UPDATE,
	COMPLETE,
	COMMIT
};

static const char *const statements[] = {
    [BEGIN] = "BEGIN",
    [CLAIM] = "INSERT INTO public.synapsor_writeback_receipts"
	      " (idempotency_key, job_id, proposal_id, status, result_hash)"
	      " VALUES ($1, $2, $3, 'in_progress', NULL)"
	      " ON CONFLICT (idempotency_key) DO NOTHING RETURNING status",
    [LOCK] = "SELECT id, tenant_id, updated_at, late_fee_cents, waiver_reason"
	     " FROM public.invoices WHERE id = $1 AND tenant_id = $2"
	     " LIMIT 2 FOR UPDATE",
    [UPDATE] = "UPDATE public.invoices SET late_fee_cents = $1,"
	       " waiver_reason = $2 WHERE id = $3 AND tenant_id = $4"
	       " AND updated_at IS NOT DISTINCT FROM $5",
    [COMPLETE] = "UPDATE public.synapsor_writeback_receipts SET status = $1,"
		 " result_hash = $2, completed_at = now()"
		 " WHERE idempotency_key = $3",
    [COMMIT] = "COMMIT",
};

#define STATEMENTS (sizeof(statements) / sizeof(statements[0]))

static const char *const names[] = {"0", "1", "2", "3", "4", "5"};

static void *
open_pg(struct span url, const char *mode, struct err *e)
{
	struct pg_session session = {
	    .statement_timeout_ms = FLOOR_PATIENCE_S * 1000,
	    .lock_timeout_ms = FLOOR_PATIENCE_S * 1000,
	    .application_name = "countersign-bench"};
	PGconn *conn = NULL;

	if (strcmp(mode, "apply") != 0) {
		bench_die("no floor for %s", mode);
	}
	if (pg_connect(url, &session, &conn, e) != 0) {
		return NULL;
	}
	for (size_t i = 0; i < STATEMENTS; i++) {
		PGresult *r = PQprepare(conn, names[i], statements[i], 0, NULL);
		if (PQresultStatus(r) != PGRES_COMMAND_OK) {
			bench_die("%s", PQerrorMessage(conn));
		}
		PQclear(r);
	}
	return conn;
}

/* One row, or one row touched; the caller clears the result. */
static PGresult *
run(PGconn *conn, enum floor_statement s, int count, const char *const *values)
{
	PGresult *r =
	    PQexecPrepared(conn, names[s], count, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(r);

	if ((status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) ||
	    (count > 0 && strcmp(PQcmdTuples(r), "1") != 0)) {
		bench_die("%s: %s", statements[s], PQerrorMessage(conn));
	}
	return r;
}

static void
apply(void *db, int64_t row, const char *key)
{
	static const char hash[] = "sha256:0000000000000000000000000000000000"
				   "000000000000000000000000000000";
	char id[32];
	PGresult *locked = NULL;

	(void)snprintf(id, sizeof(id), "INV-%lld", (long long)row);
	PQclear(run(db, BEGIN, 0, NULL));
	PQclear(run(db, CLAIM, 3, (const char *[]){key, key, key}));
	locked = run(db, LOCK, 2, (const char *[]){id, "acme"});
	PQclear(run(db, UPDATE, 5,
	    (const char *[]){"0", key, id, "acme", PQgetvalue(locked, 0, 2)}));
	PQclear(locked);
	PQclear(run(db, COMPLETE, 3, (const char *[]){"applied", hash, key}));
	PQclear(run(db, COMMIT, 0, NULL));
}

int
main(int argc, char **argv)
{
	static const struct floor_ops ops = {open_pg, apply};

	return floor_main(argc, argv, &ops);
}
