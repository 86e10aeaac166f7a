#include "cli/confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/str.h"

int
confirm(const char *what, const char *question, struct err *e)
{
	char line[64];

	if (isatty(STDIN_FILENO) == 0) {
		return err_set(e, CS_E_DENIED, "CONFIRMATION_REQUIRED",
		    "%s requires --yes in noninteractive mode; nothing was "
		    "recorded",
		    what);
	}
	(void)fprintf(stderr, "%s Type yes to continue: ", question);
	/* End of input is no answer, and no answer is no. */
	if (fgets(line, sizeof(line), stdin) == NULL) {
		line[0] = '\0';
	}
	struct span answer = {line, strcspn(line, " \t\r\n")};
	return str_equal_nocase(answer, "yes")
		   ? 0
		   : err_set(e, CS_E_DENIED, "CONFIRMATION_DECLINED",
			 "confirmation declined; nothing was recorded");
}
