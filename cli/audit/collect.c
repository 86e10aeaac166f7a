/*
 * Which records of a document are tools (cli-config.md §7.2): a walk without
 * recursion, in document order, at most eight levels deep.
 */
#include "cli/audit/audit.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"

#define DEPTH_MAX  8
#define FIELDS_MAX 512U
/* Schemas are walked ten levels deep. */
#define SCHEMA_DEPTH_MAX 10

static const char *const name_keys[] = {"name", "tool_name", "toolName", NULL};
static const char *const description_keys[] = {
    "description", "title", "summary", NULL};
static const char *const input_keys[] = {
    "inputSchema", "input_schema", "parameters", "schema", "args_schema", NULL};
static const char *const output_keys[] = {"outputSchema", "output_schema",
    "resultSchema", "result_schema", "output", NULL};
/* What is looked into besides "tools"; of a client's configuration also each
 * server. */
static const char *const inner_keys[] = {"tools", "result", "data", "adapter",
    "mcpServers", "servers", "server", "manifest", NULL};

/* A value that is still to be walked. */
struct step {
	uint32_t node;
	unsigned depth;
	const char *path;
};

struct walk {
	struct step *steps;
	size_t count;
	size_t room;
};

static void
push(struct walk *w, struct step s)
{
	if (w->count == w->room) {
		w->room = w->room == 0 ? 64 : w->room * 2;
		w->steps = xreallocarray(w->steps, w->room, sizeof(*w->steps));
	}
	w->steps[w->count++] = s;
}

/* What was pushed since `from` comes out in the order it went in. */
static void
turn(struct walk *w, size_t from)
{
	for (size_t i = from, k = w->count; i + 1 < k; i++) {
		struct step s = w->steps[i];
		k--;
		if (i >= k) {
			break;
		}
		w->steps[i] = w->steps[k];
		w->steps[k] = s;
	}
}

static uint32_t
first_of(const struct json_doc *d, uint32_t object, const char *const *keys,
    enum json_type type)
{
	for (; *keys != NULL; keys++) {
		uint32_t node = json_get_type(d, object, *keys, type);
		if (node != JSON_NONE) {
			return node;
		}
	}
	return JSON_NONE;
}

/* Letters and digits in lower case. */
static struct span
plain_of(struct span name, struct arena *a)
{
	char *text = arena_alloc(a, name.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (c >= 'A' && c <= 'Z') {
			c = (char)(c - 'A' + 'a');
		}
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
			text[len++] = c;
		}
	}
	return (struct span){text, len};
}

static void
add_field(struct audit_tool *t, struct span name, struct arena *a)
{
	for (size_t i = 0; i < t->field_count; i++) {
		if (span_equal(t->fields[i].name, name)) {
			return;
		}
	}
	if (t->field_count < FIELDS_MAX) {
		t->fields[t->field_count++] =
		    (struct audit_field){name, plain_of(name, a)};
	}
}

static bool
is_one_of(struct span word, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (span_is(word, *list)) {
			return true;
		}
	}
	return false;
}

/* A map of schemas; that of the properties also has their names. */
static void
push_map(struct walk *w, struct audit_tool *t, uint32_t map, unsigned depth,
    bool has_fields, struct arena *a)
{
	const struct json_node *n = t->doc->nodes;

	for (uint32_t i = map + 1; i < n[map].next; i = n[i + 1].next) {
		if (has_fields) {
			add_field(t, json_string(t->doc, i, a), a);
		}
		push(w, (struct step){i + 1, depth, NULL});
	}
}

/* The members of one schema that lead to further schemas. */
static void
push_schemas(
    struct walk *w, struct audit_tool *t, struct step s, struct arena *a)
{
	static const char *const single[] = {"items", "additionalProperties",
	    "not", "if", "then", "else", "contains", NULL};
	static const char *const lists[] = {
	    "anyOf", "oneOf", "allOf", "prefixItems", "items", NULL};
	static const char *const maps[] = {"properties", "patternProperties",
	    "$defs", "definitions", "dependentSchemas", NULL};
	const struct json_node *n = t->doc->nodes;

	for (uint32_t k = s.node + 1; k < n[s.node].next; k = n[k + 1].next) {
		struct span key = json_string(t->doc, k, a);
		uint32_t value = k + 1;
		bool is_map =
		    n[value].type == JSON_OBJECT && is_one_of(key, maps);

		if (n[value].type == JSON_OBJECT && is_one_of(key, single)) {
			push(w, (struct step){value, s.depth + 1, NULL});
		} else if (n[value].type == JSON_ARRAY &&
			   is_one_of(key, lists)) {
			for (uint32_t i = value + 1; i < n[value].next;
			     i = n[i].next) {
				push(w, (struct step){i, s.depth + 1, NULL});
			}
		} else if (is_map) {
			push_map(w, t, value, s.depth + 1,
			    span_is(key, "properties"), a);
		}
	}
}

