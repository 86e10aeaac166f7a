/*
 * A read and the transaction of an apply on MariaDB, without Countersign:
 * prepared once, one statement after the other, with the session settings of
 * mcpd and of the writer but for the time limits.
 */
#include "common/db/my_session.h"

#include <string.h>

#include "tests/bench/floor.h"
#include "tests/bench/samples.h"

enum floor_statement {
	READ,
	CLAIM,
	LOCK,
	UPDATE,
	COMPLETE,
	STATEMENTS
};

#define COLUMNS_MAX 6
#define PARAMS_MAX  5
#define TEXT_MAX    256

static const struct {
	const char *sql;
	unsigned columns;
} statements[] = {
    [READ] = {"SELECT `id`, `tenant_id`, `status`, `late_fee_cents`,"
	      " `waiver_reason`, `updated_at` FROM `shop`.`invoices`"
	      " WHERE `id` = ? AND `tenant_id` = ? LIMIT 2",
	6},
    [CLAIM] = {"INSERT INTO `shop`.`synapsor_writeback_receipts`"
	       " (idempotency_key, job_id, proposal_id, status, result_hash)"
	       " VALUES (?, ?, ?, 'in_progress', NULL)",
	0},
    [LOCK] = {"SELECT `id`, `tenant_id`, `updated_at`, `late_fee_cents`,"
	      " `waiver_reason` FROM `shop`.`invoices`"
	      " WHERE `id` = ? AND `tenant_id` = ? LIMIT 2 FOR UPDATE",
	5},
    [UPDATE] = {"UPDATE `shop`.`invoices` SET `late_fee_cents` = ?,"
		" `waiver_reason` = ? WHERE `id` = ? AND `tenant_id` = ?"
		" AND `updated_at` <=> ?",
	0},
    [COMPLETE] = {"UPDATE `shop`.`synapsor_writeback_receipts` SET status = ?,"
		  " result_hash = ?, completed_at = now()"
		  " WHERE idempotency_key = ?",
	0},
};

struct floor_my {
	MYSQL *my;
	bool reads;
	MYSQL_STMT *prepared[STATEMENTS];
	MYSQL_BIND out[COLUMNS_MAX];
	char text[COLUMNS_MAX][TEXT_MAX];
	unsigned long length[COLUMNS_MAX];
};

static void
prepare(struct floor_my *f, enum floor_statement s)
{
	MYSQL_STMT *stmt = mysql_stmt_init(f->my);
	const char *sql = statements[s].sql;

	if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
		bench_die("%s: %s", sql, mysql_stmt_error(stmt));
	}
	f->prepared[s] = stmt;
}

static void *
open_my(struct span url, const char *mode, struct err *e)
{
	struct floor_my *f = calloc(1, sizeof(*f));
	struct my_session session = {
	    .statement_timeout_ms = FLOOR_PATIENCE_S * 1000,
	    .lock_timeout_s = FLOOR_PATIENCE_S};

	if (f == NULL) {
		bench_die("out of memory");
	}
	f->reads = strcmp(mode, "read") == 0;
	session.read_only = f->reads;
	if (!f->reads && strcmp(mode, "apply") != 0) {
		bench_die("no floor for %s", mode);
	}
	if (my_connect(url, &session, &f->my, e) != 0) {
		free(f);
		return NULL;
	}
	for (unsigned i = 0; i < COLUMNS_MAX; i++) {
		f->out[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
		    .buffer = f->text[i],
		    .buffer_length = TEXT_MAX,
		    .length = &f->length[i]};
	}
	for (int s = f->reads ? READ : CLAIM;
	     s < (f->reads ? CLAIM : STATEMENTS); s++) {
		prepare(f, (enum floor_statement)s);
	}
	return f;
}

static void
take_row(struct floor_my *f, MYSQL_STMT *stmt, const char *sql)
{
	if (mysql_stmt_bind_result(stmt, f->out) != 0 ||
	    mysql_stmt_store_result(stmt) != 0 || mysql_stmt_fetch(stmt) != 0 ||
	    mysql_stmt_num_rows(stmt) != 1) {
		bench_die("%s: %s", sql, mysql_stmt_error(stmt));
	}
	(void)mysql_stmt_free_result(stmt);
}

/* One row, or one row touched. */
static void
run(struct floor_my *f, enum floor_statement s, unsigned count,
    const char *const *values)
{
	MYSQL_BIND in[PARAMS_MAX] = {0};
	MYSQL_STMT *stmt = f->prepared[s];

	for (unsigned i = 0; i < count; i++) {
		in[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
		    .buffer = (void *)(uintptr_t)values[i],
		    .buffer_length = strlen(values[i])};
	}
	if (mysql_stmt_bind_param(stmt, in) != 0 ||
	    mysql_stmt_execute(stmt) != 0) {
		bench_die("%s: %s", statements[s].sql, mysql_stmt_error(stmt));
	}
	if (statements[s].columns > 0) {
		take_row(f, stmt, statements[s].sql);
	} else if (mysql_stmt_affected_rows(stmt) != 1) {
		bench_die(
		    "%s touched another number of rows", statements[s].sql);
	}
}

static void
say(struct floor_my *f, const char *sql)
{
	if (mysql_real_query(f->my, sql, strlen(sql)) != 0) {
		bench_die("%s: %s", sql, mysql_error(f->my));
	}
}

static void
once(void *db, int64_t row, const char *key)
{
	static const char hash[] = "sha256:0000000000000000000000000000000000"
				   "000000000000000000000000000000";
	struct floor_my *f = db;
	char id[32];

	(void)snprintf(id, sizeof(id), "INV-%lld", (long long)row);
	if (f->reads) {
		run(f, READ, 2, (const char *[]){id, "acme"});
		return;
	}
	say(f, "START TRANSACTION");
	run(f, CLAIM, 3, (const char *[]){key, key, key});
	run(f, LOCK, 2, (const char *[]){id, "acme"});
	run(f, UPDATE, 5, (const char *[]){"0", key, id, "acme", f->text[2]});
	run(f, COMPLETE, 3, (const char *[]){"applied", hash, key});
	say(f, "COMMIT");
}

int
main(int argc, char **argv)
{
	static const struct floor_ops ops = {open_my, once};

	return floor_main(argc, argv, &ops);
}
