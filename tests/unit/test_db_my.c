/*
 * MySQL and MariaDB: URLs, the session's first statement, and values. What is
 * refused matters as much as what is read.
 */
#include "tests/unit/check.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/my_session.h"
#include "common/db/my_value.h"

static void
a_url_has_these_parts(void **state)
{
	struct my_url url;

	(void)state;
	assert_int_equal(
	    my_url_parse(span_of("mariadb://r%40x:p%2Fw%3a@db-1.example:6033/"
				 "app?sslmode=verify-ca&sslrootcert=/etc/"
				 "ca.pem&connect_timeout=7"),
		&url, NULL),
	    0);
	assert_string_equal(url.part[MY_URL_USER], "r@x");
	assert_string_equal(url.part[MY_URL_PASSWORD], "p/w:");
	assert_string_equal(url.part[MY_URL_HOST], "db-1.example");
	assert_string_equal(url.part[MY_URL_DATABASE], "app");
	assert_string_equal(url.part[MY_URL_SSLROOTCERT], "/etc/ca.pem");
	assert_int_equal(url.port, 6033);
	assert_int_equal(url.connect_timeout_s, 7);
	assert_int_equal(url.tls, TLS_VERIFY_CA);
	my_url_clear(&url);
	assert_null(url.part[MY_URL_PASSWORD]);
}

static void
a_server_elsewhere_is_verified_unless_the_url_says_otherwise(void **state)
{
	static const struct {
		const char *url;
		enum url_tls tls;
	} rows[] = {
	    {"mysql://u:p@db.example/app", TLS_VERIFY_FULL},
	    {"mysql://u:p@10.0.0.1/app", TLS_VERIFY_FULL},
	    {"mysql://u:p@localhost.example/app", TLS_VERIFY_FULL},
	    {"mysql://u:p@localhost/app", TLS_PREFER},
	    {"mysql://u:p@127.0.0.1.example/app", TLS_VERIFY_FULL},
	    {"mysql://u:p@127.example/app", TLS_VERIFY_FULL},
	    {"mysql://u:p@127.255.0.1/app", TLS_PREFER},
	    {"mysql://u:p@127.0.0.1/app", TLS_PREFER},
	    {"mysql://u:p@[::1]/app", TLS_PREFER},
	    {"mysql://u:p@/app", TLS_PREFER},
	    {"mysql://u:p@h/app?sslmode=disable", TLS_DISABLE},
	    {"mysql://u:p@h/app?sslmode=prefer", TLS_PREFER},
	    {"mysql://u:p@h/app?sslmode=require", TLS_REQUIRE},
	    {"mysql://u:p@h/app?sslmode=no-verify", TLS_NO_VERIFY},
	    {"mysql://u:p@localhost/app?sslmode=verify-full", TLS_VERIFY_FULL},
	};
	struct my_url url;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    my_url_parse(span_of(rows[i].url), &url, NULL), 0);
		assert_int_equal(url.tls, rows[i].tls);
		assert_int_equal(url.port, 3306);
	}
}

static void
other_urls_are_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "postgres://u:p@h/db",
	    "mysql:/u:p@h/db",
	    "mysql://",
	    "mysql://u@h",
	    "mysql://h/db",
	    "mysql://u:p@h:0/db",
	    "mysql://u:p@h:65536/db",
	    "mysql://u:p@h1,h2/db",
	    "mysql://u:p@%2Frun%2Fmysqld.sock/db",
	    "mysql://u:p@/db?host=/run/mysqld.sock",
	    "mysql://u:p@h%3Dx/db",
	    "mysql://u:p@[::1/db",
	    "mysql://u:%zz@h/db",
	    "mysql://u:a%00b@h/db",
	    "mysql://u:p@h/db?sslmode=none",
	    "mysql://u:p@h/db?sslmode=allow",
	    "mysql://u:p@h/db?connect_timeout=0",
	    "mysql://u:p@h/db?connect_timeout=x",
	    "mysql://u:p@h/db?port=1&port=2",
	    "mysql://u:p@h/db?socket=/run/mysqld.sock",
	    "mysql://u:p@h/db?read_default_file=/etc/my.cnf",
	    "mysql://u:p@h/db?init_command=x",
	    "mysql://u:p@h/db?local_infile=1",
	    "mysql://u:p@h/db?=x",
	};
	struct my_url url;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err e = {0};

		if (my_url_parse(span_of(bad[i]), &url, &e) != CS_E_CONFIG) {
			fail_msg("accepted: %s", bad[i]);
		}
		assert_string_equal(err_reason(&e), "DATABASE_URL_INVALID");
	}
}

