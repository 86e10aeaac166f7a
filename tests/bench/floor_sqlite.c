/*
 * What durable commits cost without us: SQLite in WAL mode with
 * synchronous=FULL, one table, rows of a given size, GROUP rows a commit.
 */
#include <sqlite3.h>
#include <unistd.h>

#include "common/base/str.h"
#include "tests/bench/samples.h"

#define LOG_BYTES (1200 * 4096)

static const char usage[] =
    "usage: floor_sqlite FILE ROW_BYTES GROUP MILLISECONDS";

struct bench_floor {
	sqlite3 *db;
	sqlite3_stmt *begin;
	sqlite3_stmt *insert;
	sqlite3_stmt *commit;
	int row_bytes;
	int64_t group;
};

static sqlite3_stmt *
prepare(struct bench_floor *f, const char *sql)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(f->db, sql, -1, &st, NULL) != SQLITE_OK) {
		bench_die("%s: %s", sql, sqlite3_errmsg(f->db));
	}
	return st;
}

static void
step(struct bench_floor *f, sqlite3_stmt *st)
{
	if (sqlite3_step(st) != SQLITE_DONE) {
		bench_die("%s", sqlite3_errmsg(f->db));
	}
	(void)sqlite3_reset(st);
}

static void
set_up(struct bench_floor *f, const char *path)
{
	static const char schema[] = "PRAGMA journal_mode = WAL;"
				     "PRAGMA synchronous = FULL;"
				     "CREATE TABLE IF NOT EXISTS rows"
				     " (id INTEGER PRIMARY KEY, body BLOB);";

	if (sqlite3_open(path, &f->db) != SQLITE_OK ||
	    sqlite3_exec(f->db, schema, NULL, NULL, NULL) != SQLITE_OK) {
		bench_die("%s: %s", path, sqlite3_errmsg(f->db));
	}
	f->begin = prepare(f, "BEGIN IMMEDIATE");
	f->insert = prepare(f, "INSERT INTO rows (body) VALUES (?1)");
	f->commit = prepare(f, "COMMIT");
}

static void
commit_group(struct bench_floor *f, int64_t group)
{
	step(f, f->begin);
	for (int64_t i = 0; i < group; i++) {
		if (sqlite3_bind_zeroblob(f->insert, 1, f->row_bytes) !=
		    SQLITE_OK) {
			bench_die("%s", sqlite3_errmsg(f->db));
		}
		step(f, f->insert);
	}
	step(f, f->commit);
}

int
main(int argc, char **argv)
{
	struct bench_floor f = {0};
	struct samples samples;
	int64_t until;

	if (argc != 5) {
		bench_die("%s", usage);
	}
	f.row_bytes = (int)bench_number(argv[2], 1);
	f.group = bench_number(argv[3], 1);
	set_up(&f, argv[1]);
	/* Once through the log, so that it does not grow any more. */
	commit_group(&f, LOG_BYTES / f.row_bytes);
	samples_begin(&samples);
	until = samples.start_ns + bench_number(argv[4], 1) * 1000000;
	do {
		int64_t asked = bench_now_ns();

		commit_group(&f, f.group);
		samples_add(&samples, asked, true);
	} while (samples.end_ns < until);
	samples_print(&samples);
	(void)sqlite3_finalize(f.begin);
	(void)sqlite3_finalize(f.insert);
	(void)sqlite3_finalize(f.commit);
	(void)sqlite3_close(f.db);
	return 0;
}
