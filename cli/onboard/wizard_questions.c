/* The questions, in their order. */
#include "cli/onboard/wizard_take.h"

#include "common/base/arena.h"
#include "common/base/str.h"

/* When a question is asked. */

static bool
proposes(const struct wizard *w)
{
	return !selection_is(w->s, SEL_MODE, "read_only");
}

static size_t
if_proposing(const struct wizard *w)
{
	return proposes(w);
}

static size_t
if_review(const struct wizard *w)
{
	return selection_is(w->s, SEL_MODE, "review");
}

static size_t
if_sql(const struct wizard *w)
{
	return if_review(w) && !selection_has_handler(w->s);
}

static size_t
if_http(const struct wizard *w)
{
	return if_review(w) &&
	       selection_is(w->s, SEL_WRITEBACK, "http_handler");
}

static size_t
if_command(const struct wizard *w)
{
	return if_review(w) &&
	       selection_is(w->s, SEL_WRITEBACK, "command_handler");
}

/* Asked for confirmation only when there is none. */
static size_t
if_no_tenant(const struct wizard *w)
{
	return w->s->text[SEL_TENANT_KEY] == NULL;
}

static size_t
if_weak(const struct wizard *w)
{
	return proposes(w) && w->s->text[SEL_CONFLICT_COLUMN] == NULL;
}

static size_t
if_manual(const struct wizard *w)
{
	return proposes(w) && !w->has_recipe;
}

static size_t
if_recipe(const struct wizard *w)
{
	return proposes(w) && w->has_recipe;
}

/* Once for each column that the recipe knows. */
static size_t
each_recipe_column(const struct wizard *w)
{
	return if_recipe(w) ? w->recipe.columns.count : 0;
}

static size_t
if_editing(const struct wizard *w)
{
	return w->is_editing;
}

static size_t
if_editing_proposal(const struct wizard *w)
{
	return w->is_editing && proposes(w);
}

/* What an empty answer means. */

/* The text as it would be completed. */
static const char *
completed(const struct wizard *w, enum selection_text which)
{
	struct selection *s = arena_alloc(w->s->arena, sizeof(*s));

	*s = *w->s;
	selection_complete(s, "read_only");
	return s->text[which];
}

#define SUGGEST(name, which)                                \
	static const char *name(struct wizard *w, size_t k) \
	{                                                   \
		(void)k;                                    \
		return completed(w, which);                 \
	}

SUGGEST(suggest_tenant_env, SEL_TENANT_ENV)
SUGGEST(suggest_principal_env, SEL_PRINCIPAL_ENV)
SUGGEST(suggest_mode, SEL_MODE)
SUGGEST(suggest_namespace, SEL_NAMESPACE)
SUGGEST(suggest_object, SEL_OBJECT_NAME)
SUGGEST(suggest_id_arg, SEL_ID_ARG)
SUGGEST(suggest_read_tool, SEL_READ_TOOL)
SUGGEST(suggest_proposal_tool, SEL_PROPOSAL_TOOL)
SUGGEST(suggest_read_description, SEL_READ_DESCRIPTION)
SUGGEST(suggest_read_hint, SEL_READ_HINT)
SUGGEST(suggest_proposal_description, SEL_PROPOSAL_DESCRIPTION)
SUGGEST(suggest_proposal_hint, SEL_PROPOSAL_HINT)
SUGGEST(suggest_writeback, SEL_WRITEBACK)
SUGGEST(suggest_write_env, SEL_WRITE_URL_ENV)
SUGGEST(suggest_handler_url, SEL_HANDLER_URL_ENV)
SUGGEST(suggest_handler_token, SEL_HANDLER_TOKEN_ENV)
SUGGEST(suggest_handler_secret, SEL_HANDLER_SECRET_ENV)
SUGGEST(suggest_command, SEL_HANDLER_COMMAND_ENV)
SUGGEST(suggest_role, SEL_ROLE)

static const char *
suggest_engine(struct wizard *w, size_t k)
{
	(void)k;
	return w->request.engine;
}

static const char *
suggest_env(struct wizard *w, size_t k)
{
	(void)k;
	return w->request.env;
}

static const char *
suggest_schema(struct wizard *w, size_t k)
{
	(void)k;
	return w->s->text[SEL_SCHEMA] != NULL ? w->s->text[SEL_SCHEMA]
	       : w->all.table_count > 0       ? w->all.tables[0].schema
					      : "";
}

