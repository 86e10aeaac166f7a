/*
 * SQLite values by their storage class: a column may hold any of them,
 * whatever its declaration says.
 */
#include <math.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/db/lite.h"

static void
take_real(double value, struct arena *a, struct scalar *out)
{
	struct buf text = BUF_INIT;

	if (isfinite(value)) {
		struct buf canonical = BUF_INIT;

		json_number_es(value, &text);
		/* A whole REAL and the same INTEGER are one number. */
		(void)json_number_canonical(buf_as_span(&text), &canonical);
		*out = (struct scalar){
		    SCALAR_NUMBER, arena_span(a, buf_as_span(&canonical))};
		buf_clear(&canonical);
	} else {
		*out = (struct scalar){
		    SCALAR_TEXT, span_of(value > 0 ? "Infinity" : "-Infinity")};
	}
	buf_clear(&text);
}

/* The form in which PostgreSQL shows bytea, so that both read alike. */
static void
take_blob(struct span bytes, struct arena *a, struct scalar *out)
{
	char *text = arena_alloc(a, 2 * bytes.len + 3);

	text[0] = '\\';
	text[1] = 'x';
	hex_encode(bytes.ptr, bytes.len, text + 2);
	*out = (struct scalar){SCALAR_TEXT, {text, 2 * bytes.len + 2}};
}

/* Text may hold anything in SQLite; what a model and a reviewer would see
 * differently is refused. */
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

/* The bytes of the current row, valid until the next step. */
static struct span
column_bytes(sqlite3_stmt *stmt, int column)
{
	const char *bytes = sqlite3_column_blob(stmt, column);
	int len = sqlite3_column_bytes(stmt, column);

	return bytes == NULL ? span_of("") : (struct span){bytes, (size_t)len};
}

int
lite_column_scalar(sqlite3_stmt *stmt, int column, struct arena *a,
    struct scalar *out, struct err *e)
{
	*out = (struct scalar){SCALAR_NULL, {"", 0}};
	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		*out = (struct scalar){
		    SCALAR_NUMBER, span_of(arena_printf(a, "%lld",
				       sqlite3_column_int64(stmt, column)))};
		break;
	case SQLITE_FLOAT:
		take_real(sqlite3_column_double(stmt, column), a, out);
		break;
	case SQLITE_BLOB:
		take_blob(column_bytes(stmt, column), a, out);
		break;
	case SQLITE_TEXT:
		if (take_text(column_bytes(stmt, column), a, out) != 0) {
			return err_set(e, CS_E_INVALID, "VALUE_UNSUPPORTED",
			    "a column holds text that is not UTF-8");
		}
		break;
	default:
		break;
	}
	return 0;
}

/* Exact while it is an integer; anything else is a REAL, which is what
 * SQLite itself would make of the literal. */
static int
bind_number(sqlite3_stmt *stmt, int index, struct span text)
{
	char digits[400];
	int64_t whole = 0;
	double value = 0;

	if (json_int64(text, &whole) == 0) {
		return sqlite3_bind_int64(stmt, index, whole);
	}
	if (text.len >= sizeof(digits)) {
		return SQLITE_TOOBIG;
	}
	memcpy(digits, text.ptr, text.len);
	digits[text.len] = '\0';
	value = strtod(digits, NULL);
	return sqlite3_bind_double(stmt, index, value);
}

int
lite_bind_scalar(sqlite3_stmt *stmt, int index, struct scalar value)
{
	int r = SQLITE_ERROR;

	switch (value.kind) {
	case SCALAR_NULL:
		r = sqlite3_bind_null(stmt, index);
		break;
	case SCALAR_BOOL:
		r = sqlite3_bind_int(stmt, index, span_is(value.text, "true"));
		break;
	case SCALAR_NUMBER:
		r = bind_number(stmt, index, value.text);
		break;
	case SCALAR_TEXT:
		r = sqlite3_bind_text64(stmt, index,
		    value.text.ptr == NULL ? "" : value.text.ptr,
		    value.text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
		break;
	case SCALAR_KINDS:
	default:
		break;
	}
	return r == SQLITE_OK ? 0 : CS_E_INVALID;
}
