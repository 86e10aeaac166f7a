#include "cli/onboard/setup.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/onboard/fileset.h"
#include "cli/onboard/generate.h"
#include "cli/onboard/handler_template.h"
#include "cli/shell.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "common/contract/contract.h"

void
setup_flush(struct buf *out)
{
	(void)fd_write_all(STDOUT_FILENO, out->data, out->len, -1);
	buf_clear(out);
}

/* Naming a template or its file asks for one; a plain no wins. */
static void
take_handler(const struct args *a, struct setup *out)
{
	const char *output = args_get(a, "handler-output");

	out->handler_template = args_get(a, "handler-template");
	out->handler_output =
	    output != NULL ? output : args_get(a, "handler-template-output");
	out->emits_handler =
	    (args_has(a, "emit-handler") || out->handler_template != NULL ||
		out->handler_output != NULL) &&
	    !args_has(a, "no-emit-handler") &&
	    !args_has(a, "skip-handler-template");
}

void
setup_take(const struct args *a, struct setup *out)
{
	const char *output = args_get(a, "output");
	const char *store = args_get(a, "store");

	output = output != NULL ? output : args_get(a, "out");
	out->output = output != NULL ? output : DEFAULT_OUTPUT;
	out->store = store != NULL ? store : DEFAULT_STORE;
	out->inspected = false;
	out->smoke_id = args_get(a, "smoke-id");
	out->force = args_has(a, "force");
	out->dry_run = args_has(a, "dry-run");
	take_handler(a, out);
}

const char *
setup_config_flag(const struct setup *u, struct arena *a)
{
	return strcmp(u->output, DEFAULT_OUTPUT) == 0
		   ? ""
		   : arena_printf(a, " --config %s", shell_word(u->output, a));
}

/* What we generated must be valid; if not, say what a person can change. */
static int
check_contract(struct span contract, struct err *e)
{
	struct contract_report report = {0};
	int rc = contract_validate(contract, &report, NULL);

	for (size_t i = 0; rc != 0 && i < report.count; i++) {
		if (!report.issues[i].warning) {
			rc = err_set(e, CS_E_INVALID, "SELECTION_INVALID",
			    "this selection gives no valid contract: %s %s: "
			    "%s No file was written.",
			    report.issues[i].path, report.issues[i].code,
			    report.issues[i].message);
			break;
		}
	}
	contract_report_clear(&report);
	return rc;
}

/* A path that does not depend on where a client is started. */
static const char *
absolute(const char *path, struct arena *a)
{
	char here[PATH_MAX];

	if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL) {
		return path;
	}
	return arena_printf(
	    a, "%s/%s", here, strncmp(path, "./", 2) == 0 ? path + 2 : path);
}

/* Absolute paths: a client is started elsewhere. */
static void
add_clients(struct fileset *set, const struct setup *u, struct arena *a)
{
	for (int i = 0; i < MCP_CLIENTS; i++) {
		enum mcp_client client = (enum mcp_client)i;
		struct buf *file = fileset_add(set,
		    arena_printf(a, "%s/%s", SNIPPETS, mcp_client_file(client)),
		    0644);
		generate_client(client, absolute(u->output, a),
		    absolute(u->store, a), file);
	}
}

/* Only for a row that was named: none is looked for. */
static void
add_inputs(
    struct fileset *set, const struct setup *u, const struct selection *s)
{
	if (u->smoke_id != NULL) {
		generate_input(
		    s, u->smoke_id, false, fileset_add(set, SMOKE_INPUT, 0600));
	}
	if (u->smoke_id != NULL && selection_proposes(s)) {
		generate_input(s, u->smoke_id, true,
		    fileset_add(set, PROPOSAL_INPUT, 0600));
	}
}

/* The folder of the contract, "" or with its slash. */
static const char *
folder_of(const char *path, struct arena *a)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL
		   ? ""
		   : arena_strndup(a, path, (size_t)(slash - path) + 1);
}

/* The starter that the application begins with; *to_out tells where. */
static int
add_handler(struct fileset *set, const struct setup *u,
    const struct selection *s, const char **to_out, struct err *e)
{
	struct handler_words w = {.action = s->text[SEL_PROPOSAL_TOOL],
	    .kit = HANDLER_KIT,
	    .token_env = s->text[SEL_HANDLER_TOKEN_ENV],
	    .secret_env = s->text[SEL_HANDLER_SECRET_ENV]};
	const struct handler_template *t = NULL;
	const char *name = u->handler_template;
	int rc = 0;

	if (!selection_proposes(s) || !selection_has_handler(s)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "a handler's starter needs --writeback http_handler or "
		    "command_handler. No file was written.");
	}
	if (name == NULL) {
		name = selection_is(s, SEL_WRITEBACK, "command_handler")
			   ? "command"
			   : "node-fastify";
	}
	rc = handler_template_find(name, &t, e);
	if (rc == 0) {
		rc = handler_words_check(&w, e);
	}
	if (rc == 0) {
		*to_out =
		    handler_template_add(t, &w, folder_of(u->output, s->arena),
			u->handler_output, s->arena, set);
	}
	return rc;
}