static void
a_session_begins_with_settings_for_both_servers(void **state)
{
	struct my_session session = {
	    .statement_timeout_ms = 1500, .lock_timeout_s = 3};
	char text[MY_SETTINGS_SIZE];

	(void)state;
	my_settings(&session, text);
	assert_non_null(strstr(text, "time_zone = '+00:00'"));
	assert_non_null(strstr(text, "sql_mode = 'STRICT_ALL_TABLES,"));
	assert_non_null(strstr(text, "innodb_lock_wait_timeout = 3"));
	assert_non_null(strstr(text, "/*M! , max_statement_time = 1.500"));
	assert_non_null(strstr(
	    text, "/*!50708 , max_execution_time = 1500, wait_timeout = 7 */"));
	session.read_only = true;
	my_settings(&session, text);
	assert_non_null(
	    strstr(text, "/*!50708 , max_execution_time = 1500 */"));
}

static void
the_shape_comes_from_type_flags_and_character_set(void **state)
{
	static const struct {
		enum enum_field_types type;
		unsigned flags;
		unsigned charset;
		enum my_shape shape;
	} rows[] = {
	    {MYSQL_TYPE_TINY, 0, 63, MY_INTEGER},
	    {MYSQL_TYPE_LONGLONG, UNSIGNED_FLAG, 63, MY_UNSIGNED},
	    {MYSQL_TYPE_YEAR, UNSIGNED_FLAG, 63, MY_UNSIGNED},
	    {MYSQL_TYPE_NEWDECIMAL, UNSIGNED_FLAG, 63, MY_TEXT},
	    {MYSQL_TYPE_FLOAT, 0, 63, MY_SINGLE},
	    {MYSQL_TYPE_TIMESTAMP, 0, 63, MY_TIMESTAMP},
	    {MYSQL_TYPE_DATETIME, 0, 63, MY_DATETIME},
	    {MYSQL_TYPE_VAR_STRING, 0, 45, MY_TEXT},
	    {MYSQL_TYPE_VAR_STRING, 0, 63, MY_BYTES},
	    {MYSQL_TYPE_BLOB, 0, 45, MY_TEXT},
	    {MYSQL_TYPE_BLOB, BLOB_FLAG, 63, MY_BYTES},
	    {MYSQL_TYPE_STRING, ENUM_FLAG, 45, MY_TEXT},
	    {MYSQL_TYPE_JSON, 0, 63, MY_TEXT},
	    {MYSQL_TYPE_BIT, 0, 63, MY_BYTES},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		MYSQL_FIELD field = {.type = rows[i].type,
		    .flags = rows[i].flags,
		    .charsetnr = rows[i].charset};
		assert_int_equal(my_shape_of(&field), rows[i].shape);
	}
}

static void
assert_cell(const struct my_cell *cell, struct span bytes,
    enum scalar_kind kind, const char *want)
{
	struct arena *a = arena_new();
	struct scalar out;

	assert_int_equal(my_cell_scalar(cell, bytes, a, &out, NULL), 0);
	assert_int_equal(out.kind, kind);
	if (!span_is(out.text, want)) {
		fail_msg("%.*s instead of %s", SPAN_ARGS(out.text), want);
	}
	arena_free(&a);
}

static void
numbers_are_exact(void **state)
{
	struct my_cell c = {.shape = MY_INTEGER};

	(void)state;
	c.as.integer = 9007199254740993;
	assert_cell(&c, span_of(""), SCALAR_NUMBER, "9007199254740993");
	c.as.integer = INT64_MIN;
	assert_cell(&c, span_of(""), SCALAR_NUMBER, "-9223372036854775808");
	c.shape = MY_UNSIGNED;
	c.as.integer = INT64_MAX;
	assert_cell(&c, span_of(""), SCALAR_NUMBER, "9223372036854775807");
	c.as.integer = -1;
	assert_cell(&c, span_of(""), SCALAR_TEXT, "18446744073709551615");
	c.shape = MY_DOUBLE;
	c.as.real = 0.1;
	assert_cell(&c, span_of(""), SCALAR_NUMBER, "0.1");
	c.as.real = 20;
	assert_cell(&c, span_of(""), SCALAR_NUMBER, "20");
	c.shape = MY_SINGLE;
	c.as.single = 0.1F;
	assert_cell(&c, span_of(""), SCALAR_NUMBER, "0.1");
	c.as.single = 16777216.0F;
	assert_cell(&c, span_of(""), SCALAR_NUMBER, "16777216");
	c.as.single = -0.0F;
	assert_cell(&c, span_of(""), SCALAR_NUMBER, "0");
	c.shape = MY_TEXT;
	assert_cell(&c, span_of("12.50"), SCALAR_TEXT, "12.50");
	c.is_null = 1;
	assert_cell(&c, span_of(""), SCALAR_NULL, "");
}

