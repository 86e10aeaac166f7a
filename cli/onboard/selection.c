#include "cli/onboard/selection.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/args.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

const struct selection_word selection_words[SELECTION_TEXTS] = {
    [SEL_ENGINE] = {"engine", NULL},
    [SEL_MODE] = {"mode", NULL},
    [SEL_SOURCE_NAME] = {"source_name", NULL},
    [SEL_READ_URL_ENV] = {"read_url_env", "database_url_env"},
    [SEL_WRITE_URL_ENV] = {"write_url_env", NULL},
    [SEL_SCHEMA] = {"schema", NULL},
    [SEL_TABLE] = {"table", NULL},
    [SEL_PRIMARY_KEY] = {"primary_key", NULL},
    [SEL_TENANT_KEY] = {"tenant_key", "tenant_column"},
    [SEL_CONFLICT_COLUMN] = {"conflict_column", NULL},
    [SEL_OBJECT_NAME] = {"object_name", NULL},
    [SEL_NAMESPACE] = {"namespace", NULL},
    [SEL_READ_TOOL] = {"inspect_tool_name", "read_tool"},
    [SEL_PROPOSAL_TOOL] = {"proposal_tool_name", "proposal_tool"},
    [SEL_ID_ARG] = {"lookup_arg", "id_arg"},
    [SEL_READ_DESCRIPTION] = {"inspect_description", "read_description"},
    [SEL_READ_HINT] = {"inspect_returns_hint", "read_returns_hint"},
    [SEL_PROPOSAL_DESCRIPTION] = {"proposal_description", NULL},
    [SEL_PROPOSAL_HINT] = {"proposal_returns_hint", NULL},
    [SEL_TENANT_ENV] = {"tenant_env", "tenant_id_env"},
    [SEL_PRINCIPAL_ENV] = {"principal_env", NULL},
    [SEL_ROLE] = {"approval_role", "required_role"},
    [SEL_WRITEBACK] = {"writeback", "executor"},
    [SEL_EXECUTOR_NAME] = {"executor_name", NULL},
    [SEL_HANDLER_URL_ENV] = {"handler_url_env", NULL},
    [SEL_HANDLER_TOKEN_ENV] = {"handler_token_env", NULL},
    [SEL_HANDLER_SECRET_ENV] = {"handler_signing_secret_env", NULL},
    [SEL_HANDLER_COMMAND_ENV] = {"handler_command_env", NULL},
    [SEL_HANDLER_TIMEOUT] = {"handler_timeout_ms", "timeout_ms"},
    [SEL_RESULT_FORMAT] = {"result_format", NULL},
    [SEL_STATEMENT_TIMEOUT] = {"statement_timeout_ms", NULL},
};

int
selection_wrong(struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, CS_E_INVALID, "SELECTION_INVALID", "%s", text);
}

const char *
selection_text(const struct selection *s, enum selection_text which)
{
	return s->text[which] == NULL ? "" : s->text[which];
}

bool
selection_is(
    const struct selection *s, enum selection_text which, const char *value)
{
	return strcmp(selection_text(s, which), value) == 0;
}

bool
selection_proposes(const struct selection *s)
{
	return !selection_is(s, SEL_MODE, "read_only") && s->patch_count > 0;
}

bool
selection_has_handler(const struct selection *s)
{
	return selection_is(s, SEL_WRITEBACK, "http_handler") ||
	       selection_is(s, SEL_WRITEBACK, "command_handler");
}

/* A word as a flag: dashes for underscores; NULL stays NULL. */
static const char *
flag_of(const char *word, char *out, size_t size)
{
	if (word == NULL) {
		return NULL;
	}
	(void)snprintf(out, size, "%s", word);
	for (char *c = out; *c != '\0'; c++) {
		if (*c == '_') {
			*c = '-';
		}
	}
	return out;
}

