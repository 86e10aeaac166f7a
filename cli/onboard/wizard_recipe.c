/* Recipes in the wizard: their columns are mapped to those of the table. */
#include "cli/onboard/wizard.h"

#include "common/base/arena.h"

static const char *
mapped(const struct wizard *w, const char *column)
{
	for (size_t i = 0; i < w->mapped.count; i++) {
		if (strcmp(w->recipe.columns.items[i], column) == 0) {
			return w->mapped.items[i];
		}
	}
	return column;
}

/* The texts that a recipe brings, unless flags said otherwise. */
static void
take_names(struct selection *s, const struct selection *r)
{
	static const enum selection_text texts[] = {SEL_NAMESPACE,
	    SEL_OBJECT_NAME, SEL_ID_ARG, SEL_READ_TOOL, SEL_PROPOSAL_TOOL,
	    SEL_READ_DESCRIPTION, SEL_READ_HINT, SEL_PROPOSAL_DESCRIPTION,
	    SEL_PROPOSAL_HINT, SEL_ROLE};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (s->text[texts[i]] == NULL) {
			s->text[texts[i]] = r->text[texts[i]];
		}
	}
}

int
wizard_apply_recipe(struct wizard *w, struct err *e)
{
	struct selection *r = arena_alloc(w->s->arena, sizeof(*r));
	struct selection *s = w->s;
	int rc = 0;

	r->arena = s->arena;
	rc = selection_from_json(r, w->recipe.spec, e);
	if (rc != 0) {
		return rc;
	}
	take_names(s, r);
	memcpy(s->patch, r->patch, sizeof(s->patch));
	memcpy(s->bounds, r->bounds, sizeof(s->bounds));
	memcpy(s->guards, r->guards, sizeof(s->guards));
	memcpy(s->facts, r->facts, sizeof(s->facts));
	s->patch_count = r->patch_count;
	s->bound_count = r->bound_count;
	s->guard_count = r->guard_count;
	s->fact_count = r->fact_count;
	s->allowed = (struct names){0};
	for (size_t i = 0; i < s->patch_count; i++) {
		s->patch[i].column = mapped(w, s->patch[i].column);
	}
	for (size_t i = 0; i < s->bound_count; i++) {
		s->bounds[i].column = mapped(w, s->bounds[i].column);
	}
	for (size_t i = 0; i < s->guard_count; i++) {
		s->guards[i].column = mapped(w, s->guards[i].column);
		if (s->guards[i].from_column != NULL) {
			s->guards[i].from_column =
			    mapped(w, s->guards[i].from_column);
		}
	}
	for (size_t i = 0; i < w->mapped.count; i++) {
		if (!names_have(&s->visible, w->mapped.items[i])) {
			names_add(&s->visible, w->mapped.items[i], s->arena);
		}
	}
	return 0;
}
