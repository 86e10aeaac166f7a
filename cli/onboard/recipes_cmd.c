/* countersign recipes list, show, init. */
#include "cli/args.h"
#include "cli/onboard/commands.h"
#include "cli/onboard/recipes.h"
#include "cli/onboard/setup.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"

/* A member as it stands in the recipe. */
static void
put_member(struct json_out *j, const struct recipe *r, const char *key,
    struct arena *a)
{
	uint32_t n = json_get(&r->doc, 0, key);

	if (n != JSON_NONE) {
		json_key(j, key);
		json_rewrite(j, &r->doc, n, a);
	}
}

/* The shape of 0.1.1: what one chooses by. */
static int
list_json(struct view *v, struct err *e)
{
	static const char *const keys[] = {
	    "id", "title", "summary", "semantic_tools"};
	struct json_out j;
	struct recipe r;
	int rc = 0;

	json_begin(&j, &v->out, 2);
	json_open(&j, '{');
	json_key(&j, "recipes");
	json_open(&j, '[');
	for (size_t i = 0; rc == 0 && recipe_texts[i] != NULL; i++) {
		rc = recipe_read(span_of(recipe_texts[i]), v->arena, &r, e);
		json_open(&j, '{');
		for (size_t k = 0; rc == 0 && k < 4; k++) {
			put_member(&j, &r, keys[k], v->arena);
		}
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	view_print(v, "\n");
	return rc;
}

/* "a, b" of a list, escaped; a text as it is. */
static const char *
words_of(struct view *v, const char *key)
{
	uint32_t n = json_get(&v->doc, 0, key);
	struct names list = {0};

	if (n == JSON_NONE || v->doc.nodes[n].type != JSON_ARRAY) {
		return view_text(v, 0, key, "none");
	}
	for (uint32_t c = view_first(v, n); c != JSON_NONE;
	     c = view_next(v, n, c)) {
		names_add(&list, view_scalar(v, c), v->arena);
	}
	return names_join(&list, "none", v->arena);
}

int
cmd_recipes_list(const struct args *a, struct err *e)
{
	struct view v = {.arena = arena_new()};
	struct recipe r;
	int rc = args_has(a, "json") ? list_json(&v, e) : 0;

	for (size_t i = 0;
	     rc == 0 && !args_has(a, "json") && recipe_texts[i] != NULL; i++) {
		rc = recipe_read(span_of(recipe_texts[i]), v.arena, &r, e);
		if (rc == 0) {
			v.doc = r.doc;
			view_print(&v, "%s: %s\n  %s\n  tools: %s\n", r.id,
			    r.title, r.summary, words_of(&v, "semantic_tools"));
		}
	}
	view_flush(&v);
	arena_free(&v.arena);
	return rc;
}

/* The labels of 0.1.1. */
static void
print_recipe(struct view *v)
{
	static const struct {
		const char *label, *key;
	} lines[] = {
	    {"Expected table", "expected_table_type"},
	    {"Required columns", "required_columns"},
	    {"Primary key", "recommended_primary_key"},
	    {"Tenant key", "recommended_tenant_key"},
	    {"Conflict/version column", "recommended_conflict_column"},
	    {"Visible columns", "visible_columns"},
	    {"Allowed write columns", "allowed_write_columns"},
	    {"Tools", "semantic_tools"},
	};
	uint32_t notes = json_get_type(&v->doc, 0, "notes", JSON_ARRAY);

	view_print(v, "%s: %s\n%s\n", view_text(v, 0, "id", ""),
	    view_text(v, 0, "title", ""), view_text(v, 0, "summary", ""));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		view_print(
		    v, "%s: %s\n", lines[i].label, words_of(v, lines[i].key));
	}
	for (uint32_t n = view_first(v, notes); n != JSON_NONE;
	     n = view_next(v, notes, n)) {
		view_print(v, "- %s\n", view_scalar(v, n));
	}
}

/* Exactly one word names it. */
static int
want_recipe(
    const struct args *a, struct arena *arena, struct recipe *r, struct err *e)
{
	if (a->word_count != 1) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "which recipe? countersign recipes list shows all");
	}
	return recipe_find(a->words[0], arena, r, e);
}

int
cmd_recipes_show(const struct args *a, struct err *e)
{
	struct view v = {.arena = arena_new()};
	struct recipe r;
	int rc = want_recipe(a, v.arena, &r, e);

	if (rc == 0) {
		v.doc = r.doc;
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else {
			print_recipe(&v);
		}
	}
	view_flush(&v);
	arena_free(&v.arena);
	return rc;
}

int
cmd_recipes_init(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct selection *s = arena_alloc(arena, sizeof(*s));
	struct buf out = BUF_INIT;
	struct setup u;
	struct recipe r = {0};
	int rc = want_recipe(a, arena, &r, e);

	setup_take(a, &u);
	s->arena = arena;
	s->is_spec = true;
	if (rc == 0) {
		rc = selection_from_json(s, r.spec, e);
	}
	if (rc == 0) {
		rc = selection_from_flags(s, a, e);
	}
	if (rc == 0) {
		selection_complete(s, "review");
		rc = setup_write(&u, s, e);
	}
	if (rc == 0 && !u.dry_run) {
		buf_printf(&out,
		    "initialized recipe %s\nReview table, columns, bounds and "
		    "role: a recipe does not know your database.\n",
		    r.id);
		setup_print_next(&u, s, &out);
		setup_flush(&out);
	}
	buf_clear(&out);
	arena_free(&arena);
	return rc;
}
