#include "cli/onboard/inspection.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

#define NAMES_ROOM 8

void
names_add(struct names *n, const char *text, struct arena *a)
{
	/* Doubles at powers of two: the count tells when it is full. */
	if (n->count == 0 ||
	    (n->count >= NAMES_ROOM && (n->count & (n->count - 1)) == 0)) {
		size_t room = n->count == 0 ? NAMES_ROOM : 2 * n->count;
		const char **items = arena_array(a, room, sizeof(*items));

		if (n->count > 0) {
			memcpy(items, n->items, n->count * sizeof(*items));
		}
		n->items = items;
	}
	n->items[n->count++] = text;
}

bool
names_have(const struct names *n, const char *text)
{
	for (size_t i = 0; i < n->count; i++) {
		if (strcmp(n->items[i], text) == 0) {
			return true;
		}
	}
	return false;
}

const char *
names_join(const struct names *n, const char *otherwise, struct arena *a)
{
	const char *text = n->count == 0 ? otherwise : n->items[0];

	for (size_t i = 1; i < n->count; i++) {
		text = arena_printf(a, "%s, %s", text, n->items[i]);
	}
	return text;
}

void
names_split(struct names *n, struct span list, struct arena *a)
{
	while (list.len > 0) {
		const char *comma = memchr(list.ptr, ',', list.len);
		size_t len =
		    comma == NULL ? list.len : (size_t)(comma - list.ptr);
		struct span word = {list.ptr, len};

		list.ptr += len + (comma != NULL);
		list.len -= len + (comma != NULL);
		while (word.len > 0 && word.ptr[0] == ' ') {
			word.ptr++;
			word.len--;
		}
		while (word.len > 0 && word.ptr[word.len - 1] == ' ') {
			word.len--;
		}
		if (word.len > 0) {
			names_add(n, arena_strndup(a, word.ptr, word.len), a);
		}
	}
}

/* A member's text as a C string; "" when it is missing. */
static const char *
text_of(const struct json_doc *doc, uint32_t object, const char *key,
    struct arena *a)
{
	struct span s = json_get_string(doc, object, key, a);

	return arena_strndup(a, s.ptr == NULL ? "" : s.ptr, s.len);
}

/* Only a JSON true counts. */
static bool
is_true(const struct json_doc *doc, uint32_t object, const char *key)
{
	return json_get_type(doc, object, key, JSON_TRUE) != JSON_NONE;
}

/* The strings of a list; what is none is passed over. */
static void
read_names(const struct json_doc *doc, uint32_t object, const char *key,
    struct arena *a, struct names *out)
{
	uint32_t list = json_get_type(doc, object, key, JSON_ARRAY);

	if (list == JSON_NONE) {
		return;
	}
	for (uint32_t n = list + 1; n < doc->nodes[list].next;
	     n = doc->nodes[n].next) {
		if (doc->nodes[n].type == JSON_STRING) {
			struct span s = json_string(doc, n, a);
			names_add(out, arena_strndup(a, s.ptr, s.len), a);
		}
	}
}

/* The objects of a list: how many, and the first one (then nodes[].next). */
static size_t
objects_of(const struct json_doc *doc, uint32_t object, const char *key,
    uint32_t *first)
{
	uint32_t list = json_get_type(doc, object, key, JSON_ARRAY);

	*first = list == JSON_NONE ? JSON_NONE : list + 1;
	return list == JSON_NONE ? 0 : doc->nodes[list].count;
}

/* A brief inspection has none. */
static void
read_columns(const struct json_doc *doc, uint32_t node, struct arena *a,
    struct inspected_table *t)
{
	uint32_t n = JSON_NONE;
	size_t count = objects_of(doc, node, "columns", &n);

	t->columns = arena_array(a, count + 1, sizeof(*t->columns));
	for (; t->column_count < count; n = doc->nodes[n].next) {
		t->columns[t->column_count++] = (struct inspected_column){
		    text_of(doc, n, "name", a), text_of(doc, n, "data_type", a),
		    is_true(doc, n, "generated")};
	}
}

static void
read_reasons(const struct json_doc *doc, uint32_t node, struct arena *a,
    struct inspected_table *t)
{
	uint32_t n = JSON_NONE;
	size_t count = objects_of(doc, node, "reasons", &n);

	t->reasons = arena_array(a, count + 1, sizeof(*t->reasons));
	for (; t->reason_count < count; n = doc->nodes[n].next) {
		t->reasons[t->reason_count++] =
		    (struct inspected_reason){text_of(doc, n, "column", a),
			text_of(doc, n, "suggestion", a),
			text_of(doc, n, "reason", a)};
	}
}

/* Keys of several columns find no row by one value. */
static void
read_unique(const struct json_doc *doc, uint32_t node, struct arena *a,
    struct inspected_table *t)
{
	uint32_t n = JSON_NONE;
	size_t count = objects_of(doc, node, "unique_constraints", &n);

