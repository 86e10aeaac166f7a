/*
 * Database URLs and value conversion: what is refused matters as much as what
 * is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/lite.h"
#include "common/db/pg_session.h"
#include "common/db/pg_value.h"

static void
test_pg_url_parts(void **state)
{
	struct pg_url url;
	struct buf where = BUF_INIT;

	(void)state;
	assert_int_equal(pg_url_parse(span_of("postgresql://r%40x:p%2Fw%3a@"
					      "[::1]:6543/app%20db?sslmode="
					      "verify-full&sslrootcert=/etc/"
					      "ca.pem"),
			     &url, NULL),
	    0);
	assert_string_equal(url.part[PG_URL_USER], "r@x");
	assert_string_equal(url.part[PG_URL_PASSWORD], "p/w:");
	assert_string_equal(url.part[PG_URL_HOST], "::1");
	assert_string_equal(url.part[PG_URL_PORT], "6543");
	assert_string_equal(url.part[PG_URL_DBNAME], "app db");
	assert_string_equal(url.part[PG_URL_SSLMODE], "verify-full");
	assert_string_equal(url.part[PG_URL_SSLROOTCERT], "/etc/ca.pem");
	pg_url_describe(&url, &where);
	assert_string_equal(buf_text(&where), "::1:6543/app db");
	assert_int_equal(pg_url_port(&url), 6543);
	buf_clear(&where);
	pg_url_clear(&url);
	assert_null(url.part[PG_URL_PASSWORD]);
}

static void
test_pg_url_socket(void **state)
{
	struct pg_url url;

	(void)state;
	assert_int_equal(
	    pg_url_parse(
		span_of("postgres://r@/db?host=/run/postgresql"), &url, NULL),
	    0);
	assert_string_equal(url.part[PG_URL_HOST], "/run/postgresql");
	assert_null(url.part[PG_URL_PASSWORD]);
	assert_int_equal(pg_url_port(&url), 0);
}

static void
test_pg_url_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "mysql://u:p@h/db",
	    "postgres://",
	    "postgres://u@h",
	    "postgres://h/db",
	    "postgres://u:p@h:0/db",
	    "postgres://u:p@h:65536/db",
	    "postgres://u:p@h:5432x/db",
	    "postgres://u:p@h1,h2/db",
	    "postgres://u:p@[::1/db",
	    "postgres://u:p@[::1]x/db",
	    "postgres://u:%zz@h/db",
	    "postgres://u:%4",
	    "postgres://u:a%00b@h/db",
	    "postgres://u:p@h/db?options=-csearch_path%3Dx",
	    "postgres://u:p@h/db?service=x",
	    "postgres://u:p@h/db?passfile=/etc/passwd",
	    "postgres://u:p@h/db?sslmode=none",
	    "postgres://u:p@h/db?port=1&port=2",
	    "postgres://u:p@h/db?user=v",
	    "postgres://u:p@h/db?=x",
	};
	struct pg_url url;
	size_t i = 0;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = {0};

		if (pg_url_parse(span_of(bad[i]), &url, &e) != CS_E_CONFIG) {
			fail_msg("accepted: %s", bad[i]);
		}
		assert_string_equal(err_reason(&e), "DATABASE_URL_INVALID");
	}
}

static const char *
conninfo_value(const struct pg_conninfo *info, const char *keyword)
{
	const char *value = NULL;
	size_t i = 0;

	for (i = 0; info->keywords[i] != NULL; i++) {
		if (strcmp(info->keywords[i], keyword) == 0) {
			assert_null(value); /* each keyword once */
			value = info->values[i];
		}
	}
	return value;
}

static void
test_pg_conninfo(void **state)
{
	struct pg_session session = {.read_only = true,
	    .statement_timeout_ms = 1500,
	    .application_name = "countersign-mcpd"};
	struct pg_conninfo info;
	struct pg_url url;
	const char *options = NULL;

	(void)state;
	assert_int_equal(
	    pg_url_parse(span_of("postgres://u:p@db.example/app"), &url, NULL),
	    0);
	pg_conninfo_build(&url, &session, &info);
	options = conninfo_value(&info, "options");
	assert_non_null(strstr(options, "-c default_transaction_read_only=on"));
	assert_non_null(strstr(options, "-c statement_timeout=1500 "));
	assert_non_null(strstr(options, "-c search_path="));
	assert_string_equal(
	    conninfo_value(&info, "passfile"), "/dev/null/none");
	assert_string_equal(conninfo_value(&info, "port"), "5432");
	assert_string_equal(
	    conninfo_value(&info, "application_name"), "countersign-mcpd");
	session.read_only = false;
	pg_conninfo_build(&url, &session, &info);
	assert_non_null(strstr(conninfo_value(&info, "options"),
	    "default_transaction_read_only=off"));
}

