/*
 * From a document without errors to the capabilities of struct contract.
 */
#include "common/contract/build.h"

#include "common/base/arena.h"
#include "common/base/xalloc.h"
#include "common/contract/rules.h"

#define DEFAULT_EXPIRES_S 86400

/* Canonical text of a number, or the file's own where that would round. */
static struct span
build_number(
    const struct tree *t, struct arena *a, uint32_t object, const char *key)
{
	uint32_t node = tree_get(t, object, key);
	struct buf number = BUF_INIT;
	struct span out = {NULL, 0};

	if (tree_number(t, node, &number)) {
		struct span raw = json_raw(t->doc, node);
		struct span canonical = buf_as_span(&number);
		out = arena_span(a, rules_compare_numbers(raw, canonical) == 0
					? canonical
					: raw);
	}
	buf_clear(&number);
	return out;
}

/* Scalars of "enum". What is no scalar equals nothing: it is left out. */
static void
build_enum(const struct tree *t, struct arena *a, uint32_t list,
    struct contract_arg *arg)
{
	struct tree_iter it = tree_each(t, list);

	arg->allowed =
	    arena_array(a, tree_count(t, list) + 1U, sizeof(*arg->allowed));
	while (tree_is(t, list, JSON_ARRAY) && tree_next(t, &it)) {
		struct scalar *s = &arg->allowed[arg->allowed_count];
		if (scalar_from_json(t->doc, it.value, a, s) == 0) {
			arg->allowed_count++;
		}
	}
}

/* File order: it is the order of the checks and of the tool's input schema. */
static void
build_args(const struct tree *t, struct arena *a, uint32_t args,
    struct contract_capability *cap)
{
	struct tree_iter it = tree_each(t, args);

	cap->args = arena_array(a, tree_count(t, args), sizeof(*cap->args));
	while (tree_next(t, &it)) {
		struct contract_arg *arg = &cap->args[cap->arg_count++];
		uint32_t list = tree_get(t, it.value, "enum");

		*arg = (struct contract_arg){
		    .name = arena_strndup(a, it.key.ptr, it.key.len),
		    .type = (enum arg_type)build_choice(
			t, it.value, "type", contract_arg_types),
		    .description =
			build_text(t, a, it.value, "description", NULL),
		    .required = !tree_is(
			t, tree_get(t, it.value, "required"), JSON_FALSE),
		    .max_length = build_count(t, it.value, "max_length", 0),
		    .minimum = build_number(t, a, it.value, "minimum"),
		    .maximum = build_number(t, a, it.value, "maximum")};
		if (list != JSON_NONE) {
			build_enum(t, a, list, arg);
		}
	}
}

/* File order again: it is the order of the patch that is hashed. */
static void
build_patch(const struct tree *t, struct arena *a, uint32_t patch,
    struct contract_capability *cap)
{
	struct tree_iter it = tree_each(t, patch);

	cap->patch = arena_array(a, tree_count(t, patch), sizeof(*cap->patch));
	while (tree_next(t, &it)) {
		struct contract_patch *p = &cap->patch[cap->patch_count++];
		uint32_t fixed = tree_get(t, it.value, "fixed");

		p->column = arena_strndup(a, it.key.ptr, it.key.len);
		p->from_arg = build_text(t, a, it.value, "from_arg", NULL);
		if (fixed != JSON_NONE &&
		    scalar_from_json(t->doc, fixed, a, &p->fixed) != 0) {
			p->fixed = (struct scalar){.kind = SCALAR_KINDS};
		}
	}
}

/* Bounds stay in file order because the first one broken is reported. */
static void
build_bounds(const struct tree *t, struct arena *a, uint32_t bounds,
    struct contract_capability *cap)
{
	struct tree_iter it = tree_each(t, bounds);

	cap->bounds =
	    arena_array(a, tree_count(t, bounds), sizeof(*cap->bounds));
	while (tree_next(t, &it)) {
		cap->bounds[cap->bound_count++] = (struct contract_bound){
		    .column = arena_strndup(a, it.key.ptr, it.key.len),
		    .minimum = build_number(t, a, it.value, "minimum"),
		    .maximum = build_number(t, a, it.value, "maximum")};
	}
}

/* State names are data, not C strings: compared as spans with column text. */
static void
build_states(const struct tree *t, struct arena *a, uint32_t allowed,
    struct contract_transition *guard)
{
	struct tree_iter it = tree_each(t, allowed);

