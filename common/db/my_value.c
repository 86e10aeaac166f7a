#include "common/db/my_value.h"

#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"

/* The number that the protocol has for "binary" instead of a character set. */
#define CHARSET_BINARY 63

/* Numbers and times are "binary", too, so types come first. */
static const struct {
	enum enum_field_types type;
	enum my_shape shape;
} shapes_by_type[] = {
    {MYSQL_TYPE_TINY, MY_INTEGER},
    {MYSQL_TYPE_SHORT, MY_INTEGER},
    {MYSQL_TYPE_INT24, MY_INTEGER},
    {MYSQL_TYPE_LONG, MY_INTEGER},
    {MYSQL_TYPE_LONGLONG, MY_INTEGER},
    {MYSQL_TYPE_YEAR, MY_INTEGER},
    {MYSQL_TYPE_FLOAT, MY_SINGLE},
    {MYSQL_TYPE_DOUBLE, MY_DOUBLE},
    {MYSQL_TYPE_DECIMAL, MY_TEXT},
    {MYSQL_TYPE_NEWDECIMAL, MY_TEXT},
    {MYSQL_TYPE_DATE, MY_DATE},
    {MYSQL_TYPE_NEWDATE, MY_DATE},
    {MYSQL_TYPE_TIME, MY_TIME_OF_DAY},
    {MYSQL_TYPE_DATETIME, MY_DATETIME},
    {MYSQL_TYPE_TIMESTAMP, MY_TIMESTAMP},
    {MYSQL_TYPE_JSON, MY_TEXT},
    {MYSQL_TYPE_NULL, MY_TEXT},
    {MYSQL_TYPE_BIT, MY_BYTES},
    {MYSQL_TYPE_GEOMETRY, MY_BYTES},
};

enum my_shape
my_shape_of(const MYSQL_FIELD *field)
{
	size_t count = sizeof(shapes_by_type) / sizeof(shapes_by_type[0]);

	for (size_t i = 0; i < count; i++) {
		if (shapes_by_type[i].type == field->type) {
			return shapes_by_type[i].shape == MY_INTEGER &&
				       (field->flags & UNSIGNED_FLAG) != 0
				   ? MY_UNSIGNED
				   : shapes_by_type[i].shape;
		}
	}
	return field->charsetnr == CHARSET_BINARY ? MY_BYTES : MY_TEXT;
}

/* What no JSON text may hold, or a reviewer would not see, is refused. */
static int
take_text(struct span text, struct arena *a, struct scalar *out)
{
	if (!utf8_is_valid(text) ||
	    (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)) {
		return CS_E_INVALID;
	}
	*out = (struct scalar){SCALAR_TEXT, arena_span(a, text)};
	return 0;
}

/* As PostgreSQL shows bytea, so that all engines read alike. */
static void
take_bytes(struct span bytes, struct arena *a, struct scalar *out)
{
	char *text = arena_alloc(a, 2 * bytes.len + 3);

	text[0] = '\\';
	text[1] = 'x';
	hex_encode(bytes.ptr, bytes.len, text + 2);
	*out = (struct scalar){SCALAR_TEXT, {text, 2 * bytes.len + 2}};
}

/* Beyond 63 bits a number would not be exact any more: text. */
static void
take_integer(const struct my_cell *cell, struct arena *a, struct scalar *out)
{
	bool fits = cell->shape == MY_INTEGER || cell->as.integer >= 0;
	const char *text =
	    cell->shape == MY_INTEGER
		? arena_printf(a, "%lld", cell->as.integer)
		: arena_printf(a, "%llu", (unsigned long long)cell->as.integer);

	*out =
	    (struct scalar){fits ? SCALAR_NUMBER : SCALAR_TEXT, span_of(text)};
}

/* The shortest text that reads back as the same float or double. */
static void
take_real(const struct my_cell *cell, struct arena *a, struct scalar *out)
{
	struct buf canonical = BUF_INIT;
	struct buf raw = BUF_INIT;
	char digits[32];
	int precision = 6;

	if (cell->shape == MY_DOUBLE) {
		json_number_es(cell->as.real, &raw);
	} else {
		do {
			(void)snprintf(digits, sizeof(digits), "%.*g",
			    precision, (double)cell->as.single);
		} while (strtof(digits, NULL) != cell->as.single &&
			 ++precision <= 9);
		buf_puts(&raw, digits);
	}
	/* Neither server stores infinities or NaN; if one ever came, it is no
	 * number. */
	if (json_number_canonical(buf_as_span(&raw), &canonical) == 0) {
		*out = (struct scalar){
		    SCALAR_NUMBER, arena_span(a, buf_as_span(&canonical))};
	} else {
		*out = (struct scalar){
		    SCALAR_TEXT, arena_span(a, buf_as_span(&raw))};
	}
	buf_clear(&canonical);
	buf_clear(&raw);
}

