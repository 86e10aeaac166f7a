#include "cli/check/checker.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/check/commands.h"
#include "cli/control_client.h"
#include "common/base/err.h"
#include "common/contract/contract.h"

int
checker_run(const char *config, const char *flag, struct err *e)
{
	char program[PATH_MAX];
	const char *arguments[6] = {program, "--config", config, flag};
	union {
		const char **read;
		char **argv;
	} words = {.read = arguments};
	int rc =
	    sibling_program("countersign-run", program, sizeof(program), e);

	if (rc != 0) {
		return rc;
	}
	if (secure_getenv("COUNTERSIGN_ACCEPT_REDUCED_ISOLATION") != NULL) {
		arguments[4] = "--accept-reduced-isolation";
	}
	(void)execv(program, words.argv);
	return err_sys(e, "cannot run %s", program);
}

int
cmd_source_doctor(const struct args *a, struct err *e)
{
	const char *path = NULL;
	int rc = contract_find(args_get(a, "config"), &path, e);

	return rc != 0 ? rc : checker_run(path, "--check-reads", e);
}
