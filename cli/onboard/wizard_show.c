/* What the wizard tells between its questions. */
#include "cli/onboard/wizard.h"

#include "common/base/arena.h"
#include "common/base/str.h"

#define LISTED_MAX 20
#define SHOWN_MAX  12

/* Names of a database, so that a terminal does not obey them. */
static const char *
shown(struct wizard *w, const char *text)
{
	struct buf escaped = BUF_INIT;
	const char *out = NULL;

	str_escape_for_people(&escaped, span_of(text));
	out = arena_strndup(w->s->arena, buf_text(&escaped), escaped.len);
	buf_clear(&escaped);
	return out;
}

/* The beginning of a list that may be long. */
static const char *
first_of(struct wizard *w, const struct names *n, size_t max)
{
	struct names few = *n;

	few.count = few.count > max ? max : few.count;
	return shown(w, names_join(&few, "none", w->s->arena));
}

void
wizard_summary(struct wizard *w)
{
	wizard_say("Engine: %s\nServer: %s\nCurrent user: %s\nSchemas: %s\n"
		   "Objects: %zu\n",
	    shown(w, w->all.engine), shown(w, w->all.server),
	    shown(w, w->all.user), first_of(w, &w->all.schemas, SHOWN_MAX),
	    w->all.table_count);
}

void
wizard_list_tables(struct wizard *w)
{
	const char *schema = w->s->text[SEL_SCHEMA];
	size_t listed = 0;

	for (size_t i = 0; i < w->all.table_count; i++) {
		const struct inspected_table *t = &w->all.tables[i];
		if (schema != NULL && strcmp(t->schema, schema) != 0) {
			continue;
		}
		if (listed++ == LISTED_MAX) {
			wizard_say("- ... and more\n");
			return;
		}
		wizard_say("- %s · %s · pk=%s · tenant=%s · conflict=%s\n",
		    shown(w,
			arena_printf(w->s->arena, "%s.%s", t->schema, t->name)),
		    t->is_view ? "view" : "table", first_of(w, &t->key, 4),
		    first_of(w, &t->tenant, 4), first_of(w, &t->conflict, 4));
	}
}

void
wizard_list_columns(struct wizard *w)
{
	wizard_say("\nColumns of %s:\n", shown(w, w->t->name));
	for (size_t i = 0; i < w->t->column_count; i++) {
		const struct inspected_column *c = &w->t->columns[i];
		wizard_say("- %s (%s)%s\n", shown(w, c->name),
		    shown(w, c->data_type),
		    names_have(&w->t->sensitive, c->name) ? ", looks sensitive"
							  : "");
	}
}

/* Columns that stay hidden from a model. */
static const char *
hidden_columns(struct wizard *w, const struct selection *s)
{
	struct names hidden = {0};

	for (size_t i = 0; i < w->t->column_count; i++) {
		const char *name = w->t->columns[i].name;
		if (!names_have(&s->visible, name) &&
		    !selection_is(s, SEL_PRIMARY_KEY, name) &&
		    !selection_is(s, SEL_TENANT_KEY, name) &&
		    !selection_is(s, SEL_CONFLICT_COLUMN, name)) {
			names_add(&hidden, name, s->arena);
		}
	}
	return first_of(w, &hidden, SHOWN_MAX);
}

static const char *
guard_of(const struct selection *s)
{
	if (s->text[SEL_CONFLICT_COLUMN] != NULL) {
		return s->text[SEL_CONFLICT_COLUMN];
	}
	return selection_proposes(s) ? "the visible columns (weak)"
				     : "none needed";
}

/* What a reviewer would ask for first. */
static void
preview_guards(struct wizard *w, const struct selection *s)
{
	wizard_say("  primary key: %s; conflict guard: %s\n",
	    s->text[SEL_PRIMARY_KEY], guard_of(s));
	wizard_say(
	    "  visible fields: %s\n", first_of(w, &s->visible, SHOWN_MAX));
	if (selection_proposes(s)) {
		wizard_say("  proposals may change: %s\n",
		    first_of(w, &s->allowed, SHOWN_MAX));
	}
}

void
wizard_preview(struct wizard *w)
{
	struct selection *s = arena_alloc(w->s->arena, sizeof(*s));

	*s = *w->s;
	selection_complete(s, "read_only");
	wizard_say("\n%s\n", w->is_editing ? "Updated preview:" : "Preview:");
	wizard_say(
	    "  trusted context: tenant from %s via %s; principal from %s\n",
	    s->text[SEL_TENANT_ENV],
	    s->text[SEL_TENANT_KEY] == NULL ? "(one tenant only)"
					    : s->text[SEL_TENANT_KEY],
	    s->text[SEL_PRINCIPAL_ENV]);
	wizard_say("  source: %s.%s of %s, read by %s\n", s->text[SEL_SCHEMA],
	    s->text[SEL_TABLE], s->text[SEL_SOURCE_NAME],
	    s->text[SEL_READ_URL_ENV]);
	preview_guards(w, s);
	wizard_say("  mode: %s\n  result envelope: v%s\n", s->text[SEL_MODE],
	    s->text[SEL_RESULT_FORMAT]);
	wizard_say("  writeback path: %s\n", selection_is(s, SEL_MODE, "review")
						 ? s->text[SEL_WRITEBACK]
						 : "none");
	wizard_say("  read capability: %s\n", s->text[SEL_READ_TOOL]);
	wizard_say("  proposal capability: %s\n",
	    selection_proposes(s) ? s->text[SEL_PROPOSAL_TOOL] : "none");
	wizard_say("  exposed tools: %s%s%s\n", s->text[SEL_READ_TOOL],
	    selection_proposes(s) ? ", " : "",
	    selection_proposes(s) ? s->text[SEL_PROPOSAL_TOOL] : "");
	wizard_say("  not exposed: execute_sql, approval, apply, database "
		   "URLs, the tenant, other tables, and of this table: %s\n",
	    hidden_columns(w, s));
}