/* Six fraction digits or none, as for every engine. */
static const char *
fraction(const MYSQL_TIME *t, struct arena *a)
{
	return t->second_part == 0 ? ""
				   : arena_printf(a, ".%06lu", t->second_part);
}

static void
take_time(const struct my_cell *cell, struct arena *a, struct scalar *out)
{
	const MYSQL_TIME *t = &cell->as.time;
	const char *text = NULL;

	if (cell->shape == MY_DATE) {
		text = arena_printf(
		    a, "%04u-%02u-%02u", t->year, t->month, t->day);
	} else if (cell->shape == MY_TIME_OF_DAY) {
		text = arena_printf(a, "%s%02u:%02u:%02u%s", t->neg ? "-" : "",
		    t->day * 24 + t->hour, t->minute, t->second,
		    fraction(t, a));
	} else {
		text = arena_printf(a, "%04u-%02u-%02uT%02u:%02u:%02u%s%s",
		    t->year, t->month, t->day, t->hour, t->minute, t->second,
		    fraction(t, a), cell->shape == MY_TIMESTAMP ? "Z" : "");
	}
	*out = (struct scalar){SCALAR_TEXT, span_of(text)};
}

int
my_cell_scalar(const struct my_cell *cell, struct span bytes, struct arena *a,
    struct scalar *out, struct err *e)
{
	int rc = 0;

	*out = (struct scalar){SCALAR_NULL, {"", 0}};
	if (cell->is_null) {
		return 0;
	}
	switch (cell->shape) {
	case MY_BYTES:
		take_bytes(bytes, a, out);
		break;
	case MY_INTEGER:
	case MY_UNSIGNED:
		take_integer(cell, a, out);
		break;
	case MY_SINGLE:
	case MY_DOUBLE:
		take_real(cell, a, out);
		break;
	case MY_DATE:
	case MY_TIME_OF_DAY:
	case MY_DATETIME:
	case MY_TIMESTAMP:
		take_time(cell, a, out);
		break;
	case MY_TEXT:
	default:
		rc = take_text(bytes, a, out);
		break;
	}
	return rc == 0 ? 0
		       : err_set(e, CS_E_INVALID, "VALUE_UNSUPPORTED",
			     "a column holds text that is not UTF-8");
}

/* Point the driver to where a column's value goes; texts are fetched when
 * their length is known. */
static void
bind_cell(struct my_cell *cell, MYSQL_BIND *bind)
{
	bind->is_null = &cell->is_null;
	bind->length = &cell->length;
	bind->buffer = &cell->as;
	switch (cell->shape) {
	case MY_INTEGER:
	case MY_UNSIGNED:
		bind->buffer_type = MYSQL_TYPE_LONGLONG;
		bind->is_unsigned = cell->shape == MY_UNSIGNED ? 1 : 0;
		break;
	case MY_SINGLE:
		bind->buffer_type = MYSQL_TYPE_FLOAT;
		break;
	case MY_DOUBLE:
		bind->buffer_type = MYSQL_TYPE_DOUBLE;
		break;
	case MY_DATE:
		bind->buffer_type = MYSQL_TYPE_DATE;
		break;
	case MY_TIME_OF_DAY:
		bind->buffer_type = MYSQL_TYPE_TIME;
		break;
	case MY_DATETIME:
	case MY_TIMESTAMP:
		bind->buffer_type = MYSQL_TYPE_DATETIME;
		break;
	case MY_TEXT:
	case MY_BYTES:
	default:
		bind->buffer_type = cell->shape == MY_BYTES ? MYSQL_TYPE_BLOB
							    : MYSQL_TYPE_STRING;
		bind->buffer = NULL;
		bind->buffer_length = 0;
		break;
	}
}

/* The bytes of a text column of the current row. */
static int
fetch_bytes(MYSQL_STMT *stmt, unsigned column, const struct my_cell *cell,
    struct arena *a, struct span *out)
{
	unsigned long length = 0;
	my_bool is_null = 0;
	MYSQL_BIND bind = {.buffer_length = cell->length,
	    .length = &length,
	    .is_null = &is_null,
	    .buffer_type =
		cell->shape == MY_BYTES ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING};

	*out = (struct span){"", 0};
	if (cell->is_null || cell->length == 0) {
		return 0;
	}
	bind.buffer = arena_alloc(a, cell->length + 1);
	if (mysql_stmt_fetch_column(stmt, &bind, column, 0) != 0 ||
	    length != cell->length) {
		return CS_E_IO;
	}
	*out = (struct span){bind.buffer, length};
	return 0;
}