	guard->states =
	    arena_array(a, tree_count(t, allowed), sizeof(*guard->states));
	while (tree_next(t, &it)) {
		struct contract_state *s = &guard->states[guard->state_count++];
		struct tree_iter to = tree_each(t, it.value);

		s->from = arena_span(a, it.key);
		s->to = arena_array(a, to.left, sizeof(*s->to));
		while (tree_next(t, &to)) {
			s->to[s->to_count++] =
			    arena_span(a, tree_text(t, to.value));
		}
	}
}

/* Without from_column the state is the guarded column's own. */
static void
build_transitions(const struct tree *t, struct arena *a, uint32_t guards,
    struct contract_capability *cap)
{
	struct tree_iter it = tree_each(t, guards);

	cap->transitions =
	    arena_array(a, tree_count(t, guards), sizeof(*cap->transitions));
	while (tree_next(t, &it)) {
		struct contract_transition *g =
		    &cap->transitions[cap->transition_count++];

		g->column = arena_strndup(a, it.key.ptr, it.key.len);
		g->from_column =
		    build_text(t, a, it.value, "from_column", g->column);
		build_states(t, a, tree_get(t, it.value, "allowed"), g);
	}
}

/* A column name, or NULL when the field holds none. */
static const char *
build_column(
    const struct tree *t, struct arena *a, uint32_t object, const char *key)
{
	return tree_is_identifier(t, tree_get(t, object, key))
		   ? build_text(t, a, object, key, NULL)
		   : NULL;
}

/* Each column once, at the place where it first appears. */
static void
add_read_column(struct contract_capability *cap, const char *column)
{
	if (column != NULL && !contract_has_column(cap->read_columns,
				  cap->read_count, span_of(column))) {
		cap->read_columns[cap->read_count++] = column;
	}
}

/* engine.md §1.9: an ordered set. */
static void
build_read_columns(struct arena *a, struct contract_capability *cap)
{
	cap->read_columns =
	    arena_array(a, cap->visible_count + 3, sizeof(*cap->read_columns));
	for (size_t i = 0; i < cap->visible_count; i++) {
		add_read_column(cap, cap->visible_columns[i]);
	}
	add_read_column(cap, cap->primary_key);
	add_read_column(cap, cap->tenant_key);
	add_read_column(cap, cap->conflict_column);
}

/* The query fingerprint hashes exactly this text. */
static struct span
build_target_json(const struct tree *t, struct arena *a, uint32_t target)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	struct span copy;

	json_begin(&j, &text, 0);
	json_rewrite(&j, t->doc, target, a);
	copy = arena_span(a, buf_as_span(&text));
	buf_clear(&text);
	return copy;
}

/* tenant_key is NULL only for single_tenant_dev; validation saw to that. */
static void
build_target(const struct tree *t, struct arena *a, uint32_t node,
    struct contract_capability *cap)
{
	uint32_t target = tree_get(t, node, "target");

	cap->schema = build_text(t, a, target, "schema", NULL);
	cap->table = build_text(t, a, target, "table", NULL);
	cap->primary_key = build_text(t, a, target, "primary_key", NULL);
	cap->tenant_key = build_column(t, a, target, "tenant_key");
	cap->target_json = build_target_json(t, a, target);
}

/* What a read capability has of these fields is ignored, as in 0.1.1. */
static void
build_proposal(const struct tree *t, struct arena *a, uint32_t node,
    struct contract_capability *cap)
{
	uint32_t guard = tree_get(t, node, "conflict_guard");
	uint32_t approval = tree_get(t, node, "approval");

	build_patch(t, a, tree_get(t, node, "patch"), cap);
	build_bounds(t, a, tree_get(t, node, "numeric_bounds"), cap);
	build_transitions(t, a, tree_get(t, node, "transition_guards"), cap);
	cap->allowed_columns = build_list(
	    t, a, tree_get(t, node, "allowed_columns"), &cap->allowed_count);
	cap->weak_guard_ack = build_flag(t, guard, "weak_guard_ack");
	cap->required_role = build_text(t, a, approval, "required_role", NULL);
	cap->approval_expires_s =
	    build_count(t, approval, "expires_s", DEFAULT_EXPIRES_S);
	cap->approvals_needed =
	    build_count(t, approval, "required_approvals", 1);
	cap->signatures =
	    tree_is_text(t, tree_get(t, 0, "signatures"), "required") ||
	    tree_is_text(t, tree_get(t, approval, "signatures"), "required");
	cap->separate_applier = build_flag(t, approval, "separate_applier");
	cap->automatic = build_automatic(t, a, approval);
}

