/*
 * Values: exact texts, compared and hashed as the writer does it (engine.md
 * §4.3, docs/values.md).
 */
#include "common/base/arena.h"
#include "common/contract/rules.h"
#include "common/crypto/digest.h"
#include "kit/c/internal.h"

/* The two enumerations have one order; the copy ends with a NUL. */
struct cs_handler_value
kit_value(struct scalar s, struct arena *a)
{
	if (s.kind == SCALAR_NULL) {
		return (struct cs_handler_value){CS_HANDLER_NULL, NULL};
	}
	return (struct cs_handler_value){(enum cs_handler_kind)s.kind,
	    arena_strndup(a, s.text.ptr, s.text.len)};
}

struct scalar
kit_scalar(struct cs_handler_value v)
{
	return v.kind == CS_HANDLER_NULL
		   ? (struct scalar){SCALAR_NULL, {"", 0}}
		   : (struct scalar){(enum scalar_kind)v.kind, span_of(v.text)};
}

/* Moments as moments, all else as text without the blanks around it. A NULL
 * is a version of its own: it is what the reviewer saw. */
bool
kit_version_equal(struct cs_handler_value a, struct cs_handler_value b)
{
	if (a.kind == CS_HANDLER_NULL || b.kind == CS_HANDLER_NULL) {
		return a.kind == b.kind;
	}
	return rules_version_equal(span_of(a.text), span_of(b.text));
}

/* The entry of this name, or NULL. */
static const struct cs_handler_field *
field(const struct cs_handler_field *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, name) == 0) {
			return &list[i];
		}
	}
	return NULL;
}

/* The same bytes as the reader hashed: JSON.stringify of the reviewed columns,
 * in their order, with the values that the row has now. */
const char *
kit_row_hash(const struct cs_handler_field *columns, size_t count,
    const struct cs_handler_field *row, size_t row_count, struct arena *a)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	char hash[DIGEST_TEXT_SIZE];
	const struct cs_handler_field *f = NULL;
	size_t i;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	for (i = 0; i < count; i++) {
		f = field(row, row_count, columns[i].name);
		if (f == NULL) {
			break;
		}
		json_key(&j, f->name);
		scalar_put(&j, kit_scalar(f->value));
	}
	json_close(&j, '}');
	digest_text(buf_as_span(&text), hash);
	buf_clear(&text);
	return i == count ? arena_strndup(a, hash, strlen(hash)) : NULL;
}

struct cs_handler_value
cs_handler_text(const char *text)
{
	return (struct cs_handler_value){
	    text == NULL ? CS_HANDLER_NULL : CS_HANDLER_TEXT, text};
}

struct cs_handler_value
cs_handler_int(struct cs_handler_tx *tx, int64_t value)
{
	return (struct cs_handler_value){CS_HANDLER_NUMBER,
	    arena_printf(tx->memory->arena, "%lld", (long long)value)};
}

struct cs_handler_value
cs_handler_get(
    const struct cs_handler_field *list, size_t count, const char *name)
{
	const struct cs_handler_field *f = field(list, count, name);

	return f != NULL ? f->value
			 : (struct cs_handler_value){CS_HANDLER_NULL, NULL};
}

/* Also of a text: that is how bigint and decimals come. */
int
cs_handler_get_int(const struct cs_handler_field *list, size_t count,
    const char *name, int64_t *out)
{
	struct cs_handler_value v = cs_handler_get(list, count, name);

	if ((v.kind != CS_HANDLER_NUMBER && v.kind != CS_HANDLER_TEXT) ||
	    json_int64(span_of(v.text), out) != 0) {
		return CS_HANDLER_E_INVALID;
	}
	return 0;
}
