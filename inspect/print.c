#include "inspect/print.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/json_out.h"
#include "common/base/str.h"
#include "inspect/suggest.h"

static const char note[] =
    "Only metadata was read, no rows. Classifications are suggestions from "
    "names and types: review them.";

#define FIRST_ROOM 64

/* One table while its object is written. */
struct writer {
	struct json_out j;
	const struct catalog *c;
	struct arena *arena;
	const char *const *table;   /* its row in SET_TABLES */
	size_t start[CATALOG_SETS]; /* where the last table's rows ended */
	size_t at[CATALOG_SETS], end[CATALOG_SETS]; /* rows of this table */
};

const char *
catalog_cell(struct arena *a, struct span text)
{
	struct buf escaped = BUF_INIT;
	const char *copy = NULL;

	if (utf8_is_valid(text) &&
	    (text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL)) {
		return arena_span(a, text).ptr;
	}
	str_escape_for_people(&escaped, text);
	copy = arena_span(a, buf_as_span(&escaped)).ptr;
	buf_clear(&escaped);
	return copy;
}

/* Doubles at powers of two: the count tells when it is full. */
const char **
catalog_add(struct rows *rows, size_t columns, struct arena *a)
{
	size_t n = rows->count;

	if (n >= CATALOG_MAX_ROWS) {
		return NULL;
	}
	if (n == 0 || (n >= FIRST_ROOM && (n & (n - 1)) == 0)) {
		size_t room = n == 0 ? FIRST_ROOM : 2 * n;
		const char **cells =
		    arena_array(a, room * columns, sizeof(*cells));

		if (n > 0) {
			memcpy(
			    cells, rows->cells, n * columns * sizeof(*cells));
		}
		rows->cells = cells;
		rows->columns = columns;
	}
	rows->count++;
	return rows->cells + n * columns;
}

int
catalog_too_large(struct err *e)
{
	return err_set(e, CS_E_TOO_LARGE, "SCHEMA_TOO_LARGE",
	    "the schema has more than %d columns; name one schema with "
	    "--schema",
	    CATALOG_MAX_ROWS);
}

static const char *const *
row_of(const struct writer *w, enum catalog_set set, size_t row)
{
	const struct rows *rows = &w->c->set[set];

	return rows->cells + row * rows->columns;
}

static bool
is_ours(const struct writer *w, enum catalog_set set, size_t row)
{
	const char *const *cells = row_of(w, set, row);

	return strcmp(cells[CELL_TABLE], w->table[CELL_TABLE]) == 0 &&
	       strcmp(cells[CELL_SCHEMA], w->table[CELL_SCHEMA]) == 0;
}

/* Rows of one table stand together, mostly in the order of the tables. */
static void
find_rows(struct writer *w, enum catalog_set set)
{
	size_t count = w->c->set[set].count;
	size_t at = w->start[set];

	if (at >= count || !is_ours(w, set, at)) {
		at = 0;
		while (at < count && !is_ours(w, set, at)) {
			at++;
		}
	}
	w->at[set] = at;
	while (at < count && is_ours(w, set, at)) {
		at++;
	}
	w->end[set] = at;
	w->start[set] = at > w->at[set] ? at : w->start[set];
}

static bool
is_set(const char *cell)
{
	return cell != NULL && cell[0] == '1';
}

static bool
is_in_key(const struct writer *w, const char *column)
{
	for (size_t i = w->at[SET_KEYS]; i < w->end[SET_KEYS]; i++) {
		const char *const *key = row_of(w, SET_KEYS, i);
		if (key[KEY_KIND][0] == 'p' &&
		    strcmp(key[KEY_COLUMN], column) == 0) {
			return true;
		}
	}
	return false;
}

static void
look_at(const struct writer *w, size_t row, struct suggested *out)
{
	const char *const *c = row_of(w, SET_COLUMNS, row);

	suggest_column(c[COLUMN_NAME], c[COLUMN_TYPE], c[COLUMN_DETAIL],
	    is_in_key(w, c[COLUMN_NAME]), out);
}

static void
put_column(struct writer *w, size_t row)
{
	const char *const *c = row_of(w, SET_COLUMNS, row);
	struct suggested s;
	struct json_out *j = &w->j;

	look_at(w, row, &s);
	json_open(j, '{');
	json_field_text(j, "name", c[COLUMN_NAME]);
	json_field_text(j, "data_type", c[COLUMN_TYPE]);
	json_field_bool(j, "nullable", is_set(c[COLUMN_NULLABLE]));
	if (c[COLUMN_DEFAULT] != NULL) {
		json_field_text(j, "default", c[COLUMN_DEFAULT]);
	}
	json_field_bool(j, "generated", is_set(c[COLUMN_GENERATED]));
	json_field_raw(j, "ordinal_position", span_of(c[COLUMN_ORDINAL]));
	if (c[COLUMN_COMMENT] != NULL) {
		json_field_text(j, "comment", c[COLUMN_COMMENT]);
	}
	json_key(j, "suggestions");
	json_open(j, '{');
	for (int i = 0; i < SUGGESTIONS; i++) {
		json_field_bool(
		    j, suggest_name((enum suggestion)i), s.why[i] != NULL);
	}
	json_close(j, '}');
	json_close(j, '}');
}

