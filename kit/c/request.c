/*
 * From the bytes of a request to a job. Every member is untrusted until the
 * whole is read. The same thing may be said in the flat body of 0.1.1 and in
 * change_set: all that say it must agree.
 */
#include "common/base/arena.h"
#include "common/base/str.h"
#include "kit/c/internal.h"

#define BAD_JSON      "BAD_JSON"
#define BAD_REQUEST   "BAD_WRITEBACK_REQUEST"
#define BAD_ISSUED_AT "INVALID_ISSUED_AT"
#define PLACES        3

struct reader {
	struct json_doc doc;
	struct arena *arena;
	bool is_bad; /* sticks: callers look once, at the end */
};

/* Up to three ways to one thing; a path has up to four names. */
struct places {
	const char *path[PLACES][4];
};

static const struct places actions = {{{"change_set", "action"}, {"action"}}};
static const struct places patches = {{{"change_set", "patch"}, {"patch"}}};
static const struct places schemas = {
    {{"change_set", "target", "schema"}, {"target", "schema"}}};
static const struct places tables = {
    {{"change_set", "target", "table"}, {"target", "table"}}};
static const struct places keys = {
    {{"change_set", "target", "primary_key"}, {"target", "primary_key"}}};
static const struct places tenants = {{{"change_set", "guards", "tenant"},
    {"tenant_guard"}, {"guards", "tenant"}}};
static const struct places versions = {
    {{"change_set", "guards", "expected_version"},
	{"guards", "expected_version"}}};
static const struct places allowed = {
    {{"change_set", "guards", "allowed_columns"}, {"allowed_columns"},
	{"guards", "allowed_columns"}}};

/* The node is one of the document's: JSON_NONE is asked about before. */
static enum json_type
type_of(const struct reader *r, uint32_t node)
{
	return r->doc.nodes[node].type;
}

/* The node at the end of a path, JSON_NONE when a name of it is not there. A
 * change_set that is null is not there; any other parent is an object. */
static uint32_t
find(struct reader *r, const char *const *path)
{
	uint32_t node = 0;

	for (size_t i = 0; i < 4 && path[i] != NULL; i++) {
		if (type_of(r, node) != JSON_OBJECT) {
			r->is_bad = r->is_bad || i != 1 ||
				    type_of(r, node) != JSON_NULL ||
				    strcmp(path[0], "change_set") != 0;
			return JSON_NONE;
		}
		node = json_get(&r->doc, node, path[i]);
		if (node == JSON_NONE) {
			return JSON_NONE;
		}
	}
	return path[0] == NULL ? JSON_NONE : node;
}

/* A string, "" and bad when it is none. */
static const char *
text_at(struct reader *r, uint32_t node)
{
	if (node == JSON_NONE || type_of(r, node) != JSON_STRING) {
		r->is_bad = true;
		return "";
	}
	return arena_span(r->arena, json_string(&r->doc, node, r->arena)).ptr;
}

/* A name that may stand in a statement; any other is bad, not escaped:
 * there is no need to guess what a quote in a name was meant to be. */
static const char *
identifier_at(struct reader *r, uint32_t node)
{
	const char *text = text_at(r, node);

	r->is_bad = r->is_bad || !str_is_identifier(span_of(text));
	return text;
}

/* Objects and arrays are bad: no column holds one as a value of ours. */
static struct cs_handler_value
scalar_at(struct reader *r, uint32_t node)
{
	struct scalar s = {.kind = SCALAR_NULL};

	if (node == JSON_NONE ||
	    scalar_from_json(&r->doc, node, r->arena, &s) != 0) {
		r->is_bad = true;
		s = (struct scalar){.kind = SCALAR_NULL};
	}
	return kit_value(s, r->arena);
}