	for (size_t i = 0; i < count; i++, n = doc->nodes[n].next) {
		struct names columns = {0};

		read_names(doc, n, "columns", a, &columns);
		if (columns.count == 1) {
			names_add(&t->single_unique, columns.items[0], a);
		}
	}
}

/* What is missing is empty: files of 0.1.1 have no reasons. */
static void
read_table(const struct json_doc *doc, uint32_t node, struct arena *a,
    struct inspected_table *t)
{
	uint32_t s = json_get_type(doc, node, "suggestions", JSON_OBJECT);

	t->schema = text_of(doc, node, "schema", a);
	t->name = text_of(doc, node, "name", a);
	t->is_view = strcmp(text_of(doc, node, "type", a), "view") == 0;
	read_columns(doc, node, a, t);
	read_names(doc, node, "primary_key", a, &t->key);
	read_unique(doc, node, a, t);
	if (s != JSON_NONE) {
		read_names(doc, s, "tenant_columns", a, &t->tenant);
		read_names(doc, s, "conflict_columns", a, &t->conflict);
		read_names(doc, s, "sensitive_columns", a, &t->sensitive);
		read_names(doc, s, "default_visible_columns", a, &t->visible);
		read_reasons(doc, s, a, t);
	}
}

/* What countersign-inspect says instead of a schema. */
static int
read_error(
    const struct json_doc *doc, uint32_t node, struct arena *a, struct err *e)
{
	struct span reason = json_get_string(doc, node, "reason", a);

	return err_set(e, CS_E_UNAVAILABLE,
	    err_intern(arena_strndup(
			   a, reason.ptr == NULL ? "" : reason.ptr, reason.len),
		reason.len),
	    "%s", text_of(doc, node, "message", a));
}

int
inspection_read(
    struct span text, struct arena *a, struct inspection *out, struct err *e)
{
	struct json_doc *doc = arena_alloc(a, sizeof(*doc));
	int rc = json_scan(doc, text, a, e);
	uint32_t n = JSON_NONE;
	size_t count = 0;

	*out = (struct inspection){0};
	if (rc != 0) {
		err_context(e, "the inspection");
		return rc;
	}
	n = json_get_type(doc, 0, "error", JSON_OBJECT);
	if (n != JSON_NONE) {
		return read_error(doc, n, a, e);
	}
	if (json_get_type(doc, 0, "tables", JSON_ARRAY) == JSON_NONE) {
		return err_set(e, CS_E_INVALID, "INSPECTION_INVALID",
		    "this is no inspection: it has no list of tables; make one "
		    "with countersign inspect --json");
	}
	out->engine = text_of(doc, 0, "engine", a);
	out->server = text_of(doc, 0, "server_version", a);
	out->user = text_of(doc, 0, "current_user", a);
	read_names(doc, 0, "schemas", a, &out->schemas);
	read_names(doc, 0, "warnings", a, &out->warnings);
	count = objects_of(doc, 0, "tables", &n);
	out->tables = arena_array(a, count + 1, sizeof(*out->tables));
	for (; out->table_count < count; n = doc->nodes[n].next) {
		read_table(doc, n, a, &out->tables[out->table_count++]);
	}
	return 0;
}

const struct inspected_table *
inspection_find(
    const struct inspection *in, const char *schema, const char *table)
{
	for (size_t i = 0; i < in->table_count; i++) {
		const struct inspected_table *t = &in->tables[i];
		size_t len = strlen(t->schema);

		if (schema != NULL && strcmp(schema, t->schema) != 0) {
			continue;
		}
		if (strcmp(table, t->name) == 0 ||
		    (strncmp(table, t->schema, len) == 0 && table[len] == '.' &&
			strcmp(table + len + 1, t->name) == 0)) {
			return t;
		}
	}
	return NULL;
}

const struct inspected_column *
inspected_column(const struct inspected_table *t, const char *column)
{
	for (size_t i = 0; i < t->column_count; i++) {
		if (strcmp(t->columns[i].name, column) == 0) {
			return &t->columns[i];
		}
	}
	return NULL;
}

bool
inspected_has(const struct inspected_table *t, const char *column)
{
	return inspected_column(t, column) != NULL ||
	       names_have(&t->visible, column) ||
	       names_have(&t->sensitive, column) || names_have(&t->key, column);
}

const char *
inspected_key(const struct inspected_table *t, struct arena *a, bool *is_guess)
{
	const char *names[] = {"id",
	    arena_printf(a, "%s_id", name_object(t->name, a)),
	    arena_printf(a, "%s_id", t->name)};

	*is_guess = false;
	if (t->key.count == 1) {
		return t->key.items[0];
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (inspected_has(t, names[i])) {
			*is_guess = !names_have(&t->single_unique, names[i]);
			return names[i];
		}
	}
	return NULL;
}

const char *
inspected_reason(
    const struct inspected_table *t, const char *column, const char *suggestion)
{
	for (size_t i = 0; i < t->reason_count; i++) {
		if (strcmp(t->reasons[i].column, column) == 0 &&
		    strcmp(t->reasons[i].suggestion, suggestion) == 0) {
			return t->reasons[i].reason;
		}
	}
	return NULL;
}
