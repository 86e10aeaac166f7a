/* What answers do. */
#include "cli/onboard/wizard_take.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

/* People paste the URL itself here: it must not get into a file. */
static int
need_env(const char *answer, struct err *e)
{
	return str_is_env_name(span_of(answer))
		   ? 0
		   : selection_wrong(e, "the name of an environment variable, "
					"please: capitals, digits and "
					"underscores, never the value itself");
}

int
wizard_check(const struct wizard *w, struct err *e)
{
	struct selection *s = NULL;
	int rc = 0;

	if (w->s->visible.count == 0 ||
	    (!selection_is(w->s, SEL_MODE, "read_only") &&
		w->s->text[SEL_MODE] != NULL && w->s->patch_count == 0)) {
		return 0;
	}
	s = arena_alloc(w->s->arena, sizeof(*s));
	*s = *w->s;
	selection_complete(s, "read_only");
	rc = selection_check(s, e);
	return rc != 0 ? rc : selection_check_columns(s, w->t, e);
}

/* One of the two variables of the trusted context. */
static int
take_env(struct wizard *w, enum selection_text which, const char *answer,
    struct err *e)
{
	int rc = need_env(answer, e);

	if (rc == 0) {
		w->s->text[which] = answer;
	}
	return rc;
}

int
take_tenant_env(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	return take_env(w, SEL_TENANT_ENV, answer, e);
}

int
take_principal_env(
    struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	return take_env(w, SEL_PRINCIPAL_ENV, answer, e);
}

int
take_engine(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	(void)e;
	w->request.engine = answer;
	return 0;
}

/* Look at a database; the answer stays in the arena. */
static int
look(struct wizard *w, const struct inspect_request *r, struct inspection *out,
    struct err *e)
{
	struct buf answer = BUF_INIT;
	int rc = inspect_run(r, &answer, e);

	if (rc == 0) {
		rc = inspection_read(
		    arena_span(w->s->arena, buf_as_span(&answer)), w->s->arena,
		    out, e);
	}
	buf_clear(&answer);
	return rc;
}

int
take_read_env(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	struct inspect_request r = w->request;
	int rc = need_env(answer, e);

	(void)k;
	if (rc != 0) {
		return rc;
	}
	w->request.env = r.env = answer;
	r.brief = true;
	r.schema = NULL;
	rc = look(w, &r, &w->all, e);
	if (rc == 0 && w->all.table_count == 0) {
		rc = selection_wrong(e, "this role may read no table there");
	}
	if (rc == 0) {
		w->s->text[SEL_READ_URL_ENV] = answer;
		w->s->text[SEL_ENGINE] = w->all.engine;
		wizard_summary(w);
	}
	return rc;
}

/* Only one in which the role may read something. */
int
take_schema(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	for (size_t i = 0; i < w->all.table_count; i++) {
		if (strcmp(w->all.tables[i].schema, answer) == 0) {
			w->s->text[SEL_SCHEMA] = answer;
			return 0;
		}
	}
	return selection_wrong(e, "no table was found in a schema %s", answer);
}

/* Another table: what was said about the last one is forgotten. */
static int
start_anew(struct wizard *w, struct err *e)
{
	struct selection *s = w->s;
	struct arena *a = s->arena;
	const char *engine = s->text[SEL_ENGINE];
	const char *schema = s->text[SEL_SCHEMA];
	int rc = 0;

	memset(s, 0, sizeof(*s));
	s->arena = a;
	w->has_recipe = false;
	w->mapped = (struct names){0};
	rc = selection_from_flags(s, w->args, e);
	s->text[SEL_ENGINE] = engine;
	s->text[SEL_SCHEMA] = schema;
	s->text[SEL_READ_URL_ENV] = w->request.env;
	return rc;
}

int
take_table(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	struct inspect_request r = w->request;
	struct inspection *found = arena_alloc(w->s->arena, sizeof(*found));
	const struct inspected_table *t =
	    inspection_find(&w->all, w->s->text[SEL_SCHEMA], answer);
	int rc = 0;

	(void)k;
	if (t == NULL) {
		return selection_wrong(e, "there is no table %s", answer);
	}
	if (!str_is_identifier(span_of(t->name)) ||
	    !str_is_identifier(span_of(t->schema))) {
		return selection_wrong(e,
		    "unsafe identifier in selection: a contract can only name "
		    "tables of letters, digits and underscores; make a view "
		    "with such a name");
	}
	r.brief = false;
	r.schema = t->schema;
	r.tables = t->name;
	rc = look(w, &r, found, e);
	if (rc == 0 && found->table_count == 0) {
		rc = selection_wrong(e, "%s is gone", answer);
	}
	if (rc == 0) {
		rc = w->t == NULL || strcmp(w->t->name, t->name) != 0
			 ? start_anew(w, e)
			 : 0;
		w->t = &found->tables[0];
		w->s->text[SEL_TABLE] = w->t->name;
		wizard_list_columns(w);
	}
	return rc;
}

/* A column of the table that a contract can name. */
static int
need_column(struct wizard *w, const char *answer, struct err *e)
{
	if (!inspected_has(w->t, answer)) {
		return selection_wrong(
		    e, "%s has no column %s", w->t->name, answer);
	}
	return str_is_identifier(span_of(answer))
		   ? 0
		   : selection_wrong(
			 e, "unsafe identifier in selection: %s", answer);
}