/* The same text in every place that has it, and one has it. */
static const char *
text_of(struct reader *r, const struct places *p)
{
	const char *found = NULL;

	for (size_t i = 0; i < PLACES; i++) {
		uint32_t node = find(r, p->path[i]);
		const char *text = node == JSON_NONE ? NULL : text_at(r, node);

		r->is_bad = r->is_bad || (found != NULL && text != NULL &&
					     strcmp(found, text) != 0);
		found = found == NULL ? text : found;
	}
	r->is_bad = r->is_bad || found == NULL;
	return found == NULL ? "" : found;
}

/* Same kind and same text: 1 and "1" differ, because a database may too.
 * Numbers are canonical by now, so 1.0 and 1 are the same. */
static bool
is_same(struct cs_handler_value a, struct cs_handler_value b)
{
	return a.kind == b.kind &&
	       (a.kind == CS_HANDLER_NULL || strcmp(a.text, b.text) == 0);
}

/* {"column","value"}, the same in every place that has it. */
static struct cs_handler_field
column_of(struct reader *r, const struct places *p)
{
	struct cs_handler_field found = {.name = NULL};

	for (size_t i = 0; i < PLACES; i++) {
		uint32_t node = find(r, p->path[i]);
		struct cs_handler_field one;

		if (node == JSON_NONE) {
			continue;
		}
		if (type_of(r, node) != JSON_OBJECT) {
			r->is_bad = true;
			continue;
		}
		one.name = identifier_at(r, json_get(&r->doc, node, "column"));
		one.value = scalar_at(r, json_get(&r->doc, node, "value"));
		r->is_bad =
		    r->is_bad || (found.name != NULL &&
				     (strcmp(found.name, one.name) != 0 ||
					 !is_same(found.value, one.value)));
		found = one;
	}
	r->is_bad = r->is_bad || found.name == NULL;
	found.name = found.name == NULL ? "" : found.name;
	return found;
}

/* What names a row: text that is not empty, or an integer of 64 bits. */
static void
check_key(struct reader *r, const struct cs_handler_field *f)
{
	int64_t unused = 0;
	const struct cs_handler_value *v = &f->value;

	r->is_bad =
	    r->is_bad || !((v->kind == CS_HANDLER_TEXT && v->text[0] != '\0') ||
			     (v->kind == CS_HANDLER_NUMBER &&
				 json_int64(span_of(v->text), &unused) == 0));
}

/* An object of names and scalars, in document order. */
static const struct cs_handler_field *
fields_at(struct reader *r, uint32_t object, size_t *count)
{
	struct cs_handler_field *list;
	uint32_t node = object + 1;

	*count = 0;
	if (object == JSON_NONE || type_of(r, object) != JSON_OBJECT ||
	    r->doc.nodes[object].count == 0) {
		r->is_bad = true;
		return NULL;
	}
	list = arena_array(r->arena, r->doc.nodes[object].count, sizeof(*list));
	for (uint32_t i = 0; i < r->doc.nodes[object].count; i++) {
		list[i].name = identifier_at(r, node);
		list[i].value = scalar_at(r, node + 1);
		node = r->doc.nodes[node + 1].next;
	}
	*count = r->doc.nodes[object].count;
	return list;
}

/* The entry of this name, or NULL. Columns are few: no index is worth it. */
static const struct cs_handler_field *
field_named(const struct cs_handler_field *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, name) == 0) {
			return &list[i];
		}
	}
	return NULL;
}

/* The patch: the same columns and values wherever it is, in any order. */
static void
read_patch(struct reader *r, struct cs_handler_job *job)
{
	for (size_t i = 0; i < PLACES; i++) {
		uint32_t node = find(r, patches.path[i]);
		size_t count = 0;
		const struct cs_handler_field *list;

		if (node == JSON_NONE) {
			continue;
		}
		list = fields_at(r, node, &count);
		r->is_bad = r->is_bad ||
			    (job->patch != NULL && count != job->patch_count);
		for (size_t n = 0; n < count && job->patch != NULL; n++) {
			const struct cs_handler_field *other = field_named(
			    job->patch, job->patch_count, list[n].name);
			r->is_bad = r->is_bad || other == NULL ||
				    !is_same(other->value, list[n].value);
		}
		if (job->patch == NULL) {
			job->patch = list;
			job->patch_count = count;
		}
	}
	r->is_bad = r->is_bad || job->patch == NULL;
}