static int
take_row(MYSQL_STMT *stmt, const struct my_cell *cells, struct arena *a,
    struct my_rows *out, struct err *e)
{
	struct scalar *row = &out->values[out->rows * out->columns];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < out->columns; i++) {
		struct span bytes = {"", 0};

		if (cells[i].shape == MY_TEXT || cells[i].shape == MY_BYTES) {
			rc = fetch_bytes(stmt, i, &cells[i], a, &bytes);
		}
		rc = rc != 0 ? err_set(e, rc, NULL, "the driver lost a value")
			     : my_cell_scalar(&cells[i], bytes, a, &row[i], e);
	}
	out->rows += rc == 0 ? 1 : 0;
	return rc;
}

/* Cells for the columns of the result, bound to the statement. */
static struct my_cell *
bind_columns(MYSQL_STMT *stmt, size_t columns, struct arena *a)
{
	MYSQL_RES *fields = mysql_stmt_result_metadata(stmt);
	struct my_cell *cells = arena_array(a, columns + 1, sizeof(*cells));
	MYSQL_BIND *binds = arena_array(a, columns + 1, sizeof(*binds));
	bool ok = fields != NULL;

	for (unsigned i = 0; ok && i < columns; i++) {
		cells[i].shape =
		    my_shape_of(mysql_fetch_field_direct(fields, i));
		bind_cell(&cells[i], &binds[i]);
	}
	ok = ok && mysql_stmt_bind_result(stmt, binds) == 0;
	mysql_free_result(fields);
	return ok ? cells : NULL;
}

int
my_rows_take(MYSQL_STMT *stmt, size_t max, struct arena *a, struct my_rows *out,
    struct err *e)
{
	struct my_cell *cells = NULL;
	int rc = 0;

	*out = (struct my_rows){.columns = mysql_stmt_field_count(stmt),
	    .total = (size_t)mysql_stmt_num_rows(stmt)};
	cells = bind_columns(stmt, out->columns, a);
	if (cells == NULL) {
		return err_set(e, CS_E_IO, NULL, "the driver lost the result");
	}
	out->values =
	    arena_array(a, max * out->columns + 1, sizeof(*out->values));
	while (rc == 0 && out->rows < max && out->rows < out->total) {
		int fetched = mysql_stmt_fetch(stmt);

		rc = fetched == 0 || fetched == MYSQL_DATA_TRUNCATED
			 ? take_row(stmt, cells, a, out, e)
			 : err_set(e, CS_E_IO, NULL, "the driver lost a row");
	}
	return rc;
}

/* "2026-06-20T14:31:08Z" without its last letter. */
static struct span
without_zone(struct span text)
{
	if (text.len > 19 && text.ptr[4] == '-' && text.ptr[13] == ':' &&
	    (text.ptr[text.len - 1] == 'Z' || text.ptr[text.len - 1] == 'z')) {
		text.len--;
	}
	return text;
}

/* An integer, exactly, in *out (8 bytes); false if the text is none. */
static bool
as_integer(struct span text, long long *out)
{
	int64_t value = 0;

	if (json_int64(text, &value) != 0) {
		return false;
	}
	*out = value;
	return true;
}

static void
bind_text(MYSQL_BIND *bind, struct span text, struct arena *a)
{
	bind->buffer_type = MYSQL_TYPE_STRING;
	bind->buffer = arena_strndup(a, text.ptr, text.len);
	bind->buffer_length = text.len;
}

static void
bind_param(
    MYSQL_BIND *bind, struct scalar value, enum my_shape shape, struct arena *a)
{
	long long *integer = NULL;

	if (value.kind == SCALAR_NULL) {
		bind->buffer_type = MYSQL_TYPE_NULL;
		return;
	}
	if (value.kind == SCALAR_BOOL) {
		value.text = span_of(span_is(value.text, "true") ? "1" : "0");
	}
	if (shape == MY_INTEGER || shape == MY_UNSIGNED) {
		integer = arena_alloc(a, sizeof(*integer));
		if (as_integer(value.text, integer)) {
			bind->buffer_type = MYSQL_TYPE_LONGLONG;
			bind->buffer = integer;
			return;
		}
	}
	if (shape == MY_DATETIME || shape == MY_TIMESTAMP) {
		value.text = without_zone(value.text);
	}
	bind_text(bind, value.text, a);
}

MYSQL_BIND *
my_params_bind(const struct scalar *values, const enum my_shape *shapes,
    size_t count, struct arena *a)
{
	MYSQL_BIND *binds = arena_array(a, count + 1, sizeof(*binds));

	for (size_t i = 0; i < count; i++) {
		bind_param(&binds[i], values[i],
		    shapes == NULL ? MY_TEXT : shapes[i], a);
	}
	return binds;
}