static void
test_pg_tls(void **state)
{
	static const char none[] = "/dev/null/none";
	static const struct {
		const char *url;
		const char *mode;
		const char *ca;
	} rows[] = {
	    {"postgres://u:p@db.example/app", "verify-full", URL_SYSTEM_CA},
	    {"postgres://u:p@10.0.0.1/app", "verify-full", URL_SYSTEM_CA},
	    {"postgres://u:p@127.example/app", "verify-full", URL_SYSTEM_CA},
	    {"postgres://u:p@127.0.0.1/app", "prefer", none},
	    {"postgres://u:p@[::1]/app", "prefer", none},
	    {"postgres://u:p@localhost/app", "prefer", none},
	    {"postgres://u:p@%2Frun%2Fpg/app", "prefer", none},
	    {"postgres://u:p@h/app?sslmode=no-verify", "require", none},
	    {"postgres://u:p@h/app?sslmode=no-verify&sslrootcert=/c", "require",
		none},
	    {"postgres://u:p@h/app?sslmode=require", "require", none},
	    {"postgres://u:p@h/app?sslmode=require&sslrootcert=/c", "require",
		"/c"},
	    {"postgres://u:p@h/app?sslmode=verify-ca", "verify-ca",
		URL_SYSTEM_CA},
	};
	struct pg_session session = {.application_name = "test"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pg_conninfo info;
		struct pg_url url;

		assert_int_equal(
		    pg_url_parse(span_of(rows[i].url), &url, NULL), 0);
		pg_conninfo_build(&url, &session, &info);
		assert_string_equal(
		    conninfo_value(&info, "sslmode"), rows[i].mode);
		assert_string_equal(
		    conninfo_value(&info, "sslrootcert"), rows[i].ca);
		assert_string_equal(conninfo_value(&info, "sslcert"), none);
	}
}

static void
test_pg_values(void **state)
{
	static const struct {
		Oid oid;
		const char *text;
		enum scalar_kind kind;
		const char *want;
	} rows[] = {
	    {16, "t", SCALAR_BOOL, "true"},
	    {16, "f", SCALAR_BOOL, "false"},
	    {23, "-5", SCALAR_NUMBER, "-5"},
	    {26, "4294967295", SCALAR_NUMBER, "4294967295"},
	    {20, "9007199254740993", SCALAR_TEXT, "9007199254740993"},
	    {1700, "12.50", SCALAR_TEXT, "12.50"},
	    {701, "0.1", SCALAR_NUMBER, "0.1"},
	    {701, "1e+21", SCALAR_NUMBER, "1e+21"},
	    {701, "-0", SCALAR_NUMBER, "0"},
	    {700, "NaN", SCALAR_TEXT, "NaN"},
	    {701, "Infinity", SCALAR_TEXT, "Infinity"},
	    {1184, "2026-06-20 14:31:08.123456+00", SCALAR_TEXT,
		"2026-06-20T14:31:08.123456Z"},
	    {1184, "2026-06-20 14:31:08.12+00", SCALAR_TEXT,
		"2026-06-20T14:31:08.120000Z"},
	    {1184, "2026-06-20 14:31:08+00", SCALAR_TEXT,
		"2026-06-20T14:31:08Z"},
	    {1184, "infinity", SCALAR_TEXT, "infinity"},
	    {1184, "0044-03-15 00:00:00+00 BC", SCALAR_TEXT,
		"0044-03-15 00:00:00+00 BC"},
	    {1184, "12026-06-20 14:31:08+00", SCALAR_TEXT,
		"12026-06-20 14:31:08+00"},
	    {1114, "2026-06-20 14:31:08.5", SCALAR_TEXT,
		"2026-06-20T14:31:08.500000"},
	    {1114, "2026-06-20 14:31:08", SCALAR_TEXT, "2026-06-20T14:31:08"},
	    {1082, "2026-06-20", SCALAR_TEXT, "2026-06-20"},
	    {17, "\\x00ff", SCALAR_TEXT, "\\x00ff"},
	    {25, "", SCALAR_TEXT, ""},
	};
	struct arena *a = arena_new();
	struct scalar got = {0};
	size_t i = 0;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(pg_value_scalar(rows[i].oid,
				     span_of(rows[i].text), a, &got, NULL),
		    0);
		assert_int_equal(got.kind, rows[i].kind);
		assert_int_equal(got.text.len, strlen(rows[i].want));
		assert_memory_equal(got.text.ptr, rows[i].want, got.text.len);
		assert_true(scalar_is_valid(got));
	}
	assert_int_equal(
	    pg_value_scalar(25, span_of("\xff\xfe"), a, &got, NULL),
	    CS_E_INVALID);
	arena_free(&a);
}