/* The entries are strings by now: check_inside looked at them. */
static bool
has_name(struct reader *r, uint32_t array, const char *name)
{
	uint32_t node = array + 1;

	for (uint32_t i = 0; i < r->doc.nodes[array].count; i++) {
		if (span_is(json_string(&r->doc, node, r->arena), name)) {
			return true;
		}
		node = r->doc.nodes[node].next;
	}
	return false;
}

/* A list of names with every column of the patch. */
static void
check_inside(struct reader *r, uint32_t array, const struct cs_handler_job *job)
{
	uint32_t node = array + 1;

	if (type_of(r, array) != JSON_ARRAY) {
		r->is_bad = true;
		return;
	}
	for (uint32_t i = 0; i < r->doc.nodes[array].count; i++) {
		(void)identifier_at(r, node);
		node = r->doc.nodes[node].next;
	}
	for (size_t i = 0; i < job->patch_count && !r->is_bad; i++) {
		r->is_bad = !has_name(r, array, job->patch[i].name);
	}
}

/* Every list that is there allows the whole patch: a narrower one counts.
 * What says which row it is, and whose, is never part of the change. */
static void
check_allowed(struct reader *r, const struct cs_handler_job *job)
{
	bool found = false;

	for (size_t i = 0; i < PLACES; i++) {
		uint32_t node = find(r, allowed.path[i]);
		if (node != JSON_NONE) {
			found = true;
			check_inside(r, node, job);
		}
	}
	r->is_bad = r->is_bad || !found ||
		    field_named(job->patch, job->patch_count,
			job->primary_key.name) != NULL ||
		    field_named(job->patch, job->patch_count,
			job->tenant_guard.name) != NULL;
}

/* A text of 1 to 512 characters. */
static const char *
name_of(struct reader *r, const char *key)
{
	const char *text = text_at(r, json_get(&r->doc, 0, key));
	struct span s = span_of(text);
	size_t characters = 0;

	for (size_t at = 0; at < s.len; characters++) {
		(void)utf8_next(s, &at);
	}
	r->is_bad =
	    r->is_bad || characters == 0 || characters > KIT_KEY_CHARACTERS;
	return text;
}

/* What the scope says, where it says it, is what key and tenant say. */
static void
check_scope(struct reader *r, const char *member, const char *wanted)
{
	const char *const path[4] = {"change_set", "scope", member};
	uint32_t node = find(r, path);

	if (node != JSON_NONE) {
		r->is_bad = strcmp(text_at(r, node), wanted) != 0 || r->is_bad;
	}
}

/* Who proposed, as ledgerd knew it. 0.1.1 sent only the name of its runner. */
static const char *
principal_of(struct reader *r)
{
	static const char *const path[4] = {"change_set", "principal"};
	uint32_t node = find(r, path);

	if (node != JSON_NONE) {
		if (type_of(r, node) != JSON_OBJECT) {
			r->is_bad = true;
			return NULL;
		}
		return text_at(r, json_get(&r->doc, node, "id"));
	}
	node = json_get(&r->doc, 0, "runner_hint");
	return node == JSON_NONE || type_of(r, node) != JSON_STRING
		   ? NULL
		   : text_at(r, node);
}

/* Absent is false; anything but a boolean is bad, for "false" is true in
 * some languages. */
static bool
read_dry_run(struct reader *r)
{
	uint32_t node = json_get(&r->doc, 0, "dry_run");
	enum json_type type = node == JSON_NONE ? JSON_FALSE : type_of(r, node);

	r->is_bad = r->is_bad || (type != JSON_TRUE && type != JSON_FALSE);
	return type == JSON_TRUE;
}