/* Is this row the first of a constraint or an index? */
static bool
begins_group(const struct writer *w, enum catalog_set set, size_t row)
{
	return row == w->at[set] || strcmp(row_of(w, set, row)[KEY_NAME],
					row_of(w, set, row - 1)[KEY_NAME]) != 0;
}

/* A cell of every row of the group that begins at `row`, as a list. */
static void
put_group(struct writer *w, const char *key, enum catalog_set set, size_t row,
    size_t cell)
{
	json_key(&w->j, key);
	json_open(&w->j, '[');
	do {
		json_put_text(&w->j, row_of(w, set, row)[cell]);
		row++;
	} while (row < w->end[set] && !begins_group(w, set, row));
	json_close(&w->j, ']');
}

static void
put_keys(struct writer *w)
{
	struct json_out *j = &w->j;

	json_key(j, "primary_key");
	json_open(j, '[');
	for (size_t i = w->at[SET_KEYS]; i < w->end[SET_KEYS]; i++) {
		if (row_of(w, SET_KEYS, i)[KEY_KIND][0] == 'p') {
			json_put_text(j, row_of(w, SET_KEYS, i)[KEY_COLUMN]);
		}
	}
	json_close(j, ']');
	json_key(j, "unique_constraints");
	json_open(j, '[');
	for (size_t i = w->at[SET_KEYS]; i < w->end[SET_KEYS]; i++) {
		const char *const *key = row_of(w, SET_KEYS, i);
		if (key[KEY_KIND][0] == 'u' && begins_group(w, SET_KEYS, i)) {
			json_open(j, '{');
			json_field_text(j, "name", key[KEY_NAME]);
			put_group(w, "columns", SET_KEYS, i, KEY_COLUMN);
			json_close(j, '}');
		}
	}
	json_close(j, ']');
}