static void
test_lite_url(void **state)
{
	static const char *const bad[] = {"sqlite:", "sqlite://host/x",
	    "sqlite:x?mode=rwc", "sqlite:a%zz", "sqlite:a%0", "sqlite:%00",
	    "sqlite::memory:", "file:x", "sqlite:x#y"};
	struct arena *a = arena_new();
	const char *path = NULL;
	size_t i = 0;

	(void)state;
	assert_int_equal(
	    lite_url_path(span_of("sqlite:///var/a%20b.db"), a, &path, NULL),
	    0);
	assert_string_equal(path, "/var/a b.db");
	assert_int_equal(
	    lite_url_path(span_of("sqlite:dev/app.db"), a, &path, NULL), 0);
	assert_string_equal(path, "dev/app.db");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(lite_url_path(span_of(bad[i]), a, &path, NULL),
		    CS_E_CONFIG);
	}
	arena_free(&a);
}

static struct scalar
lite_value(sqlite3 *db, const char *sql, struct arena *a, int *r_out)
{
	struct scalar got = {0};
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	*r_out = lite_column_scalar(stmt, 0, a, &got, NULL);
	sqlite3_finalize(stmt);
	return got;
}

static void
test_lite_values(void **state)
{
	static const struct {
		const char *sql;
		enum scalar_kind kind;
		const char *want;
	} rows[] = {
	    {"SELECT 9223372036854775807", SCALAR_NUMBER,
		"9223372036854775807"},
	    {"SELECT 1.0", SCALAR_NUMBER, "1"},
	    {"SELECT 0.1", SCALAR_NUMBER, "0.1"},
	    {"SELECT 9e999", SCALAR_TEXT, "Infinity"},
	    {"SELECT 'a'", SCALAR_TEXT, "a"},
	    {"SELECT x'00FF'", SCALAR_TEXT, "\\x00ff"},
	    {"SELECT x''", SCALAR_TEXT, "\\x"},
	    {"SELECT NULL", SCALAR_NULL, ""},
	};
	struct arena *a = arena_new();
	sqlite3 *db = NULL;
	size_t i = 0;
	int r = 0;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scalar got = lite_value(db, rows[i].sql, a, &r);

		assert_int_equal(r, 0);
		assert_int_equal(got.kind, rows[i].kind);
		assert_true(span_is(got.text, rows[i].want));
	}
	(void)lite_value(db, "SELECT CAST(x'ff' AS TEXT)", a, &r);
	assert_int_equal(r, CS_E_INVALID);
	(void)lite_value(db, "SELECT 'a' || char(0) || 'b'", a, &r);
	assert_int_equal(r, CS_E_INVALID);
	lite_close(&db);
	arena_free(&a);
}

/* A number bound to a text key must not match text that only looks like it. */
static void
test_lite_bind(void **state)
{
	static const struct {
		struct scalar key;
		int want;
	} rows[] = {
	    {{SCALAR_NUMBER, {"0", 1}}, SQLITE_DONE},
	    {{SCALAR_NUMBER, {"5", 1}}, SQLITE_ROW},
	    {{SCALAR_TEXT, {"abc", 3}}, SQLITE_ROW},
	    {{SCALAR_NULL, {"", 0}}, SQLITE_DONE},
	};
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = NULL;
	size_t i = 0;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
		"CREATE TABLE t(k TEXT); INSERT INTO t VALUES('abc'),('5')",
		NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT 1 FROM t WHERE k = ?",
			     -1, &stmt, NULL),
	    SQLITE_OK);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lite_bind_scalar(stmt, 1, rows[i].key), 0);
		assert_int_equal(sqlite3_step(stmt), rows[i].want);
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	lite_close(&db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pg_url_parts),
	    cmocka_unit_test(test_pg_url_socket),
	    cmocka_unit_test(test_pg_url_refused),
	    cmocka_unit_test(test_pg_conninfo),
	    cmocka_unit_test(test_pg_tls),
	    cmocka_unit_test(test_pg_values),
	    cmocka_unit_test(test_lite_url),
	    cmocka_unit_test(test_lite_values),
	    cmocka_unit_test(test_lite_bind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
