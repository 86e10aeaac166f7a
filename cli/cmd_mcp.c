#include <limits.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/contract.h"

#define ARGUMENTS_MAX 32

/* An argv in the making. */
struct argv_list {
	/* execv wants writable words and writes none. */
	union {
		const char *items[ARGUMENTS_MAX];
		char *argv[ARGUMENTS_MAX];
	};
	size_t count;
};

/* The array is larger than all flags together; values are borrowed. */
static void
add(struct argv_list *l, const char *flag, const char *value)
{
	l->items[l->count++] = flag;
	if (value != NULL) {
		l->items[l->count++] = value;
	}
}

/* A flag of mcpd's travels through countersign-run. */
static void
add_mcpd(struct argv_list *l, const char *flag, const char *value)
{
	add(l, "--mcpd-arg", flag);
	if (value != NULL && value[0] != '\0') {
		add(l, "--mcpd-arg", value);
	}
}

/*
 * Become countersign-run: this process keeps the client's standard input and
 * output, which mcpd inherits.
 */
int
cmd_mcp_serve(const struct args *a, struct err *e)
{
	const char *transport = args_get(a, "transport");
	const char *style = args_get(a, "tool-name-style");
	char program[PATH_MAX];
	struct argv_list l = {0};
	struct control c;
	int rc;

	if (transport != NULL && strcmp(transport, "stdio") != 0) {
		return err_set(e, CS_E_UNSUPPORTED, "USAGE",
		    "--transport %s: this version serves stdio", transport);
	}
	/* Everything that can fail is tried before execv: afterwards
	 * standard output belongs to the protocol. */
	rc = sibling_program("countersign-run", program, sizeof(program), e);
	if (rc == 0) {
		rc = control_locate(&c, a, e);
	}
	if (rc == 0 && c.config == NULL) {
		rc = contract_find(NULL, &c.config, e);
	}
	if (rc != 0) {
		return rc;
	}
	add(&l, program, NULL);
	add(&l, "--config", c.config);
	add(&l, "--store", c.store);
	add(&l, "--roles",
	    args_has(a, "no-writer") ? "ledgerd,mcpd" : "ledgerd,writerd,mcpd");
	if (args_has(a, "accept-reduced-isolation")) {
		add(&l, "--accept-reduced-isolation", NULL);
	}
	if (args_has(a, "read-only")) {
		add_mcpd(&l, "--read-only", NULL);
	}
	if (args_has(a, "result-format")) {
		add_mcpd(&l, "--result-format", args_get(a, "result-format"));
	}
	style = style != NULL ? style : args_get(a, "alias-mode");
	if (style != NULL) {
		add_mcpd(&l, "--tool-name-style", style);
	}
	/* Returns only when it failed. */
	(void)execv(program, l.argv);
	return err_sys(e, "cannot run %s", program);
}