/* What was said, else the first one of the schema. */
static const char *
suggest_table(struct wizard *w, size_t k)
{
	(void)k;
	for (size_t i = 0;
	     w->s->text[SEL_TABLE] == NULL && i < w->all.table_count; i++) {
		if (selection_is(w->s, SEL_SCHEMA, w->all.tables[i].schema)) {
			return w->all.tables[i].name;
		}
	}
	return w->s->text[SEL_TABLE];
}

static const char *
suggest_key(struct wizard *w, size_t k)
{
	bool is_guess = false;

	(void)k;
	return w->s->text[SEL_PRIMARY_KEY] != NULL
		   ? w->s->text[SEL_PRIMARY_KEY]
		   : inspected_key(w->t, w->s->arena, &is_guess);
}

static const char *
suggest_tenant(struct wizard *w, size_t k)
{
	(void)k;
	return w->s->text[SEL_TENANT_KEY] != NULL ? w->s->text[SEL_TENANT_KEY]
	       : w->t->tenant.count > 0           ? w->t->tenant.items[0]
						  : NULL;
}

static const char *
suggest_conflict(struct wizard *w, size_t k)
{
	(void)k;
	return w->s->text[SEL_CONFLICT_COLUMN] != NULL
		   ? w->s->text[SEL_CONFLICT_COLUMN]
	       : w->t->conflict.count > 0 ? w->t->conflict.items[0]
					  : NULL;
}

/* What was said, else what is neither secret nor large. */
static const char *
suggest_visible(struct wizard *w, size_t k)
{
	struct names fit = {0};

	(void)k;
	for (size_t i = 0; w->s->visible.count == 0 && i < w->t->visible.count;
	     i++) {
		if (str_is_identifier(span_of(w->t->visible.items[i]))) {
			names_add(&fit, w->t->visible.items[i], w->s->arena);
		}
	}
	return names_join(
	    w->s->visible.count > 0 ? &w->s->visible : &fit, "", w->s->arena);
}

static const char *
suggest_setup(struct wizard *w, size_t k)
{
	(void)k;
	return w->has_recipe || w->recipe_word != NULL ? "recipe" : "manual";
}

static const char *
suggest_recipe(struct wizard *w, size_t k)
{
	(void)k;
	return w->recipe_word != NULL ? w->recipe_word
				      : "billing.late_fee_waiver";
}

/* What was said, else a column of the same name. */
static const char *
suggest_mapping(struct wizard *w, size_t k)
{
	const char *column = w->recipe.columns.items[k];

	if (k < w->mapped.count) {
		return w->mapped.items[k];
	}
	return inspected_has(w->t, column) ? column : NULL;
}

static const char *
ask_mapping(struct wizard *w, size_t k)
{
	return arena_printf(
	    w->s->arena, "Column for %s", w->recipe.columns.items[k]);
}

static const char *
suggest_smoke(struct wizard *w, size_t k)
{
	(void)k;
	return w->setup.smoke_id;
}

static const char *
suggest_format(struct wizard *w, size_t k)
{
	(void)k;
	return selection_is(w->s, SEL_RESULT_FORMAT, "1") ? "v1" : "v2";
}

static const char *
suggest_no(struct wizard *w, size_t k)
{
	(void)w;
	(void)k;
	return "no";
}

/* Headings. */

static void
tell_begin(struct wizard *w)
{
	(void)w;
	wizard_say(
	    "Countersign guided setup\n"
	    "Answers in [brackets] are taken with Enter; - takes none, b goes "
	    "back, nothing is written before the end.\n"
	    "Flow: inspect database -> create trusted context -> create "
	    "capability -> expose MCP tool.\n\n"
	    "Step 1: Inspect the database\n");
}

static void
tell_context(struct wizard *w)
{
	wizard_list_tables(w);
	wizard_say("\nStep 2: Create trusted context\n");
}

static void
tell_capability(struct wizard *w)
{
	(void)w;
	wizard_say("\nStep 3: Create capability\n");
}

/* Once more, when something was edited. */
static void
tell_write(struct wizard *w)
{
	if (w->is_editing) {
		wizard_preview(w);
	}
}

#define TEXT(label, which, count, suggest)                           \
	{                                                            \
		label, NULL, which, count, NULL, NULL, suggest, NULL \
	}
#define ASK(label, choices, count, before, suggest, take)              \
	{                                                              \
		label, choices, -1, count, before, NULL, suggest, take \
	}

