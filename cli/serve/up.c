/*
 * countersign up: a checklist of what is about to be served, and the server
 * itself with --serve (cli-config.md §2.14).
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/check/boundary.h"
#include "cli/check/doctor.h"
#include "cli/child.h"
#include "cli/control_client.h"
#include "cli/serve/commands.h"
#include "cli/shell.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/contract.h"

#define DEFAULT_TOKEN "SYNAPSOR_RUNNER_HTTP_TOKEN"
#define CHECK_MS      60000
#define CHECK_MAX     (1 << 20)

struct up {
	const struct args *args;
	struct boundary boundary;
	struct contract *contract;
	const char *transport;
	bool is_serving;
	struct view v;
};

static const char *
set_or_missing(const char *name)
{
	return doctor_is_set(name) ? "set" : "missing";
}

/* How each proposal would be carried out. */
static void
print_paths(struct up *u)
{
	bool any = false;

	view_print(&u->v, "\nWriteback paths:\n");
	for (size_t i = 0; i < u->contract->capability_count; i++) {
		const struct contract_capability *cap =
		    &u->contract->capabilities[i];
		if (cap->kind != KIND_PROPOSAL) {
			continue;
		}
		any = true;
		if (cap->handler != NULL) {
			view_print(&u->v, "  - %s: app-owned %s %s\n",
			    cap->name,
			    cap->handler->type == EXECUTOR_HTTP
				? "http_handler"
				: "command_handler",
			    cap->executor);
		} else if (cap->source->write_url_env == NULL) {
			view_print(&u->v,
			    "  - %s: none, the source has no "
			    "write credential\n",
			    cap->name);
		} else {
			view_print(&u->v,
			    "  - %s: direct guarded one-row UPDATE via %s "
			    "(%s)\n",
			    cap->name, cap->source->write_url_env,
			    set_or_missing(cap->source->write_url_env));
		}
	}
	if (!any) {
		view_print(&u->v, "  - none: the contract only reads\n");
	}
}

static void
print_variable(struct up *u, const char *what, const char *name)
{
	if (name != NULL) {
		view_print(&u->v, "      %s: %s (%s)\n", what, name,
		    set_or_missing(name));
	}
}

static void
print_handlers(struct up *u)
{
	if (u->contract->executor_count == 0) {
		return;
	}
	view_print(&u->v, "\nApp-owned handler requirements:\n");
	for (size_t i = 0; i < u->contract->executor_count; i++) {
		const struct contract_executor *x = &u->contract->executors[i];
		view_print(&u->v, "  - %s\n", x->name);
		print_variable(u, "url env", x->url_env);
		print_variable(u, "bearer token env", x->token_env);
		print_variable(u, "signing secret env", x->signing_secret_env);
		print_variable(u, "command env", x->command_env);
		if (x->type == EXECUTOR_HTTP && x->signing_secret_env == NULL) {
			view_print(&u->v,
			    "      signing secret env: not configured\n");
		}
	}
	view_print(&u->v,
	    "  A handler must check the tenant, the version and the "
	    "idempotency key itself:\n  Countersign guards the way there, "
	    "not the application's own statements.\n");
}

/* What the checklist was asked with belongs to the command that it prints. */
static void
print_start(struct up *u, const char *config, const char *store)
{
	static const char *const kept[] = {"host", "port", "auth-token-env",
	    "alias-mode", "tool-name-style", "openai-tool-aliases",
	    "result-format", "dev-no-auth", "cors-origin",
	    "accept-reduced-isolation"};

	view_print(&u->v,
	    "  Start command:\n    countersign up --serve --config %s --store "
	    "%s",
	    config, store);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = args_get(u->args, kept[i]);
		if (value != NULL) {
			view_print(&u->v, " --%s%s%s", kept[i],
			    value[0] != '\0' ? " " : "",
			    value[0] != '\0'
				? shell_word(value, u->boundary.view.arena)
				: "");
		}
	}
	view_print(&u->v, "\n");
}

