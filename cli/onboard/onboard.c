/* countersign onboard db, and start --from-env: everything in one go. */
#include <unistd.h>

#include "cli/args.h"
#include "cli/onboard/commands.h"
#include "cli/onboard/inspector.h"
#include "cli/onboard/setup.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

/* At once, so that it stands before what children print. */
static void
say(const char *text)
{
	(void)fd_write_all(STDOUT_FILENO, text, strlen(text), -1);
}

/* The contract's own check, then what a model would see. */
static int
validate(const struct setup *u, struct err *e)
{
	const char *config[] = {
	    "config", "validate", "--config", u->output, NULL};
	const char *preview[] = {"tools", "preview", "--config", u->output,
	    "--store", u->store, NULL};
	int rc = 0;

	say("\nValidation:\n");
	rc = run_countersign(config, e);
	if (rc == 0) {
		rc = run_countersign(preview, e);
	}
	return rc;
}

/* Whether the databases are as the contract wants them; nothing depends on it
 * here, since variables may not be set yet. */
static int
ask_doctor(const struct setup *u, struct err *e)
{
	const char *words[] = {"doctor", "--config", u->output, NULL};
	int rc = 0;

	say("\nDoctor:\n");
	rc = run_countersign(words, e);
	if (rc > 0) {
		say("This is expected while environment variables are not set; "
		    "run it again when they are.\n");
	}
	return rc < 0 ? rc : 0;
}

/* Each line that is a command runs as it stands there. */
static void
print_next(const struct setup *u, const struct selection *s)
{
	const char *config = setup_config_flag(u, s->arena);
	struct names missing = setup_missing(s);
	struct buf out = BUF_INIT;
	int n = 1;

	buf_puts(&out, "\nNext commands:\n");
	if (missing.count > 0) {
		buf_printf(&out,
		    "Set in your environment first (see .env.example): %s\n",
		    names_join(&missing, "", s->arena));
	}
	buf_printf(&out,
	    "%d. Call the tools once; nothing is changed by it:\n%s", n++,
	    setup_smoke_command(u, s));
	buf_printf(&out,
	    "%d. Serve the tools to an MCP client (entries for clients: "
	    ".countersign/mcp):\n  countersign mcp serve%s\n",
	    n++, config);
	if (selection_proposes(s)) {
		buf_printf(&out,
		    "%d. Look at what was proposed, and decide outside of "
		    "MCP:\n  countersign proposals list%s\n",
		    n, config);
	}
	setup_flush(&out);
}

static int
onboard(const struct args *a, struct selection *s, struct err *e)
{
	struct setup u;
	int rc = 0;
	int checked = 0;

	setup_take(a, &u);
	say("Countersign own-database onboarding\n"
	    "From a database URL to reviewed tools: look at the schema, write "
	    "a contract, check it.\n\n");
	rc = init_run(a, init_is_scripted(a) ? INIT_NEVER_ASK : INIT_ASK, s, e);
	if (rc != 0 || u.dry_run) {
		return rc;
	}
	checked = validate(&u, e);
	if (checked < 0) {
		return checked;
	}
	rc = ask_doctor(&u, e);
	if (rc == 0) {
		print_next(&u, s);
	}
	return rc != 0 ? rc : checked;
}

int
cmd_onboard_db(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct selection *s = arena_alloc(arena, sizeof(*s));
	int rc = 0;

	s->arena = arena;
	rc = onboard(a, s, e);
	arena_free(&arena);
	return rc;
}

int
cmd_start(const struct args *a, struct err *e)
{
	static const char *const flags[] = {
	    "from-env", "schema", "mode", "engine"};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (args_has(a, flags[i])) {
			return cmd_onboard_db(a, e);
		}
	}
	return err_set(e, CS_E_INVALID, "USAGE",
	    "start wants --from-env NAME (the same as countersign onboard db); "
	    "the worker of a control plane is not part of this version");
}