const struct question wizard_questions[] = {
    ASK("Engine", "postgres/mysql/sqlite/auto", NULL, tell_begin,
	suggest_engine, take_engine),
    ASK("Variable with the read URL", NULL, NULL, NULL, suggest_env,
	take_read_env),
    ASK("Schema", NULL, NULL, NULL, suggest_schema, take_schema),
    ASK("Table", NULL, NULL, tell_context, suggest_table, take_table),
    ASK("Primary key", NULL, NULL, NULL, suggest_key, take_key),
    ASK("Tenant column", NULL, NULL, NULL, suggest_tenant, take_tenant),
    ASK("No tenant column: type yes if this is a database of one tenant", NULL,
	if_no_tenant, NULL, NULL, take_single),
    ASK("Variable with the tenant", NULL, NULL, NULL, suggest_tenant_env,
	take_tenant_env),
    ASK("Variable with the caller's name", NULL, NULL, NULL,
	suggest_principal_env, take_principal_env),
    {"Mode", "read_only/shadow/review", SEL_MODE, NULL, tell_capability, NULL,
	suggest_mode, NULL},
    ASK("Conflict column", NULL, if_proposing, NULL, suggest_conflict,
	take_conflict),
    ASK("Visible columns", NULL, NULL, NULL, suggest_visible, take_visible),
    ASK("No conflict column: type yes to compare the visible columns instead",
	NULL, if_weak, NULL, NULL, take_weak),
    ASK("Action setup", "manual/recipe", if_proposing, NULL, suggest_setup,
	take_setup),
    ASK("Recipe", NULL, if_recipe, list_recipes, suggest_recipe, take_recipe),
    {"Column", NULL, -1, each_recipe_column, NULL, ask_mapping, suggest_mapping,
	take_mapping},
    ASK("Patch (column=arg:name or column=fixed:value, comma-separated)", NULL,
	if_manual, NULL, NULL, take_patch),
    ASK("Numeric bounds (column=min:max)", NULL, if_manual, NULL, NULL,
	take_bounds),
    ASK("Transition guards (column=from:to|to;from:to)", NULL, if_manual, NULL,
	NULL, take_guards),
    TEXT("Namespace", SEL_NAMESPACE, NULL, suggest_namespace),
    TEXT("Object name", SEL_OBJECT_NAME, NULL, suggest_object),
    TEXT("Id argument", SEL_ID_ARG, NULL, suggest_id_arg),
    TEXT("Read capability", SEL_READ_TOOL, NULL, suggest_read_tool),
    TEXT("Proposal capability", SEL_PROPOSAL_TOOL, if_proposing,
	suggest_proposal_tool),
    ASK("A real id for the first call (optional)", NULL, NULL, NULL,
	suggest_smoke, take_smoke),
    TEXT("Read description", SEL_READ_DESCRIPTION, NULL,
	suggest_read_description),
    TEXT("Read returns hint", SEL_READ_HINT, NULL, suggest_read_hint),
    TEXT("Proposal description", SEL_PROPOSAL_DESCRIPTION, if_proposing,
	suggest_proposal_description),
    TEXT("Proposal returns hint", SEL_PROPOSAL_HINT, if_proposing,
	suggest_proposal_hint),
    {"Result envelope", "v2/v1/default", SEL_RESULT_FORMAT, NULL, NULL, NULL,
	suggest_format, NULL},
    {"Writeback path", "sql_update/http_handler/command_handler", SEL_WRITEBACK,
	if_review, NULL, NULL, suggest_writeback, NULL},
    TEXT("Variable with the write URL", SEL_WRITE_URL_ENV, if_sql,
	suggest_write_env),
    TEXT("Variable with the handler's URL", SEL_HANDLER_URL_ENV, if_http,
	suggest_handler_url),
    TEXT("Variable with the handler's token (optional)", SEL_HANDLER_TOKEN_ENV,
	if_http, suggest_handler_token),
    TEXT("Variable with the signing secret (optional)", SEL_HANDLER_SECRET_ENV,
	if_http, suggest_handler_secret),
    TEXT("Variable with the command", SEL_HANDLER_COMMAND_ENV, if_command,
	suggest_command),
    TEXT("Role that reviewers need", SEL_ROLE, if_proposing, suggest_role),
    ASK("Edit columns and names before writing?", "yes/no", NULL,
	wizard_preview, suggest_no, take_edit),
    ASK("Visible columns", NULL, if_editing, NULL, suggest_visible,
	take_visible),
    TEXT("Read capability", SEL_READ_TOOL, if_editing, suggest_read_tool),
    TEXT("Proposal capability", SEL_PROPOSAL_TOOL, if_editing_proposal,
	suggest_proposal_tool),
    ASK("Write these files? Type yes", NULL, NULL, tell_write, suggest_no,
	take_write),
    {NULL, NULL, -1, NULL, NULL, NULL, NULL, NULL},
};