static void
print_guidance(struct up *u)
{
	const char *token = args_get(u->args, "auth-token-env");
	const char *port = args_get(u->args, "port");
	const char *host = args_get(u->args, "host");
	const char *config =
	    shell_word(u->boundary.config, u->boundary.view.arena);
	const char *store =
	    shell_word(u->boundary.store, u->boundary.view.arena);

	view_print(&u->v, "\nServer guidance:\n");
	if (strcmp(u->transport, "stdio") == 0) {
		view_print(&u->v,
		    "  stdio mode is launched by an MCP client\n"
		    "  countersign mcp config --config %s --store %s\n"
		    "  countersign mcp serve --config %s --store %s\n",
		    config, store, config, store);
		return;
	}
	token = token != NULL ? token : DEFAULT_TOKEN;
	view_print(&u->v, "  Endpoint: http://%s:%s/mcp\n",
	    host != NULL ? host : "127.0.0.1", port != NULL ? port : "8766");
	if (args_has(u->args, "dev-no-auth")) {
		view_print(&u->v, "  Auth: none (development)\n");
	} else {
		view_print(&u->v, "  Auth token env: %s (%s)\n", token,
		    set_or_missing(token));
	}
	if (!u->is_serving) {
		print_start(u, config, store);
	} else {
		view_print(&u->v, "  Status: %s\n",
		    args_has(u->args, "dry-run")
			? "dry run only; server not started."
			: "starting");
	}
}

static void
print_next(struct up *u)
{
	static const char *const commands[] = {"tools preview",
	    "proposals list", "proposals show latest",
	    "proposals approve latest", "apply latest", "replay show latest",
	    "events tail", "doctor --check-writeback"};
	const char *config =
	    shell_word(u->boundary.config, u->boundary.view.arena);
	const char *store =
	    shell_word(u->boundary.store, u->boundary.view.arena);

	view_print(&u->v, "\nNext commands:\n");
	if (u->contract->capability_count > 0) {
		view_print(&u->v,
		    "  countersign smoke call %s --config %s --store %s\n",
		    u->contract->capabilities[0].name, config, store);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		view_print(&u->v, "  countersign %s --config %s --store %s\n",
		    commands[i], config, store);
	}
	if (u->contract->executor_count > 0) {
		view_print(&u->v,
		    "  countersign doctor --check-handlers --config %s\n",
		    config);
	}
}

static void
print_checklist(struct up *u)
{
	const char *format = args_get(u->args, "result-format");

	view_print(&u->v,
	    "Countersign review-mode up\n\nConfig: %s\nStore: %s\nMode: %s\n"
	    "Transport: %s\nServe now: %s\nAlias mode: %s\n"
	    "Result format: %s%s\nDry run: %s\n\nModel-facing tools:\n",
	    u->boundary.config, u->boundary.store,
	    contract_mode_name(u->contract->mode), u->transport,
	    u->is_serving ? "yes" : "no", u->boundary.style,
	    format != NULL && format[0] != 'v' ? "v" : "",
	    format != NULL ? format : "default",
	    args_has(u->args, "dry-run") ? "yes" : "no");
	boundary_print_names(&u->boundary, &u->v);
	print_paths(u);
	print_handlers(u);
	print_guidance(u);
	print_next(u);
}

static void
put_path(const struct contract_capability *cap, struct json_out *j)
{
	const char *env =
	    cap->handler != NULL ? NULL : cap->source->write_url_env;

	json_open(j, '{');
	json_field_text(j, "capability", cap->name);
	json_field_text(j, "executor", cap->executor);
	if (env != NULL) {
		json_field_text(j, "write_url_env", env);
		json_field_bool(j, "is_set", doctor_is_set(env));
	}
	json_close(j, '}');
}

/* The same for programs: names of variables and whether they are set, never
 * values. */
