#include "cli/run/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/base/xalloc.h"

const char run_usage[] =
    "usage: countersign-run [--config FILE] [--store PATH]\n"
    "           [--roles ledgerd,writerd,writerd-handler,mcpd] [--libexec "
    "DIR]\n"
    "           [--log-format kv|json]\n"
    "           [--check] [--check-reads] [--check-handlers] [--exit-idle] "
    "[--print-ready] "
    "[--accept-reduced-isolation]\n"
    "           [--no-stdio] [--forward-hangup] [--mcpd-credential NAME]... "
    "[--mcpd-arg ARG]...\n";

static const char *const role_names[RUN_ROLES] = {
    [RUN_LEDGERD] = "ledgerd",
    [RUN_WRITERD] = "writerd",
    [RUN_HANDLER] = "writerd-handler",
    [RUN_JWKS] = "countersign-jwks",
    [RUN_MCPD] = "mcpd",
};

const char *
run_role_name(enum run_role role)
{
	return role_names[role];
}

static int
add_role(struct run_options *o, struct span name, struct err *e)
{
	for (int r = 0; r < RUN_ROLES; r++) {
		if (span_is(name, role_names[r])) {
			o->role[r] = true;
			return 0;
		}
	}
	return err_set(
	    e, CS_E_INVALID, NULL, "there is no role '%.*s'", SPAN_ARGS(name));
}

/* A comma-separated list replaces the default, which is all of them. */
static int
parse_roles(struct run_options *o, const char *text, struct err *e)
{
	int rc = 0;

	memset(o->role, 0, sizeof(o->role));
	o->roles_given = true;
	for (;;) {
		size_t len = strcspn(text, ",");
		rc = add_role(o, (struct span){text, len}, e);
		if (rc != 0 || text[len] == '\0') {
			return rc;
		}
		text += len + 1;
	}
}

static int
append(const char ***list, size_t *count, const char *text, struct err *e)
{
	if (*count == RUN_LIST_MAX) {
		return err_set(e, CS_E_TOO_LARGE, NULL, "more than %d of them",
		    RUN_LIST_MAX);
	}
	*list = xreallocarray(*list, *count + 1, sizeof(**list));
	(*list)[(*count)++] = text;
	return 0;
}

static bool
take_flag(struct run_options *o, const char *arg)
{
	if (strcmp(arg, "--exit-idle") == 0) {
		o->exit_idle = true;
	} else if (strcmp(arg, "--print-ready") == 0) {
		o->print_ready = true;
	} else if (strcmp(arg, "--forward-hangup") == 0) {
		o->forward_hangup = true;
	} else if (strcmp(arg, "--no-stdio") == 0) {
		o->no_stdio = true;
	} else if (strcmp(arg, "--check") == 0) {
		o->check = true;
	} else if (strcmp(arg, "--check-reads") == 0) {
		o->check = o->check_reads = true;
	} else if (strcmp(arg, "--check-handlers") == 0) {
		o->check = o->check_handlers = true;
	} else if (strcmp(arg, "--help") == 0) {
		o->wants_help = true;
	} else {
		return false;
	}
	return true;
}

/* Options with a value; the caller steps over it. */
static int
take_value(
    struct run_options *o, const char *arg, const char *value, struct err *e)
{
	if (value == NULL) {
		return err_set(e, CS_E_INVALID, NULL,
		    "unknown option or missing value: %s", arg);
	}
	if (strcmp(arg, "--roles") == 0) {
		return parse_roles(o, value, e);
	}
	if (strcmp(arg, "--store") == 0) {
		o->store = value;
		return 0;
	}
	if (strcmp(arg, "--libexec") == 0) {
		o->libexec = value;
		return 0;
	}
	if (strcmp(arg, "--mcpd-arg") == 0) {
		return append(&o->mcpd_args, &o->mcpd_arg_count, value, e);
	}
	if (strcmp(arg, "--mcpd-credential") == 0) {
		return append(
		    &o->mcpd_credentials, &o->mcpd_credential_count, value, e);
	}
	return err_set(e, CS_E_INVALID, NULL, "unknown option %s", arg);
}

int
run_options_parse(struct run_options *o, int argc, char **argv, struct err *e)
{
	for (int r = 0; r < RUN_ROLES; r++) {
		o->role[r] = true;
	}
	for (int i = 1; i < argc; i++) {
		if (take_flag(o, argv[i])) {
			continue;
		}
		/* argv ends with NULL, so the value of the last one is NULL. */
		int rc = take_value(o, argv[i], argv[i + 1], e);
		if (rc != 0) {
			return rc;
		}
		i++;
	}
	if (o->check) {
		o->role[RUN_LEDGERD] = false;
		o->role[RUN_JWKS] = false;
		o->role[RUN_HANDLER] = o->check_handlers;
		o->role[RUN_MCPD] = o->check_reads;
		o->role[RUN_WRITERD] = !o->check_reads && !o->check_handlers;
		o->roles_given = true;
	}
	if (o->print_ready && o->role[RUN_MCPD]) {
		return err_set(e, CS_E_INVALID, NULL,
		    "--print-ready writes on the stdout that mcpd needs");
	}
	return 0;
}

void
run_options_clear(struct run_options *o)
{
	free(o->mcpd_args);
	free(o->mcpd_credentials);
	memset(o, 0, sizeof(*o));
}
