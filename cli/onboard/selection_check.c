/* The rules of a selection, in the order in which 0.1.1 tells them. */
#include "cli/onboard/selection.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/rules.h"

typedef int (*rule_fn)(const struct selection *s, struct err *e);

/* A word from a closed list; `said` tells the list to people. */
static int
one_of(const struct selection *s, enum selection_text which,
    const char *const *list, const char *said, struct err *e)
{
	while (*list != NULL && !selection_is(s, which, *list)) {
		list++;
	}
	return *list != NULL ? 0
			     : selection_wrong(e, "%s must be %s, not %s",
				   selection_words[which].name, said,
				   selection_text(s, which));
}

/* Engine, mode, format and writeback. */
static int
check_words(const struct selection *s, struct err *e)
{
	static const char *const engines[] = {
	    "postgres", "mysql", "sqlite", NULL};
	static const char *const modes[] = {
	    "read_only", "shadow", "review", NULL};
	static const char *const formats[] = {"1", "2", NULL};
	static const char *const writebacks[] = {
	    "sql_update", "http_handler", "command_handler", NULL};
	int rc = one_of(s, SEL_ENGINE, engines, "postgres, mysql or sqlite", e);

	if (rc == 0) {
		rc = one_of(
		    s, SEL_MODE, modes, "read_only, shadow or review", e);
	}
	if (rc == 0) {
		rc = one_of(s, SEL_RESULT_FORMAT, formats,
		    "v1, 1, v2, 2 or default", e);
	}
	if (rc == 0) {
		rc = one_of(s, SEL_WRITEBACK, writebacks,
		    "sql_update, http_handler or command_handler", e);
	}
	if (rc == 0 && selection_has_handler(s) &&
	    !selection_is(s, SEL_MODE, "review")) {
		rc = selection_wrong(e, "app-owned writeback executors are "
					"only valid in review mode.");
	}
	return rc;
}

/* Texts until here: they go into the contract as numbers. */
static int
check_numbers(const struct selection *s, struct err *e)
{
	static const enum selection_text texts[] = {
	    SEL_STATEMENT_TIMEOUT, SEL_HANDLER_TIMEOUT};

	for (size_t i = 0; i < 2; i++) {
		const char *text = s->text[texts[i]];
		if (text != NULL && str_to_number(text, 86400000) < 1) {
			return selection_wrong(e,
			    "%s must be a positive number of milliseconds",
			    selection_words[texts[i]].name);
		}
	}
	return 0;
}

/* Without these no contract can be made. */
static int
check_required(const struct selection *s, struct err *e)
{
	static const enum selection_text texts[] = {
	    SEL_SCHEMA, SEL_TABLE, SEL_PRIMARY_KEY, SEL_NAMESPACE};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (s->text[texts[i]] == NULL) {
			return selection_wrong(e, "selection missing %s",
			    selection_words[texts[i]].name);
		}
	}
	if (s->text[SEL_TENANT_KEY] == NULL && !s->single_tenant_dev) {
		return selection_wrong(e,
		    "selection needs tenant_key, or single_tenant_dev: true "
		    "for a database of one tenant");
	}
	if (s->visible.count == 0) {
		return selection_wrong(
		    e, "selection needs at least one visible column");
	}
	if (!selection_is(s, SEL_MODE, "read_only") && s->patch_count == 0) {
		return selection_wrong(e,
		    "mode %s needs something to propose: give --patch "
		    "column=arg:name or column=fixed:value, or take "
		    "--mode read_only",
		    selection_text(s, SEL_MODE));
	}
	return 0;
}

/* Does a proposal change the column? */
static bool
is_patched(const struct selection *s, const char *column)
{
	for (size_t i = 0; i < s->patch_count; i++) {
		if (strcmp(s->patch[i].column, column) == 0) {
			return true;
		}
	}
	return false;
}

/* What identifies a row must not be changed by what it identifies. */
static int
check_patch(const struct selection *s, struct err *e)
{
	static const enum selection_text guards[] = {
	    SEL_PRIMARY_KEY, SEL_TENANT_KEY, SEL_CONFLICT_COLUMN};

	for (size_t i = 0; i < s->patch_count; i++) {
		const struct selected_patch *p = &s->patch[i];
		if (!names_have(&s->allowed, p->column)) {
			return selection_wrong(e,
			    "patch column %s is not in allowed columns.",
			    p->column);
		}
		for (size_t k = 0; k < 3; k++) {
			if (selection_is(s, guards[k], p->column)) {
				return selection_wrong(e,
				    "%s is the %s: it tells which row it is "
				    "and never changes",
				    p->column, selection_words[guards[k]].name);
			}
		}
		if (p->from_arg != NULL &&
		    selection_is(s, SEL_ID_ARG, p->from_arg)) {
			return selection_wrong(e,
			    "argument %s finds the row already; give the new "
			    "value of %s another name",
			    p->from_arg, p->column);
		}
	}
	return 0;
}

