/* What the table itself suggests for a selection. */
#include "cli/onboard/selection.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/str.h"

#define LISTED_MAX 12

/* With what there is, so that a typing error is seen. */
static int
not_found(const struct selection *s, const struct inspection *in,
    const char *table, struct err *e)
{
	struct names found = {0};

	for (size_t i = 0; i < in->table_count && i < LISTED_MAX; i++) {
		names_add(&found,
		    arena_printf(s->arena, "%s.%s", in->tables[i].schema,
			in->tables[i].name),
		    s->arena);
	}
	return selection_wrong(e,
	    "table %s was not found, or the role may not read it; there is: %s",
	    table, names_join(&found, "nothing", s->arena));
}

/* The key of one column, or what was named. */
static int
take_key(struct selection *s, const struct inspected_table *t,
    struct buf *warnings, struct err *e)
{
	bool is_guess = false;
	const char *key = inspected_key(t, s->arena, &is_guess);

	if (s->text[SEL_PRIMARY_KEY] != NULL) {
		key = s->text[SEL_PRIMARY_KEY];
		is_guess = !names_have(&t->single_unique, key) &&
			   !(t->key.count == 1 && names_have(&t->key, key));
	}
	if (key == NULL) {
		return selection_wrong(e,
		    "%s has no key of one column (primary key: %s); name the "
		    "column that finds one row with --primary-key",
		    t->name, names_join(&t->key, "none", s->arena));
	}
	if (is_guess) {
		buf_printf(warnings,
		    "%s: nothing makes %s unique alone; a call that would meet "
		    "two rows is refused\n",
		    t->name, key);
	}
	s->text[SEL_PRIMARY_KEY] = key;
	return 0;
}

/* Never guessed away: without one, somebody must say so. */
static int
take_tenant(struct selection *s, const struct inspected_table *t, struct err *e)
{
	if (s->text[SEL_TENANT_KEY] != NULL || s->single_tenant_dev) {
		return 0;
	}
	if (t->tenant.count == 0) {
		return selection_wrong(e,
		    "%s has no column that looks like a tenant's; name it with "
		    "--tenant-column, or say --single-tenant-dev for a "
		    "database of one tenant",
		    t->name);
	}
	s->text[SEL_TENANT_KEY] = t->tenant.items[0];
	return 0;
}

/* Odd names are left out: a contract cannot hold them. */
static int
take_visible(struct selection *s, const struct inspected_table *t,
    struct buf *warnings, struct err *e)
{
	if (s->visible.count > 0) {
		return 0;
	}
	for (size_t i = 0; i < t->visible.count; i++) {
		const char *name = t->visible.items[i];
		if (str_is_identifier(span_of(name))) {
			names_add(&s->visible, name, s->arena);
		} else {
			buf_puts(warnings, "left out, for its name is not "
					   "letters, digits and underscores: ");
			str_escape_for_people(warnings, span_of(name));
			buf_putc(warnings, '\n');
		}
	}
	return s->visible.count > 0
		   ? 0
		   : selection_wrong(e,
			 "no column of %s can be shown; name some with "
			 "--visible-columns",
			 t->name);
}

/* A column that was named but is not there. */
static int
must_have(const struct inspected_table *t, const char *column, struct err *e)
{
	return column == NULL || inspected_has(t, column)
		   ? 0
		   : selection_wrong(e, "%s has no column %s", t->name, column);
}

int
selection_check_columns(
    const struct selection *s, const struct inspected_table *t, struct err *e)
{
	static const enum selection_text texts[] = {
	    SEL_PRIMARY_KEY, SEL_TENANT_KEY, SEL_CONFLICT_COLUMN};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < 3; i++) {
		rc = must_have(t, s->text[texts[i]], e);
	}
	for (size_t i = 0; rc == 0 && i < s->visible.count; i++) {
		rc = must_have(t, s->visible.items[i], e);
	}
	for (size_t i = 0; rc == 0 && i < s->allowed.count; i++) {
		rc = must_have(t, s->allowed.items[i], e);
	}
	for (size_t i = 0; rc == 0 && i < s->patch_count; i++) {
		const struct inspected_column *c =
		    inspected_column(t, s->patch[i].column);

		rc = must_have(t, s->patch[i].column, e);
		if (rc == 0 && c != NULL && c->generated) {
			rc = selection_wrong(e,
			    "%s is computed by the database and cannot be "
			    "changed",
			    c->name);
		}
	}
	if (rc == 0 && s->patch_count > 0 && t->is_view) {
		rc = selection_wrong(e,
		    "%s is a view: nothing is changed through views; take "
		    "its table, or --mode read_only",
		    t->name);
	}
	return rc;
}

/* Numbers and booleans are asked for as such. */
void
selection_type_arguments(struct selection *s, const struct inspected_table *t)
{
	static const char *const numeric[] = {"int", "numeric", "decimal",
	    "real", "double", "float", "serial", NULL};

	for (size_t i = 0; i < s->patch_count; i++) {
		const struct inspected_column *c =
		    inspected_column(t, s->patch[i].column);
		const char *const *word = numeric;

		if (c == NULL || s->patch[i].from_arg == NULL ||
		    s->fact_count == ARG_FACTS_MAX) {
			continue;
		}
		while (*word != NULL && strstr(c->data_type, *word) == NULL) {
			word++;
		}
		bool flag = strncmp(c->data_type, "bool", 4) == 0;
		if (flag ||
		    (*word != NULL && strcmp(c->data_type, "interval") != 0 &&
			strstr(c->data_type, "point") == NULL)) {
			s->facts[s->fact_count++] =
			    (struct selected_arg){s->patch[i].from_arg, "type",
				span_of(flag ? "\"boolean\"" : "\"number\"")};
		}
	}
}

int
selection_from_table(struct selection *s, const struct inspection *in,
    struct buf *warnings, struct err *e)
{
	const char *table = s->text[SEL_TABLE];
	const struct inspected_table *t = NULL;
	int rc = 0;

	if (table == NULL) {
		return selection_wrong(
		    e, "--table is required: the table that tools shall read");
	}
	t = inspection_find(in, s->text[SEL_SCHEMA], table);
	if (t == NULL) {
		return not_found(s, in, table, e);
	}
	s->text[SEL_ENGINE] = in->engine;
	s->text[SEL_SCHEMA] = t->schema;
	s->text[SEL_TABLE] = t->name;
	rc = take_key(s, t, warnings, e);
	if (rc == 0) {
		rc = take_tenant(s, t, e);
	}
	if (rc == 0 && s->text[SEL_CONFLICT_COLUMN] == NULL &&
	    t->conflict.count > 0) {
		s->text[SEL_CONFLICT_COLUMN] = t->conflict.items[0];
	}
	if (rc == 0 && s->text[SEL_CONFLICT_COLUMN] == NULL &&
	    !selection_is(s, SEL_MODE, "read_only")) {
		buf_printf(warnings,
		    "%s has no column that tells one version of a row from the "
		    "next: a proposal compares the columns it shows instead "
		    "(weak_guard_ack)\n",
		    t->name);
	}
	if (rc == 0) {
		rc = take_visible(s, t, warnings, e);
	}
	if (rc == 0) {
		rc = selection_check_columns(s, t, e);
	}
	selection_type_arguments(s, t);
	return rc;
}