/* Each text has a flag of its name and perhaps a second one. */
static void
take_texts(struct selection *s, const struct args *a)
{
	char name[64];

	for (int i = 0; i < SELECTION_TEXTS; i++) {
		const struct selection_word *w = &selection_words[i];
		const char *value =
		    args_get(a, flag_of(w->name, name, sizeof(name)));

		if (value == NULL && w->alias != NULL) {
			value =
			    args_get(a, flag_of(w->alias, name, sizeof(name)));
		}
		if (value != NULL && value[0] != '\0') {
			s->text[i] = value;
		}
	}
}

/* Every occurrence of a repeated flag. */
static int
take_each(struct selection *s, const struct args *a, const char *flag,
    int (*add)(struct selection *, const char *, struct err *), struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && args_nth(a, flag, i) != NULL; i++) {
		rc = add(s, args_nth(a, flag, i), e);
	}
	return rc;
}

/* "col=value" of --patch-fixed, "col=arg" of --patch-from-arg. */
static int
take_short_patches(struct selection *s, const struct args *a, const char *flag,
    const char *kind, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && args_nth(a, flag, i) != NULL; i++) {
		const char *text = args_nth(a, flag, i);
		const char *equals = strchr(text, '=');

		if (equals == NULL) {
			return selection_wrong(
			    e, "--%s wants column=value, not %s", flag, text);
		}
		rc = selection_add_patch(s,
		    arena_printf(s->arena, "%.*s=%s:%s", (int)(equals - text),
			text, kind, equals + 1),
		    e);
	}
	return rc;
}

int
selection_from_flags(struct selection *s, const struct args *a, struct err *e)
{
	static const struct {
		const char *flag;
		int (*add)(struct selection *, const char *, struct err *);
	} lists[] = {
	    {"patch", selection_add_patch},
	    {"patch-bounds", selection_add_bound},
	    {"numeric-bound", selection_add_bound},
	    {"status-guards", selection_add_guard},
	    {"transition-guard", selection_add_guard},
	};
	int rc = 0;

	take_texts(s, a);
	s->single_tenant_dev =
	    s->single_tenant_dev || args_has(a, "single-tenant-dev");
	if (args_has(a, "visible-columns")) {
		s->visible = (struct names){0};
		names_split(&s->visible,
		    span_of(args_get(a, "visible-columns")), s->arena);
	}
	if (args_has(a, "allowed-columns")) {
		s->allowed = (struct names){0};
		names_split(&s->allowed,
		    span_of(args_get(a, "allowed-columns")), s->arena);
	}
	for (size_t i = 0; rc == 0 && i < sizeof(lists) / sizeof(lists[0]);
	     i++) {
		rc = take_each(s, a, lists[i].flag, lists[i].add, e);
	}
	if (rc == 0) {
		rc = take_short_patches(s, a, "patch-fixed", "fixed", e);
	}
	return rc != 0 ? rc
		       : take_short_patches(s, a, "patch-from-arg", "arg", e);
}

/* What was given is never replaced. */
static void
set_default(struct selection *s, enum selection_text which, const char *value)
{
	if (s->text[which] == NULL) {
		s->text[which] = value;
	}
}

/* Names that the others are made of. */
static void
complete_names(struct selection *s)
{
	const char *table = selection_text(s, SEL_TABLE);
	const char *object = NULL;

	set_default(s, SEL_OBJECT_NAME,
	    s->is_spec ? name_singular(table, s->arena)
		       : name_object(table, s->arena));
	object = s->text[SEL_OBJECT_NAME];
	set_default(s, SEL_NAMESPACE, name_namespace(object, s->arena));
	set_default(s, SEL_ID_ARG, arena_printf(s->arena, "%s_id", object));
	set_default(s, SEL_READ_TOOL,
	    arena_printf(
		s->arena, "%s.inspect_%s", s->text[SEL_NAMESPACE], object));
	set_default(s, SEL_PROPOSAL_TOOL,
	    arena_printf(s->arena, "%s.propose_%s_update",
		s->text[SEL_NAMESPACE], object));
}