/* With the version __row_hash the reviewed columns are what is hashed. */
static void
read_before(struct reader *r, struct cs_handler_job *job)
{
	uint32_t node = json_get(&r->doc, 0, "before");

	if (strcmp(job->expected_version.name, KIT_ROW_HASH) == 0) {
		job->before = fields_at(r, node, &job->before_count);
	}
}

/* In the order of the members, but checks that look at two come after both.
 * Stops early where the rest would look at what is not there. */
static void
read_all(struct reader *r, struct cs_handler_job *job)
{
	job->proposal_id = name_of(r, "proposal_id");
	job->proposal_hash = name_of(r, "proposal_hash");
	job->idempotency_key = name_of(r, "idempotency_key");
	job->action = text_of(r, &actions);
	job->schema = text_of(r, &schemas);
	job->table = text_of(r, &tables);
	r->is_bad = r->is_bad || !str_is_identifier(span_of(job->schema)) ||
		    !str_is_identifier(span_of(job->table));
	job->primary_key = column_of(r, &keys);
	job->tenant_guard = column_of(r, &tenants);
	job->expected_version = column_of(r, &versions);
	check_key(r, &job->primary_key);
	check_key(r, &job->tenant_guard);
	if (r->is_bad) {
		return;
	}
	job->object_id = job->primary_key.value.text;
	job->tenant_id = job->tenant_guard.value.text;
	check_scope(r, "object_id", job->object_id);
	check_scope(r, "tenant_id", job->tenant_id);
	read_patch(r, job);
	if (!r->is_bad) {
		check_allowed(r, job);
	}
	job->principal = principal_of(r);
	job->dry_run = read_dry_run(r);
	read_before(r, job);
}

/* Check 9, whose answer comes after that of check 8. */
static bool
read_version(struct reader *r, struct cs_handler_job *job)
{
	uint32_t protocol = json_get(&r->doc, 0, "protocol_version");
	uint32_t schema = json_get(&r->doc, 0, "schema_version");

	job->protocol_version =
	    protocol == JSON_NONE ? KIT_SCHEMA : KIT_PROTOCOL;
	return (protocol != JSON_NONE || schema != JSON_NONE) &&
	       (protocol == JSON_NONE ||
		   span_is(json_get_string(
			       &r->doc, 0, "protocol_version", r->arena),
		       KIT_PROTOCOL)) &&
	       (schema == JSON_NONE || span_is(json_get_string(&r->doc, 0,
						   "schema_version", r->arena),
					   KIT_SCHEMA));
}

const char *
kit_read_job(struct span body, const char *issued_at, struct arena *a,
    struct cs_handler_job *job, bool *version_ok)
{
	struct reader r = {.arena = a};
	uint32_t change_set;
	uint32_t node;

	*job = (struct cs_handler_job){.issued_at = ""};
	if (json_scan(&r.doc, body, a, NULL) != 0 ||
	    type_of(&r, 0) != JSON_OBJECT) {
		return BAD_JSON;
	}
	node = json_get(&r.doc, 0, "issued_at");
	if (issued_at != NULL) {
		job->issued_at = arena_strndup(a, issued_at, strlen(issued_at));
		if (node == JSON_NONE || type_of(&r, node) != JSON_STRING ||
		    !span_is(json_string(&r.doc, node, a), issued_at)) {
			return BAD_ISSUED_AT;
		}
	}
	change_set = json_get(&r.doc, 0, "change_set");
	r.is_bad = change_set != JSON_NONE &&
		   type_of(&r, change_set) != JSON_OBJECT &&
		   type_of(&r, change_set) != JSON_NULL;
	*version_ok = read_version(&r, job);
	read_all(&r, job);
	return r.is_bad ? BAD_REQUEST : NULL;
}