static void
put_checklist(struct up *u)
{
	struct json_out j;

	json_begin(&j, &u->v.out, 2);
	json_open(&j, '{');
	json_field_bool(&j, "ok", u->boundary.all_ok);
	json_field_text(&j, "config_path", u->boundary.config);
	json_field_text(&j, "store_path", u->boundary.store);
	json_field_text(&j, "mode", contract_mode_name(u->contract->mode));
	json_field_text(&j, "transport", u->transport);
	json_field_text(&j, "alias_mode", u->boundary.style);
	json_field_bool(&j, "serve_now", u->is_serving);
	json_field_bool(&j, "dry_run", args_has(u->args, "dry-run"));
	boundary_put_names(&u->boundary, &j, "tools");
	boundary_put_checks(&u->boundary, &j);
	json_key(&j, "writeback_paths");
	json_open(&j, '[');
	for (size_t i = 0; i < u->contract->capability_count; i++) {
		if (u->contract->capabilities[i].kind == KIND_PROPOSAL) {
			put_path(&u->contract->capabilities[i], &j);
		}
	}
	json_close(&j, ']');
	json_close(&j, '}');
	view_print(&u->v, "\n");
}

/* The doctor's word on the handlers, before anything is served. */
static int
check_handlers(struct up *u, struct err *e)
{
	char program[PATH_MAX];
	struct child c = {.timeout_ms = CHECK_MS, .max = CHECK_MAX};
	int rc = sibling_program("countersign", program, sizeof(program), e);

	if (rc == 0) {
		child_add(&c, program);
		child_add(&c, "doctor");
		child_add(&c, "--check-handlers");
		child_add(&c, "--config");
		child_add(&c, u->boundary.config);
		rc = child_run(&c, e);
	}
	if (rc == 0) {
		if (!args_has(u->args, "json")) {
			view_print(
			    &u->v, "\nHandler check:\n%s", buf_text(&c.out));
		}
		rc = c.status;
	}
	child_clear(&c);
	return rc;
}

static int
choose(struct up *u, struct err *e)
{
	const char *transport = args_get(u->args, "transport");

	u->is_serving = args_has(u->args, "serve");
	u->transport = transport != NULL ? transport
		       : u->is_serving   ? "streamable-http"
					 : "stdio";
	if (u->is_serving && strcmp(u->transport, "stdio") == 0) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "up --serve starts the Streamable HTTP MCP server; an MCP "
		    "client starts countersign mcp serve over stdio itself");
	}
	return 0;
}

static int
prepare(struct up *u, struct arena *arena, struct err *e)
{
	const char *style = NULL;
	int rc = choose(u, e);

	if (rc == 0) {
		rc = boundary_style(u->args, &style, e);
	}
	if (rc == 0) {
		rc = boundary_look(&u->boundary, u->args, style, arena, e);
		if (rc == CS_E_CONFIG) {
			err_context(e,
			    "cannot bring Countersign up with invalid config");
		}
	}
	return rc != 0 ? rc
		       : contract_load(u->boundary.config, &u->contract, e);
}

int
cmd_up(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct up u = {.args = a, .v = {.arena = arena}};
	int rc = prepare(&u, arena, e);
	bool goes_on = false;

	if (rc == 0) {
		if (args_has(a, "json")) {
			put_checklist(&u);
		} else {
			print_checklist(&u);
		}
		if (args_has(a, "with-handler") ||
		    args_has(a, "handler-check")) {
			rc = check_handlers(&u, e);
		}
		if (rc == 0 && !u.boundary.all_ok) {
			rc = CS_EXIT_FAILED;
		}
		goes_on = rc == 0 && u.is_serving && !args_has(a, "dry-run");
		view_flush(&u.v);
	}
	buf_clear(&u.v.out);
	contract_free(&u.contract);
	arena_free(&arena);
	return goes_on ? cmd_mcp_serve_streamable(a, e) : rc;
}
