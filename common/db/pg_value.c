/*
 * From the text of the wire to typed scalars. Text format is used on purpose:
 * it is exact for every type and what a reviewer can read.
 */
#include "common/db/pg_value.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

/* From PostgreSQL's pg_type.dat; these numbers never change. */
enum pg_type {
	PG_BOOL = 16,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_OID = 26,
	PG_FLOAT4 = 700,
	PG_FLOAT8 = 701,
	PG_TIMESTAMP = 1114,
	PG_TIMESTAMPTZ = 1184
};

typedef int (*convert_fn)(
    struct span text, struct arena *a, struct scalar *out);

/* Kept as the server wrote it. A database with encoding SQL_ASCII can send
 * any bytes, which no JSON text may hold. */
static int
convert_text(struct span text, struct arena *a, struct scalar *out)
{
	if (!utf8_is_valid(text)) {
		return CS_E_INVALID;
	}
	*out = (struct scalar){SCALAR_TEXT, arena_span(a, text)};
	return 0;
}

static int
convert_bool(struct span text, struct arena *a, struct scalar *out)
{
	(void)a;
	*out = (struct scalar){
	    SCALAR_BOOL, span_of(span_is(text, "t") ? "true" : "false")};
	return 0;
}

/* Small integers and floats, where the double that JSON readers use is exact
 * or was one to begin with. int8 and numeric stay text. */
static int
convert_number(struct span text, struct arena *a, struct scalar *out)
{
	struct buf number = BUF_INIT;
	int r = json_number_canonical(text, &number);

	if (r == 0) {
		*out = (struct scalar){
		    SCALAR_NUMBER, arena_span(a, buf_as_span(&number))};
	}
	buf_clear(&number);
	/* NaN and infinities are no JSON numbers. */
	return r == 0 ? 0 : convert_text(text, a, out);
}

/* Does the text look like `shape`, where 0 stands for a digit? */
static bool
has_shape(struct span text, const char *shape)
{
	size_t i = 0;

	for (i = 0; shape[i] != '\0'; i++) {
		char c = '\0';

		if (i < text.len) {
			c = text.ptr[i];
		}

		if (shape[i] == '0' ? c < '0' || c > '9' : c != shape[i]) {
			return false;
		}
	}
	return true;
}

/*
 * "2026-06-20 14:31:08[.1234][+00]" in ISO form, six fraction digits or none.
 * Years before Christ or after 9999 and infinities stay the server's text.
 */
static int
convert_time(struct span text, struct arena *a, struct scalar *out,
    const char *zone, const char *suffix)
{
	size_t zone_len = strlen(zone);
	size_t digits = 0;
	char *iso = NULL;

	if (!has_shape(text, "0000-00-00 00:00:00") ||
	    text.len < 19 + zone_len ||
	    memcmp(text.ptr + text.len - zone_len, zone, zone_len) != 0) {
		return convert_text(text, a, out);
	}
	digits = text.len - zone_len - 19;
	if (digits == 1 || digits > 7 || (digits > 0 && text.ptr[19] != '.')) {
		return convert_text(text, a, out);
	}
	iso = arena_printf(a, "%.10sT%.8s%.*s%.*s%s", text.ptr, text.ptr + 11,
	    (int)digits, text.ptr + 19, digits == 0 ? 0 : (int)(7 - digits),
	    "000000", suffix);
	*out = (struct scalar){SCALAR_TEXT, span_of(iso)};
	return 0;
}

/* Without a zone: no Z, for it does not say which instant it is. */
static int
convert_timestamp(struct span text, struct arena *a, struct scalar *out)
{
	return convert_time(text, a, out, "", "");
}

/* The session runs in UTC, so +00 is the only offset there is. */
static int
convert_timestamptz(struct span text, struct arena *a, struct scalar *out)
{
	return convert_time(text, a, out, "+00", "Z");
}

static const struct {
	enum pg_type oid;
	convert_fn convert;
} conversions[] = {
    {PG_BOOL, convert_bool},
    {PG_INT2, convert_number},
    {PG_INT4, convert_number},
    {PG_OID, convert_number},
    {PG_FLOAT4, convert_number},
    {PG_FLOAT8, convert_number},
    {PG_TIMESTAMP, convert_timestamp},
    {PG_TIMESTAMPTZ, convert_timestamptz},
};

int
pg_value_scalar(Oid oid, struct span text, struct arena *a, struct scalar *out,
    struct err *e)
{
	convert_fn convert = convert_text;
	size_t i = 0;

	for (i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++) {
		if ((Oid)conversions[i].oid == oid) {
			convert = conversions[i].convert;
		}
	}
	if (convert(text, a, out) == 0) {
		return 0;
	}
	return err_set(e, CS_E_INVALID, "VALUE_UNSUPPORTED",
	    "a column holds bytes that are not UTF-8 text");
}

int
pg_result_scalar(const PGresult *result, int row, int column, struct arena *a,
    struct scalar *out, struct err *e)
{
	struct span text = {0};

	if (PQgetisnull(result, row, column)) {
		*out = (struct scalar){SCALAR_NULL, {"", 0}};
		return 0;
	}
	text.ptr = PQgetvalue(result, row, column);
	text.len = (size_t)PQgetlength(result, row, column);
	return pg_value_scalar(PQftype(result, column), text, a, out, e);
}

const char *
pg_param_text(struct scalar value, struct arena *a)
{
	if (value.kind == SCALAR_NULL) {
		return NULL;
	}
	return arena_strndup(a, value.text.ptr, value.text.len);
}