/* All names of properties that the input may have. */
static void
gather_fields(struct audit_tool *t, struct arena *a)
{
	struct walk w = {0};

	t->fields = arena_array(a, FIELDS_MAX, sizeof(*t->fields));
	if (t->input != JSON_NONE) {
		push(&w, (struct step){t->input, 0, NULL});
	}
	while (w.count > 0) {
		struct step s = w.steps[--w.count];
		size_t from = w.count;
		if (s.depth <= SCHEMA_DEPTH_MAX &&
		    t->doc->nodes[s.node].type == JSON_OBJECT) {
			push_schemas(&w, t, s, a);
			turn(&w, from);
		}
	}
	free(w.steps);
}

static bool
is_known(const struct audit *a, const struct json_doc *doc, const char *path)
{
	for (size_t i = 0; i < a->tool_count; i++) {
		if (a->tools[i].doc == doc &&
		    strcmp(a->tools[i].path, path) == 0) {
			return true;
		}
	}
	return false;
}

static int
add_tool(struct audit *a, const struct json_doc *doc, struct step s,
    uint32_t name, struct err *e)
{
	struct audit_tool *t;
	uint32_t text;

	if (is_known(a, doc, s.path)) {
		return 0;
	}
	if (a->tool_count == AUDIT_MAX_TOOLS) {
		return err_set(e, CS_E_TOO_LARGE, "AUDIT_TOO_LARGE",
		    "more than %u tools", AUDIT_MAX_TOOLS);
	}
	t = &a->tools[a->tool_count++];
	*t = (struct audit_tool){.name = json_string(doc, name, a->arena),
	    .path = s.path,
	    .doc = doc,
	    .node = s.node,
	    .input = first_of(doc, s.node, input_keys, JSON_OBJECT),
	    .output = first_of(doc, s.node, output_keys, JSON_OBJECT),
	    .annotations =
		json_get_type(doc, s.node, "annotations", JSON_OBJECT)};
	text = first_of(doc, s.node, description_keys, JSON_STRING);
	if (text != JSON_NONE) {
		t->description = json_string(doc, text, a->arena);
	}
	gather_fields(t, a->arena);
	audit_classify(t, a->arena);
	return 0;
}

/* Into a record: what may hold tools, in a fixed order; of a client's
 * configuration, every server. */
static void
push_members(
    struct audit *a, struct walk *w, const struct json_doc *doc, struct step s)
{
	const struct json_node *n = doc->nodes;

	for (const char *const *key = inner_keys; *key != NULL; key++) {
		uint32_t value = json_get(doc, s.node, *key);
		const char *path;
		if (value == JSON_NONE || (n[value].type != JSON_OBJECT &&
					      n[value].type != JSON_ARRAY)) {
			continue;
		}
		path = arena_printf(a->arena, "%s.%s", s.path, *key);
		push(w, (struct step){value, s.depth + 1, path});
		/* 0.1.1 did not look into mcpServers.<x>.tools. */
		if (n[value].type == JSON_OBJECT &&
		    (strcmp(*key, "mcpServers") == 0 ||
			strcmp(*key, "servers") == 0)) {
			for (uint32_t k = value + 1; k < n[value].next;
			     k = n[k + 1].next) {
				struct span x = json_string(doc, k, a->arena);
				push(w, (struct step){k + 1, s.depth + 2,
					    arena_printf(a->arena, "%s.%.*s",
						path, SPAN_ARGS(x))});
			}
		}
	}
}

static int
visit(struct audit *a, struct walk *w, const struct json_doc *doc,
    struct step s, struct err *e)
{
	const struct json_node *n = doc->nodes;
	uint32_t name;
	uint32_t index = 0;

	if (n[s.node].type == JSON_ARRAY) {
		for (uint32_t i = s.node + 1; i < n[s.node].next;
		     i = n[i].next) {
			push(w, (struct step){i, s.depth + 1,
				    arena_printf(
					a->arena, "%s[%u]", s.path, index++)});
		}
		return 0;
	}
	if (n[s.node].type != JSON_OBJECT) {
		return 0;
	}
	push_members(a, w, doc, s);
	name = first_of(doc, s.node, name_keys, JSON_STRING);
	return name == JSON_NONE ? 0 : add_tool(a, doc, s, name, e);
}

int
audit_collect(struct audit *a, const struct json_doc *doc, struct err *e)
{
	struct walk w = {0};
	int rc = 0;

	push(&w, (struct step){0, 0, "$"});
	while (rc == 0 && w.count > 0) {
		struct step s = w.steps[--w.count];
		size_t from = w.count;
		if (s.depth <= DEPTH_MAX) {
			rc = visit(a, &w, doc, s, e);
			turn(&w, from);
		}
	}
	free(w.steps);
	return rc;
}