/* What a model reads, when nobody wrote it. */
static void
complete_descriptions(struct selection *s)
{
	char *label = arena_strndup(s->arena, s->text[SEL_OBJECT_NAME],
	    strlen(s->text[SEL_OBJECT_NAME]));

	for (char *c = label; *c != '\0'; c++) {
		if (*c == '_') {
			*c = ' ';
		}
	}
	set_default(s, SEL_READ_DESCRIPTION,
	    arena_printf(s->arena,
		"Read one %s of the caller's own tenant by its id. Nothing is "
		"changed.",
		label));
	set_default(s, SEL_READ_HINT,
	    arena_printf(s->arena,
		"The reviewed fields of the %s and a handle to the evidence.",
		label));
	set_default(s, SEL_PROPOSAL_DESCRIPTION,
	    arena_printf(s->arena,
		"Propose a change of one %s. Nothing is written until a person "
		"approved it outside of this conversation.",
		label));
	set_default(s, SEL_PROPOSAL_HINT,
	    arena_printf(s->arena,
		"The proposal with its exact difference; the %s is unchanged.",
		label));
}

/* The defaults that depend on where the change is made. */
static void
complete_writeback(struct selection *s)
{
	const char *kind = NULL;

	set_default(s, SEL_WRITEBACK, "sql_update");
	if (!selection_has_handler(s)) {
		set_default(
		    s, SEL_WRITE_URL_ENV, "SYNAPSOR_DATABASE_WRITE_URL");
		return;
	}
	s->text[SEL_WRITE_URL_ENV] = NULL;
	kind = s->text[SEL_WRITEBACK];
	set_default(s, SEL_EXECUTOR_NAME,
	    arena_printf(s->arena, "%s_%s", s->text[SEL_NAMESPACE], kind));
	set_default(s, SEL_HANDLER_TIMEOUT, "5000");
	if (strcmp(kind, "http_handler") == 0) {
		set_default(
		    s, SEL_HANDLER_URL_ENV, "SYNAPSOR_APP_WRITEBACK_URL");
	} else {
		set_default(s, SEL_HANDLER_COMMAND_ENV,
		    "SYNAPSOR_APP_WRITEBACK_COMMAND");
	}
}

/* "v2" and "default" as numbers. */
static void
complete_format(struct selection *s)
{
	const char *format = s->text[SEL_RESULT_FORMAT];

	if (format == NULL || strcmp(format, "default") == 0 ||
	    strcmp(format, "v2") == 0) {
		s->text[SEL_RESULT_FORMAT] = "2";
	} else if (strcmp(format, "v1") == 0) {
		s->text[SEL_RESULT_FORMAT] = "1";
	}
}

void
selection_complete(struct selection *s, const char *mode)
{
	set_default(s, SEL_MODE, mode);
	set_default(s, SEL_ENGINE, "postgres");
	set_default(s, SEL_SOURCE_NAME,
	    arena_printf(s->arena, "local_%s", s->text[SEL_ENGINE]));
	set_default(s, SEL_READ_URL_ENV, "SYNAPSOR_DATABASE_READ_URL");
	set_default(s, SEL_TENANT_ENV, "SYNAPSOR_TENANT_ID");
	set_default(s, SEL_PRINCIPAL_ENV, "SYNAPSOR_PRINCIPAL");
	set_default(s, SEL_ROLE, "local_reviewer");
	set_default(s, SEL_STATEMENT_TIMEOUT, "3000");
	complete_names(s);
	complete_descriptions(s);
	complete_writeback(s);
	complete_format(s);
	if (selection_is(s, SEL_MODE, "read_only")) {
		s->patch_count = s->bound_count = s->guard_count = 0;
		s->allowed = (struct names){0};
	}
	for (size_t i = 0, all = s->allowed.count == 0;
	     all && i < s->patch_count; i++) {
		names_add(&s->allowed, s->patch[i].column, s->arena);
	}
}