static void
times_have_one_spelling(void **state)
{
	struct my_cell c = {.shape = MY_TIMESTAMP,
	    .as.time = {.year = 2026,
		.month = 6,
		.day = 20,
		.hour = 14,
		.minute = 31,
		.second = 8}};

	(void)state;
	assert_cell(&c, span_of(""), SCALAR_TEXT, "2026-06-20T14:31:08Z");
	c.as.time.second_part = 120;
	assert_cell(
	    &c, span_of(""), SCALAR_TEXT, "2026-06-20T14:31:08.000120Z");
	c.shape = MY_DATETIME;
	assert_cell(&c, span_of(""), SCALAR_TEXT, "2026-06-20T14:31:08.000120");
	c.shape = MY_DATE;
	assert_cell(&c, span_of(""), SCALAR_TEXT, "2026-06-20");
	c = (struct my_cell){.shape = MY_TIME_OF_DAY,
	    .as.time = {.hour = 838, .minute = 59, .second = 59, .neg = 1}};
	assert_cell(&c, span_of(""), SCALAR_TEXT, "-838:59:59");
}

static void
text_is_utf8_without_nul_and_bytes_are_hexadecimal(void **state)
{
	static const struct span bad[] = {{"a\0b", 3}, {"\xff", 1}};
	struct my_cell c = {.shape = MY_BYTES};
	struct arena *a = arena_new();

	(void)state;
	assert_cell(&c, (struct span){"\0\xff", 2}, SCALAR_TEXT, "\\x00ff");
	assert_cell(&c, span_of(""), SCALAR_TEXT, "\\x");
	c.shape = MY_TEXT;
	assert_cell(&c, span_of("\xc3\xa9"), SCALAR_TEXT, "\xc3\xa9");
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct scalar out;
		struct err e = {0};

		assert_int_equal(
		    my_cell_scalar(&c, bad[i], a, &out, &e), CS_E_INVALID);
		assert_string_equal(err_reason(&e), "VALUE_UNSUPPORTED");
	}
	arena_free(&a);
}

static void
only_an_integer_for_an_integer_column_is_bound_as_one(void **state)
{
	static const struct scalar values[] = {
	    {SCALAR_NUMBER, {"0", 1}},
	    {SCALAR_NUMBER, {"0", 1}},
	    {SCALAR_TEXT, {"9007199254740993", 16}},
	    {SCALAR_TEXT, {"5abc", 4}},
	    {SCALAR_TEXT, {"2026-06-20T14:31:08Z", 20}},
	    {SCALAR_TEXT, {"2026-06-20T14:31:08Z", 20}},
	    {SCALAR_BOOL, {"true", 4}},
	    {SCALAR_NULL, {"", 0}},
	};
	static const enum my_shape shapes[] = {MY_TEXT, MY_INTEGER, MY_INTEGER,
	    MY_INTEGER, MY_TIMESTAMP, MY_TEXT, MY_TEXT, MY_TEXT};
	static const enum enum_field_types types[] = {MYSQL_TYPE_STRING,
	    MYSQL_TYPE_LONGLONG, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_STRING,
	    MYSQL_TYPE_STRING, MYSQL_TYPE_STRING, MYSQL_TYPE_STRING,
	    MYSQL_TYPE_NULL};
	struct arena *a = arena_new();
	MYSQL_BIND *b = my_params_bind(values, shapes, COUNT(values), a);
	long long integer = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		assert_int_equal(b[i].buffer_type, types[i]);
	}
	memcpy(&integer, b[2].buffer, sizeof(integer));
	assert_true(integer == 9007199254740993);
	assert_string_equal(b[4].buffer, "2026-06-20T14:31:08");
	assert_string_equal(b[5].buffer, "2026-06-20T14:31:08Z");
	assert_string_equal(b[6].buffer, "1");
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_url_has_these_parts),
	    cmocka_unit_test(
		a_server_elsewhere_is_verified_unless_the_url_says_otherwise),
	    cmocka_unit_test(other_urls_are_refused),
	    cmocka_unit_test(a_session_begins_with_settings_for_both_servers),
	    cmocka_unit_test(the_shape_comes_from_type_flags_and_character_set),
	    cmocka_unit_test(numbers_are_exact),
	    cmocka_unit_test(times_have_one_spelling),
	    cmocka_unit_test(
		text_is_utf8_without_nul_and_bytes_are_hexadecimal),
	    cmocka_unit_test(
		only_an_integer_for_an_integer_column_is_bound_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
