/* countersign review: becomes the program that has the terminal library. */
#include <limits.h>
#include <unistd.h>

#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "common/base/err.h"

int
cmd_review(const struct args *a, struct err *e)
{
	static const char *const flags[] = {"store", "config"};
	static const char *const spelled[] = {"--store", "--config"};
	char program[PATH_MAX];
	const char *arguments[6] = {program};
	union {
		const char **read;
		char **argv;
	} words = {.read = arguments};
	size_t count = 1;
	int rc =
	    sibling_program("countersign-review", program, sizeof(program), e);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (args_has(a, flags[i])) {
			arguments[count++] = spelled[i];
			arguments[count++] = args_get(a, flags[i]);
		}
	}
	if (rc == 0) {
		(void)execv(program, words.argv);
		rc = err_sys(e, "cannot run %s", program);
	}
	return rc;
}
