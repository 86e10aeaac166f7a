/*
 * Descriptions, schemas and hints of the tools. Nothing that a model reads
 * here names SQL, approval or credentials: there is no such tool to look for.
 */
#include "mcpd/mcp/tools.h"

#include "common/base/arena.h"
#include "common/base/xalloc.h"

static const char handles_hint[] =
    "Evidence ids in the result are audit/replay handles; there is no need to "
    "call them this turn.";

static const char *const arg_types[] = {
    [ARG_STRING] = "string",
    [ARG_NUMBER] = "number",
    [ARG_BOOLEAN] = "boolean",
};

struct tool_list {
	struct arena *arena;
	/* Each tool as each era has it, by exposure; empty: not shown. */
	struct span *legacy;
	struct span *modern;
	const struct contract *contract;
	struct exposure_list exposures;
};

/* One argument. Limits and allowed values are shown so that a model need
 * not guess; they are checked again on every call. */
static void
put_property(
    struct json_out *j, const struct contract_arg *arg, struct arena *a)
{
	json_key(j, arg->name);
	json_open(j, '{');
	json_field_text(j, "type", arg_types[arg->type]);
	if (arg->type == ARG_STRING && arg->max_length > 0) {
		json_field_int(j, "maxLength", arg->max_length);
	}
	if (arg->minimum.len > 0) {
		json_field_raw(j, "minimum", arg->minimum);
	}
	if (arg->maximum.len > 0) {
		json_field_raw(j, "maximum", arg->maximum);
	}
	if (arg->allowed != NULL) {
		json_key(j, "enum");
		json_open(j, '[');
		for (size_t i = 0; i < arg->allowed_count; i++) {
			scalar_put(j, arg->allowed[i]);
		}
		json_close(j, ']');
	}
	json_field_text(j, "description",
	    arg->description != NULL
		? arg->description
		: arena_printf(a, "%s business argument", arg->name));
	json_close(j, '}');
}

/* The names that must be given; no member when there are none. */
static void
put_required(struct json_out *j, const struct contract_capability *cap)
{
	bool any = false;

	for (size_t i = 0; i < cap->arg_count; i++) {
		if (!cap->args[i].required) {
			continue;
		}
		if (!any) {
			json_key(j, "required");
			json_open(j, '[');
			any = true;
		}
		json_put_text(j, cap->args[i].name);
	}
	if (any) {
		json_close(j, ']');
	}
}

/* Flat, closed and with `properties` always there: the common ground of
 * the clients' validators. */
static void
put_schema(
    struct json_out *j, const struct contract_capability *cap, struct arena *a)
{
	json_key(j, "inputSchema");
	json_open(j, '{');
	json_field_text(j, "type", "object");
	json_key(j, "properties");
	json_open(j, '{');
	for (size_t i = 0; i < cap->arg_count; i++) {
		put_property(j, &cap->args[i], a);
	}
	json_close(j, '}');
	put_required(j, cap);
	json_field_bool(j, "additionalProperties", false);
	json_close(j, '}');
}

/* What the tool does, when the contract does not say. */
static const char *
default_description(const struct contract_capability *cap, struct arena *a)
{
	if (cap->kind == KIND_READ) {
		return arena_printf(a,
		    "Reviewed, tenant-scoped read of %s.%s with evidence.",
		    cap->schema, cap->table);
	}
	return arena_printf(a,
	    "Creates an evidence-backed proposal for %s.%s and does not "
	    "mutate the source database.",
	    cap->schema, cap->table);
}

/* The lines of engine.md §1.3.1. */
static const char *
describe(
    const struct contract_capability *cap, const char *exposed, struct arena *a)
{
	const char *first = "";
	const char *hint = "";

	if (strcmp(exposed, cap->name) != 0) {
		first = arena_printf(
		    a, "Canonical Synapsor capability: %s.\n", cap->name);
	}
	if (cap->returns_hint != NULL) {
		hint = arena_printf(a, "%s\n", cap->returns_hint);
	}
	return arena_printf(a, "%s%s\n%s%s", first,
	    cap->description != NULL ? cap->description
				     : default_description(cap, a),
	    hint, handles_hint);
}

enum tool_kind {
	TOOL_READ,
	TOOL_PROPOSAL,
	TOOL_STATUS,
	TOOL_KINDS
};

/*
 * What a successful result of format 2 holds. Members of the other kinds are
 * null there; an error carries no structured content at all.
 */