/* A column, or nothing. */
static int
take_column(struct wizard *w, enum selection_text which, const char *answer,
    struct err *e)
{
	int rc = answer[0] == '\0' ? 0 : need_column(w, answer, e);

	if (rc == 0) {
		w->s->text[which] = answer[0] == '\0' ? NULL : answer;
	}
	return rc;
}

/* The one answer that cannot be "none". */
int
take_key(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	return answer[0] == '\0'
		   ? selection_wrong(e, "tools find a row by one column")
		   : take_column(w, SEL_PRIMARY_KEY, answer, e);
}

/* No column leads to the next question, which asks whether that is meant. */
int
take_tenant(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	w->s->single_tenant_dev = false;
	return take_column(w, SEL_TENANT_KEY, answer, e);
}

/* Only the whole word: it opens every row to every caller. */
int
take_single(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	if (strcmp(answer, "yes") != 0) {
		return selection_wrong(e,
		    "without a tenant column every caller sees every row: "
		    "type yes, or b to go back");
	}
	w->s->single_tenant_dev = true;
	return 0;
}

int
take_conflict(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	return take_column(w, SEL_CONFLICT_COLUMN, answer, e);
}

int
take_weak(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)w;
	(void)k;
	return strcmp(answer, "yes") == 0
		   ? 0
		   : selection_wrong(e, "type yes, or b to go back");
}

/* The key, tenant and version columns are shown in any case. */
int
take_visible(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	struct names list = {0};
	int rc = 0;

	(void)k;
	names_split(&list, span_of(answer), w->s->arena);
	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		rc = need_column(w, list.items[i], e);
	}
	if (rc == 0 && list.count == 0) {
		rc = selection_wrong(e, "at least one column must be shown");
	}
	if (rc == 0) {
		w->s->visible = list;
	}
	return rc;
}

int
take_setup(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	(void)e;
	w->has_recipe = strcmp(answer, "recipe") == 0;
	return 0;
}

void
list_recipes(struct wizard *w)
{
	struct recipe r;

	wizard_say("Available recipes\n");
	for (size_t i = 0; recipe_texts[i] != NULL; i++) {
		if (recipe_read(
			span_of(recipe_texts[i]), w->s->arena, &r, NULL) == 0) {
			wizard_say("- %s: %s\n", r.id, r.title);
		}
	}
}

/* Another recipe begins its mapping anew. */
int
take_recipe(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	int rc = recipe_find(answer, w->s->arena, &w->recipe, e);

	(void)k;
	w->mapped = (struct names){0};
	if (rc == 0) {
		w->recipe_word = answer;
		wizard_say("Mapping recipe %s\n", w->recipe.id);
	}
	return rc;
}

/* The last column of the recipe brings the rest of it. */
int
take_mapping(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	int rc = need_column(w, answer, e);

	if (rc != 0) {
		return rc;
	}
	if (k < w->mapped.count) {
		w->mapped.items[k] = answer;
	} else {
		names_add(&w->mapped, answer, w->s->arena);
	}
	return w->mapped.count == w->recipe.columns.count
		   ? wizard_apply_recipe(w, e)
		   : 0;
}

int
take_patch(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	size_t before = w->s->patch_count;
	int rc = 0;

	(void)k;
	if (answer[0] == '\0' && before > 0) {
		return 0; /* what the flags said */
	}
	w->s->patch_count = w->s->fact_count = 0;
	w->s->allowed = (struct names){0};
	rc = answer[0] == '\0'
		 ? selection_wrong(e, "what may a proposal change?")
		 : selection_add_patch(w->s, answer, e);
	if (rc == 0) {
		selection_type_arguments(w->s, w->t);
		rc = wizard_check(w, e);
	}
	return rc;
}

/* Bounds that do not fit are forgotten, not kept half. */
int
take_bounds(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	if (answer[0] == '\0') {
		return 0;
	}
	w->s->bound_count = 0;
	if (selection_add_bound(w->s, answer, e) == 0 &&
	    wizard_check(w, e) == 0) {
		return 0;
	}
	w->s->bound_count = 0;
	return CS_E_INVALID;
}

/* As with bounds. */
int
take_guards(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	if (answer[0] == '\0') {
		return 0;
	}
	w->s->guard_count = 0;
	if (selection_add_guard(w->s, answer, e) == 0 &&
	    wizard_check(w, e) == 0) {
		return 0;
	}
	w->s->guard_count = 0;
	return CS_E_INVALID;
}

/* It is looked up by the first call, not here. */
int
take_smoke(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	(void)e;
	w->setup.smoke_id = answer[0] == '\0' ? NULL : answer;
	return 0;
}

int
take_edit(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	(void)e;
	w->is_editing = strcmp(answer, "yes") == 0;
	return 0;
}

/* The rules tell what is wrong before anything is written. */
int
take_write(struct wizard *w, size_t k, const char *answer, struct err *e)
{
	(void)k;
	return strcmp(answer, "yes") == 0 ? wizard_check(w, e) : WIZARD_CANCEL;
}