/* The lines that scripts of 0.1.1 look for. */
static void
print_created(const struct setup *u, const struct selection *s,
    const char *handler, struct buf *out)
{
	buf_puts(out, "created ");
	str_escape_for_people(out, span_of(u->output));
	buf_puts(out, "\ncreated .env.example\n"
		      "created MCP client snippets under " SNIPPETS "\n");
	if (handler != NULL) {
		buf_puts(out, "created ");
		str_escape_for_people(out, span_of(handler));
		buf_printf(out, "\n%s", handler_duties);
	}
	if (u->inspected) {
		buf_printf(out, "selected %s.%s from %s inspection\n",
		    s->text[SEL_SCHEMA], s->text[SEL_TABLE],
		    s->text[SEL_ENGINE]);
	}
	buf_printf(out, "exposed tools: %s%s%s\n", s->text[SEL_READ_TOOL],
	    selection_proposes(s) ? ", " : "",
	    selection_proposes(s) ? s->text[SEL_PROPOSAL_TOOL] : "");
}

int
setup_write(const struct setup *u, const struct selection *s, struct err *e)
{
	struct fileset set = {.count = 0};
	struct buf out = BUF_INIT;
	struct buf *contract = fileset_add(&set, u->output, 0644);
	const char *handler = NULL;
	int rc = selection_check(s, e);

	if (rc == 0) {
		generate_contract(s, u->store, contract);
		rc = check_contract(buf_as_span(contract), e);
	}
	if (rc == 0 && u->dry_run) {
		buf_span(&out, buf_as_span(contract));
	} else if (rc == 0) {
		generate_env(s, fileset_add(&set, ".env.example", 0644));
		add_clients(&set, u, s->arena);
		add_inputs(&set, u, s);
		if (u->emits_handler) {
			rc = add_handler(&set, u, s, &handler, e);
		}
		if (rc == 0) {
			rc = fileset_commit(&set, u->force, e);
		}
		print_created(u, s, handler, &out);
	}
	if (rc == 0) {
		setup_flush(&out);
	}
	buf_clear(&out);
	fileset_clear(&set);
	return rc;
}

int
setup_write_contract(const struct setup *u, struct span contract, struct err *e)
{
	struct fileset set = {.count = 0};
	struct buf out = BUF_INIT;
	int rc = check_contract(contract, e);

	if (rc == 0 && u->dry_run) {
		buf_span(&out, contract);
	} else if (rc == 0) {
		buf_span(fileset_add(&set, u->output, 0644), contract);
		rc = fileset_commit(&set, u->force, e);
		buf_puts(&out, "created ");
		str_escape_for_people(&out, span_of(u->output));
		buf_putc(&out, '\n');
	}
	if (rc == 0) {
		setup_flush(&out);
	}
	buf_clear(&out);
	fileset_clear(&set);
	return rc;
}

struct names
setup_missing(const struct selection *s)
{
	static const enum selection_text needed[] = {SEL_READ_URL_ENV,
	    SEL_TENANT_ENV, SEL_PRINCIPAL_ENV, SEL_WRITE_URL_ENV,
	    SEL_HANDLER_URL_ENV, SEL_HANDLER_TOKEN_ENV, SEL_HANDLER_SECRET_ENV,
	    SEL_HANDLER_COMMAND_ENV};
	bool writes =
	    selection_proposes(s) && selection_is(s, SEL_MODE, "review");
	struct names missing = {0};

	for (size_t i = 0; i < (writes ? 8 : 3); i++) {
		const char *name = s->text[needed[i]];
		const char *value = name == NULL ? "" : secure_getenv(name);
		if (name != NULL && (value == NULL || value[0] == '\0') &&
		    !names_have(&missing, name)) {
			names_add(&missing, name, s->arena);
		}
	}
	return missing;
}

const char *
setup_smoke_command(const struct setup *u, const struct selection *s)
{
	const char *config = setup_config_flag(u, s->arena);
	const char *call = NULL;

	if (u->smoke_id == NULL) {
		return "  (with --smoke-id ID, the id of a row, a first call "
		       "is made ready)\n";
	}
	call = arena_printf(s->arena,
	    "  countersign smoke call %s --input %s%s\n",
	    shell_word(s->text[SEL_READ_TOOL], s->arena), SMOKE_INPUT, config);
	return !selection_proposes(s)
		   ? call
		   : arena_printf(s->arena,
			 "%s  countersign propose %s --input %s%s\n", call,
			 s->text[SEL_PROPOSAL_TOOL], PROPOSAL_INPUT, config);
}

void
setup_print_next(
    const struct setup *u, const struct selection *s, struct buf *out)
{
	const char *config = setup_config_flag(u, s->arena);
	struct names missing = setup_missing(s);

	buf_puts(out, "\nNext:\n");
	if (missing.count > 0) {
		buf_printf(out,
		    "  Set in your environment (see "
		    ".env.example): %s\n",
		    names_join(&missing, "", s->arena));
	}
	buf_printf(out, "  countersign config validate%s\n", config);
	buf_printf(out, "  countersign tools preview%s\n", config);
	buf_puts(out, setup_smoke_command(u, s));
	buf_printf(out, "  countersign mcp serve%s\n", config);
}