static void
put_output_schema(struct json_out *j, enum tool_kind kind)
{
	static const struct {
		const char *name;
		const char *type[TOOL_KINDS];
	} members[] = {
	    {"ok", {"boolean", "boolean", "boolean"}},
	    {"summary", {"string", "string", "string"}},
	    {"action", {"string", "string", "string"}},
	    {"kind", {"string", "string", "string"}},
	    {"data", {"object", "null", "object"}},
	    {"proposal", {"null", "object", "null"}},
	    {"error", {"null", "null", "null"}},
	    {"evidence", {"object", "object", "null"}},
	    {"source_database_changed", {"boolean", "boolean", "boolean"}},
	    {"_meta", {"object", "object", "object"}},
	};
	const size_t count = sizeof(members) / sizeof(members[0]);

	json_key(j, "outputSchema");
	json_open(j, '{');
	json_field_text(j, "type", "object");
	json_key(j, "properties");
	json_open(j, '{');
	for (size_t i = 0; i < count; i++) {
		json_key(j, members[i].name);
		json_open(j, '{');
		json_field_text(j, "type", members[i].type[kind]);
		json_close(j, '}');
	}
	json_close(j, '}');
	json_key(j, "required");
	json_open(j, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_text(j, members[i].name);
	}
	json_close(j, ']');
	json_close(j, '}');
}

/* All four hints, because a missing one means "destructive" to clients. */
static void
put_annotations(struct json_out *j, bool is_read, enum mcp_era era)
{
	json_key(j, "annotations");
	json_open(j, '{');
	json_field_bool(j, "readOnlyHint", is_read);
	json_field_bool(j, "destructiveHint", false);
	json_field_bool(j, "idempotentHint", is_read);
	json_field_bool(j, "openWorldHint", false);
	json_close(j, '}');
	/* The experiment with tasks of 2025-11-25, which is gone again. */
	if (era == ERA_LEGACY) {
		json_key(j, "execution");
		json_open(j, '{');
		json_field_text(j, "taskSupport", "forbidden");
		json_close(j, '}');
	}
}

/* What the tool is behind its name, for people who audit the list. */
static void
put_meta(struct json_out *j, const struct contract_capability *cap,
    const char *exposed, const char *style, struct arena *a)
{
	json_key(j, "_meta");
	json_open(j, '{');
	json_field_text(
	    j, "synapsor.kind", cap->kind == KIND_READ ? "read" : "proposal");
	json_field_text(j, "synapsor.source", cap->source->name);
	json_field_text(j, "synapsor.target",
	    arena_printf(a, "%s.%s", cap->schema, cap->table));
	json_field_text(j, "synapsor.canonical_tool_name", cap->name);
	json_field_text(j, "synapsor.exposed_tool_name", exposed);
	json_field_text(j, "synapsor.tool_name_style", style);
	json_field_bool(j, "synapsor.raw_sql_exposed", false);
	json_field_bool(j, "synapsor.approval_tool", false);
	json_close(j, '}');
}

/* How a list is written: everything that its tools have in common. */
struct listing {
	const struct tools_options *options;
	enum mcp_era era;
	struct arena *arena;
};

static void
put_tool(struct json_out *j, const struct contract_capability *cap,
    const char *exposed, const struct listing *l)
{
	bool is_read = cap->kind == KIND_READ;

	json_open(j, '{');
	json_field_text(j, "name", exposed);
	json_field_text(j, "title", cap->name);
	json_field_text(j, "description", describe(cap, exposed, l->arena));
	put_schema(j, cap, l->arena);
	if (l->options->has_output) {
		put_output_schema(j, is_read ? TOOL_READ : TOOL_PROPOSAL);
	}
	put_annotations(j, is_read, l->era);
	put_meta(
	    j, cap, exposed, alias_style_name(l->options->style), l->arena);
	json_close(j, '}');
}

/* NULL: the status tool, which stands behind the capabilities. */
static const struct contract_capability *
cap_of(const struct tool_list *list, const struct exposure *x)
{
	return x->capability < list->contract->capability_count
		   ? &list->contract->capabilities[x->capability]
		   : NULL;
}