/* Only mode cloud gets here without any context; it never resolves locally. */
static const struct contract_context no_context = {
    .provider = PROVIDER_CLOUD_SESSION,
    .tenant_id_env = "",
    .principal_env = ""};

/* A name that is not given is empty and matches none of the contexts. */
static const struct contract_context *
find_context(const struct contract *c, struct span name)
{
	for (size_t i = 0; i < c->context_count; i++) {
		if (span_is(name, c->contexts[i].name)) {
			return &c->contexts[i];
		}
	}
	return c->trusted_context != NULL ? c->trusted_context : &no_context;
}

/* A declared executor of type sql_update is another name for direct SQL. */
static const struct contract_executor *
find_handler(const struct contract *c, const char *name)
{
	for (size_t i = 0; i < c->executor_count; i++) {
		const struct contract_executor *x = &c->executors[i];
		if (strcmp(x->name, name) == 0) {
			return x->type == EXECUTOR_SQL_UPDATE ? NULL : x;
		}
	}
	return NULL;
}

/* Names become pointers once, here, so that no request can miss. */
static void
build_references(const struct tree *t, const struct contract *c, uint32_t node,
    struct contract_capability *cap)
{
	cap->source =
	    contract_source(c, tree_text(t, tree_get(t, node, "source")));
	cap->context =
	    find_context(c, tree_text(t, tree_get(t, node, "context")));
	cs_assert(cap->source != NULL && cap->context != NULL);
	cap->executor = build_text(t, c->arena, node, "executor", "sql_update");
	/* The built-in name cannot be taken over by a declaration. */
	if (strcmp(cap->executor, "sql_update") != 0) {
		cap->handler = find_handler(c, cap->executor);
	}
}

static enum version_advance
build_advance(const struct tree *t, uint32_t guard)
{
	uint32_t advance = tree_get(t, guard, "advance");

	return tree_is_text(t, advance, "integer_increment")
		   ? ADVANCE_INTEGER_INCREMENT
	       : tree_is_text(t, advance, "database_generated")
		   ? ADVANCE_DATABASE_GENERATED
		   : ADVANCE_NOT_CHECKED;
}

/* The order of the fields is that of cli-config.md §1.6. */
static void
build_capability(const struct tree *t, const struct contract *c, uint32_t node,
    struct contract_capability *cap)
{
	struct arena *a = c->arena;

	cap->name = build_text(t, a, node, "name", NULL);
	cap->kind = tree_is_text(t, tree_get(t, node, "kind"), "proposal")
			? KIND_PROPOSAL
			: KIND_READ;
	cap->description = build_text(t, a, node, "description", NULL);
	cap->returns_hint = build_text(t, a, node, "returns_hint", NULL);
	cap->scope = build_text(t, a, node, "scope", NULL);
	build_references(t, c, node, cap);
	build_target(t, a, node, cap);
	build_args(t, a, tree_get(t, node, "args"), cap);
	cap->lookup_arg =
	    build_text(t, a, tree_get(t, node, "lookup"), "id_from_arg", NULL);
	cap->visible_columns = build_list(
	    t, a, tree_get(t, node, "visible_columns"), &cap->visible_count);
	cap->max_rows = build_count(t, node, "max_rows", 1);
	cap->conflict_column =
	    build_column(t, a, tree_get(t, node, "conflict_guard"), "column");
	cap->advance = build_advance(t, tree_get(t, node, "conflict_guard"));
	build_read_columns(a, cap);
	if (cap->kind == KIND_PROPOSAL) {
		build_proposal(t, a, node, cap);
	}
}

/* Its own limit, else the default one. */
static void
build_rate(const struct tree *t, struct contract_capability *cap)
{
	uint32_t limits = tree_get(t, 0, "rate_limits");
	uint32_t own = tree_find(
	    t, tree_get(t, limits, "capabilities"), span_of(cap->name));

	if (own == JSON_NONE) {
		own = tree_get(t, limits, "default");
	}
	cap->rate_requests = build_count(t, own, "requests", 0);
	cap->rate_window_s = build_count(t, own, "window_s", 0);
}

struct contract_capability *
contract_build_capabilities(const struct tree *t, struct contract *out)
{
	uint32_t list = tree_get(t, 0, "capabilities");
	struct tree_iter it = tree_each(t, list);
	struct contract_capability *caps =
	    arena_array(out->arena, tree_count(t, list), sizeof(*caps));

	while (tree_next(t, &it)) {
		struct contract_capability *cap = &caps[out->capability_count];
		cap->index = out->capability_count++;
		build_capability(t, out, it.value, cap);
		build_rate(t, cap);
	}
	return caps;
}