static void
put_foreign_keys(struct writer *w)
{
	struct json_out *j = &w->j;

	json_key(j, "foreign_keys");
	json_open(j, '[');
	for (size_t i = w->at[SET_FOREIGN]; i < w->end[SET_FOREIGN]; i++) {
		const char *const *f = row_of(w, SET_FOREIGN, i);
		if (!begins_group(w, SET_FOREIGN, i)) {
			continue;
		}
		json_open(j, '{');
		json_field_text(j, "name", f[FOREIGN_NAME]);
		put_group(w, "columns", SET_FOREIGN, i, FOREIGN_COLUMN);
		json_field_text(j, "referenced_schema", f[FOREIGN_TO_SCHEMA]);
		json_field_text(j, "referenced_table", f[FOREIGN_TO_TABLE]);
		put_group(
		    w, "referenced_columns", SET_FOREIGN, i, FOREIGN_TO_COLUMN);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Does every part of the index that begins at `row` name a column? */
static bool
has_columns(const struct writer *w, size_t row)
{
	do {
		if (row_of(w, SET_INDEXES, row)[INDEX_COLUMN] == NULL) {
			return false;
		}
		row++;
	} while (
	    row < w->end[SET_INDEXES] && !begins_group(w, SET_INDEXES, row));
	return true;
}

static void
put_indexes(struct writer *w)
{
	struct json_out *j = &w->j;

	json_key(j, "indexes");
	json_open(j, '[');
	for (size_t i = w->at[SET_INDEXES]; i < w->end[SET_INDEXES]; i++) {
		const char *const *x = row_of(w, SET_INDEXES, i);
		if (!begins_group(w, SET_INDEXES, i)) {
			continue;
		}
		json_open(j, '{');
		json_field_text(j, "name", x[INDEX_NAME]);
		if (has_columns(w, i)) {
			put_group(w, "columns", SET_INDEXES, i, INDEX_COLUMN);
		}
		json_field_bool(j, "unique", is_set(x[INDEX_UNIQUE]));
		if (x[INDEX_DEFINITION] != NULL) {
			json_field_text(j, "definition", x[INDEX_DEFINITION]);
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* The columns that were taken for this, or for none of the hidden kinds. */
static void
put_suggested(struct writer *w, const char *key, int which)
{
	struct suggested s;

	json_key(&w->j, key);
	json_open(&w->j, '[');
	for (size_t i = w->at[SET_COLUMNS]; i < w->end[SET_COLUMNS]; i++) {
		look_at(w, i, &s);
		if (which < SUGGESTIONS ? s.why[which] != NULL
					: s.why[SUGGEST_SENSITIVE] == NULL &&
					      s.why[SUGGEST_BINARY] == NULL) {
			json_put_text(
			    &w->j, row_of(w, SET_COLUMNS, i)[COLUMN_NAME]);
		}
	}
	json_close(&w->j, ']');
}

static void
put_reason(
    struct json_out *j, const char *column, const char *role, const char *why)
{
	if (why != NULL) {
		json_open(j, '{');
		json_field_text(j, "column", column);
		json_field_text(j, "suggestion", role);
		json_field_text(j, "reason", why);
		json_close(j, '}');
	}
}

static void
put_reasons(struct writer *w)
{
	static const enum suggestion told[] = {SUGGEST_TENANT, SUGGEST_CONFLICT,
	    SUGGEST_SENSITIVE, SUGGEST_BINARY};
	struct json_out *j = &w->j;
	struct suggested s;

	json_key(j, "reasons");
	json_open(j, '[');
	for (size_t i = w->at[SET_COLUMNS]; i < w->end[SET_COLUMNS]; i++) {
		const char *name = row_of(w, SET_COLUMNS, i)[COLUMN_NAME];

		look_at(w, i, &s);
		put_reason(j, name, "key",
		    is_in_key(w, name) ? "it is in the primary key" : NULL);
		for (size_t k = 0; k < sizeof(told) / sizeof(told[0]); k++) {
			put_reason(
			    j, name, suggest_name(told[k]), s.why[told[k]]);
		}
	}
	json_close(j, ']');
}

static void
put_table(struct writer *w, bool brief)
{
	struct json_out *j = &w->j;
	bool is_view = strcmp(w->table[TABLE_KIND], "view") == 0;

	json_open(j, '{');
	json_field_text(j, "schema", w->table[CELL_SCHEMA]);
	json_field_text(j, "name", w->table[CELL_TABLE]);
	json_field_text(j, "type", is_view ? "view" : "table");
	json_field_bool(j, "writable", !is_view);
	if (w->table[TABLE_COMMENT] != NULL) {
		json_field_text(j, "comment", w->table[TABLE_COMMENT]);
	}
	json_key(j, "columns");
	json_open(j, '[');
	for (size_t i = w->at[SET_COLUMNS]; !brief && i < w->end[SET_COLUMNS];
	     i++) {
		put_column(w, i);
	}
	json_close(j, ']');
	put_keys(w);
	if (!brief) {
		put_foreign_keys(w);
		put_indexes(w);
	}
	json_key(j, "suggestions");
	json_open(j, '{');
	put_suggested(w, "tenant_columns", SUGGEST_TENANT);
	put_suggested(w, "conflict_columns", SUGGEST_CONFLICT);
	put_suggested(w, "sensitive_columns", SUGGEST_SENSITIVE);
	put_suggested(w, "default_visible_columns", SUGGESTIONS);
	put_reasons(w);
	json_close(j, '}');
	json_close(j, '}');
}

/* Is the table in the list "name,schema.name"? */
static bool
is_wanted(const char *list, const char *const *table)
{
	while (list != NULL && *list != '\0') {
		struct span word = {list, strcspn(list, ",")};
		size_t schema = strlen(table[CELL_SCHEMA]);

		list += word.len + (list[word.len] == ',');
		if (span_is(word, table[CELL_TABLE]) ||
		    (word.len > schema && word.ptr[schema] == '.' &&
			span_is((struct span){word.ptr, schema},
			    table[CELL_SCHEMA]) &&
			span_is((struct span){word.ptr + schema + 1,
				    word.len - schema - 1},
			    table[CELL_TABLE]))) {
			return true;
		}
	}
	return false;
}

static void
put_head(struct writer *w)
{
	const struct rows *schemas = &w->c->set[SET_SCHEMAS];
	struct json_out *j = &w->j;
	char now[CLOCK_TEXT_SIZE];

	clock_format(clock_now_us(), now);
	json_field_text(j, "engine", w->c->engine);
	json_field_text(j, "server_version", row_of(w, SET_INFO, 0)[0]);
	json_field_text(j, "current_user", row_of(w, SET_INFO, 0)[1]);
	json_field_text(j, "inspected_at", now);
	json_key(j, "schemas");
	json_open(j, '[');
	for (size_t i = 0; i < schemas->count; i++) {
		json_put_text(j, row_of(w, SET_SCHEMAS, i)[0]);
	}
	json_close(j, ']');
}

void
print_catalog(struct buf *out, const struct catalog *c,
    const struct print_options *options, struct arena *a)
{
	struct writer w = {.c = c, .arena = a};
	struct json_out *j = &w.j;

	json_begin(j, out, 2);
	json_open(j, '{');
	put_head(&w);
	json_key(j, "tables");
	json_open(j, '[');
	for (size_t i = 0; i < c->set[SET_TABLES].count; i++) {
		w.table = row_of(&w, SET_TABLES, i);
		for (int set = SET_COLUMNS; set < CATALOG_SETS; set++) {
			find_rows(&w, (enum catalog_set)set);
		}
		if (options->tables == NULL ||
		    is_wanted(options->tables, w.table)) {
			put_table(&w, options->brief);
		}
	}
	json_close(j, ']');
	json_key(j, "warnings");
	json_open(j, '[');
	json_put_text(j, note);
	if (c->warning != NULL) {
		json_put_text(j, c->warning);
	}
	json_close(j, ']');
	json_close(j, '}');
	buf_putc(out, '\n');
}