/* The one tool that is no capability: it asks the ledger, not a source. */
static void
put_status_tool(
    struct json_out *j, const char *exposed, const struct listing *l)
{
	json_open(j, '{');
	json_field_text(j, "name", exposed);
	json_field_text(j, "title", "Status of a proposal");
	json_field_text(j, "description",
	    "Tell where a proposal stands: waiting for a person, accepted, "
	    "applied, rejected or in conflict. People take minutes to hours; "
	    "there is no need to ask again and again.");
	json_field_raw(j, "inputSchema",
	    span_of("{\"type\":\"object\",\"properties\":{\"proposal_id\":"
		    "{\"type\":\"string\",\"maxLength\":200,\"description\":"
		    "\"The id that the proposal tool returned\"}},\"required\":"
		    "[\"proposal_id\"],\"additionalProperties\":false}"));
	if (l->options->has_output) {
		put_output_schema(j, TOOL_STATUS);
	}
	put_annotations(j, true, l->era);
	json_close(j, '}');
}

/* Read-only servers do not show what they would refuse. */
static struct span *
build(const struct tool_list *list, const struct tools_options *options,
    enum mcp_era era)
{
	struct listing l = {options, era, list->arena};
	struct span *texts =
	    arena_array(list->arena, list->exposures.count + 1, sizeof(*texts));
	struct buf text = BUF_INIT;
	struct json_out j;

	for (size_t i = 0; i < list->exposures.count; i++) {
		const struct exposure *x = &list->exposures.items[i];
		const struct contract_capability *cap = cap_of(list, x);

		buf_reset(&text);
		json_begin(&j, &text, 0);
		if (cap == NULL) {
			put_status_tool(&j, x->name, &l);
		} else if (options->mode != MODE_READ_ONLY ||
			   cap->kind == KIND_READ) {
			put_tool(&j, cap, x->name, &l);
		}
		texts[i] = arena_span(list->arena, buf_as_span(&text));
	}
	buf_clear(&text);
	return texts;
}

struct tool_list *
tools_new(const struct contract *c, const struct tools_options *options)
{
	struct tool_list *list = xcalloc(1, sizeof(*list));
	const char **names = NULL;
	size_t count = c->capability_count;

	list->arena = arena_new();
	list->contract = c;
	names = arena_array(list->arena, count + 1, sizeof(*names));
	/* All capabilities, also those that are not listed: tools_find must
	 * know a proposal in order to say why it is refused. */
	for (size_t i = 0; i < c->capability_count; i++) {
		names[i] = c->capabilities[i].name;
	}
	if (c->status_tool != NULL) {
		names[count++] = c->status_tool;
	}
	list->exposures =
	    alias_expose(names, count, options->style, list->arena);
	list->legacy = build(list, options, ERA_LEGACY);
	list->modern = build(list, options, ERA_MODERN);
	return list;
}

void
tools_free(struct tool_list **list)
{
	if (*list != NULL) {
		arena_free(&(*list)->arena);
		free(*list);
	}
	*list = NULL;
}

void
tools_put(struct json_out *j, const struct tool_list *list, enum mcp_era era,
    const struct context_set *set)
{
	const struct span *texts =
	    era == ERA_MODERN ? list->modern : list->legacy;

	json_open(j, '[');
	for (size_t i = 0; i < list->exposures.count; i++) {
		const struct contract_capability *cap =
		    cap_of(list, &list->exposures.items[i]);

		if (texts[i].len > 0 &&
		    (cap == NULL || set == NULL || context_allows(set, cap))) {
			json_put_raw(j, texts[i]);
		}
	}
	json_close(j, ']');
}

void
tools_put_names(
    struct json_out *j, const struct tool_list *list, enum name_style style)
{
	json_open(j, '[');
	for (size_t i = 0; i < list->exposures.count; i++) {
		const struct exposure *x = &list->exposures.items[i];
		const struct contract_capability *cap = cap_of(list, x);

		if (list->legacy[i].len == 0) {
			continue;
		}
		json_open(j, '{');
		json_field_text(j, "canonicalName",
		    cap != NULL ? cap->name : list->contract->status_tool);
		json_field_text(j, "exposedName", x->name);
		json_field_bool(j, "isAlias", x->is_alias);
		json_field_text(j, "style", alias_style_name(style));
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Exactly as it is shown: no trimming, no other case, no canonical name that
 * is not exposed. */
static const struct exposure *
find(const struct tool_list *list, struct span name)
{
	for (size_t i = 0; i < list->exposures.count; i++) {
		if (span_is(name, list->exposures.items[i].name)) {
			return &list->exposures.items[i];
		}
	}
	return NULL;
}

const struct contract_capability *
tools_find(const struct tool_list *list, struct span name)
{
	const struct exposure *x = find(list, name);

	return x == NULL ? NULL : cap_of(list, x);
}

bool
tools_is_status(const struct tool_list *list, struct span name)
{
	const struct exposure *x = find(list, name);

	return x != NULL && cap_of(list, x) == NULL;
}