/* A bound on a column that does not change bounds nothing. */
static int
check_bounds(const struct selection *s, struct err *e)
{
	for (size_t i = 0; i < s->bound_count; i++) {
		const struct selected_bound *b = &s->bounds[i];
		if (!is_patched(s, b->column)) {
			return selection_wrong(e,
			    "numeric bound column %s is not in patch.",
			    b->column);
		}
		if (b->minimum.len == 0 && b->maximum.len == 0) {
			return selection_wrong(
			    e, "numeric bound %s is empty.", b->column);
		}
		if (b->minimum.len > 0 && b->maximum.len > 0 &&
		    rules_compare_numbers(b->minimum, b->maximum) > 0) {
			return selection_wrong(e,
			    "numeric bound %s: minimum is above maximum.",
			    b->column);
		}
	}
	return 0;
}

/* A transition is judged by what was read. */
static bool
is_readable(const struct selection *s, const char *column)
{
	return selection_is(s, SEL_PRIMARY_KEY, column) ||
	       selection_is(s, SEL_TENANT_KEY, column) ||
	       selection_is(s, SEL_CONFLICT_COLUMN, column) ||
	       names_have(&s->visible, column);
}

/* As with bounds; and the state must be known. */
static int
check_guards(const struct selection *s, struct err *e)
{
	for (size_t i = 0; i < s->guard_count; i++) {
		const struct selected_guard *g = &s->guards[i];
		const char *from =
		    g->from_column == NULL ? g->column : g->from_column;

		if (!is_patched(s, g->column)) {
			return selection_wrong(e,
			    "transition guard column %s is not in patch.",
			    g->column);
		}
		if (!is_readable(s, from)) {
			return selection_wrong(e,
			    "transition guard of %s reads %s, which is not "
			    "visible: add it to the visible columns.",
			    g->column, from);
		}
		if (g->count == 0) {
			return selection_wrong(e,
			    "transition guard of %s allows nothing.",
			    g->column);
		}
	}
	return 0;
}

/* Such names become part of statements, so nothing else is let through. */
static int
identifier(const char *text, struct err *e)
{
	struct buf shown = BUF_INIT;
	int rc = 0;

	if (text != NULL && !str_is_identifier(span_of(text))) {
		str_escape_for_people(&shown, span_of(text));
		rc = selection_wrong(e,
		    "unsafe identifier in selection: %s (letters, digits and "
		    "underscores; a view can give it another name)",
		    buf_text(&shown));
		buf_clear(&shown);
	}
	return rc;
}

/* Each of a list. */
static int
identifiers(const struct names *n, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n->count; i++) {
		rc = identifier(n->items[i], e);
	}
	return rc;
}

/* Every name that will stand in the contract as one. */
static int
check_identifiers(const struct selection *s, struct err *e)
{
	static const enum selection_text texts[] = {SEL_SOURCE_NAME, SEL_SCHEMA,
	    SEL_TABLE, SEL_PRIMARY_KEY, SEL_TENANT_KEY, SEL_CONFLICT_COLUMN,
	    SEL_ID_ARG};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(texts) / sizeof(texts[0]);
	     i++) {
		rc = identifier(s->text[texts[i]], e);
	}
	if (rc == 0) {
		rc = identifiers(&s->visible, e);
	}
	if (rc == 0) {
		rc = identifiers(&s->allowed, e);
	}
	for (size_t i = 0; rc == 0 && i < s->patch_count; i++) {
		rc = identifier(s->patch[i].column, e);
		if (rc == 0) {
			rc = identifier(s->patch[i].from_arg, e);
		}
	}
	for (size_t i = 0; rc == 0 && i < s->guard_count; i++) {
		rc = identifier(s->guards[i].from_column, e);
	}
	return rc;
}

/* Tools are called by these names. */
static int
check_tools(const struct selection *s, struct err *e)
{
	static const enum selection_text texts[] = {
	    SEL_READ_TOOL, SEL_PROPOSAL_TOOL};

	for (size_t i = 0; i < 2; i++) {
		const char *name = selection_text(s, texts[i]);
		if (!str_is_capability_name(span_of(name))) {
			return selection_wrong(e,
			    "tool name %s must be two words joined by a dot, "
			    "like billing.inspect_invoice",
			    name);
		}
	}
	if (selection_is(s, SEL_READ_TOOL, s->text[SEL_PROPOSAL_TOOL])) {
		return selection_wrong(
		    e, "both tools would be called %s", s->text[SEL_READ_TOOL]);
	}
	return 0;
}

/* Names of variables, for a value would be in a file then. */
static int
check_envs(const struct selection *s, struct err *e)
{
	static const enum selection_text texts[] = {SEL_READ_URL_ENV,
	    SEL_WRITE_URL_ENV, SEL_TENANT_ENV, SEL_PRINCIPAL_ENV,
	    SEL_HANDLER_URL_ENV, SEL_HANDLER_TOKEN_ENV, SEL_HANDLER_SECRET_ENV,
	    SEL_HANDLER_COMMAND_ENV};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text = s->text[texts[i]];
		/* Not quoted: it may be the secret itself. */
		if (text != NULL && !str_is_env_name(span_of(text))) {
			return selection_wrong(e,
			    "%s must be the name of an environment variable "
			    "(capitals, digits, underscores), never a value",
			    selection_words[texts[i]].name);
		}
	}
	return 0;
}

int
selection_check(const struct selection *s, struct err *e)
{
	static const rule_fn rules[] = {check_words, check_numbers,
	    check_required, check_identifiers, check_patch, check_bounds,
	    check_guards, check_tools, check_envs};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(rules) / sizeof(rules[0]);
	     i++) {
		rc = rules[i](s, e);
	}
	return rc;
}
