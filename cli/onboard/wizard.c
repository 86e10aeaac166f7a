#include "cli/onboard/wizard.h"

#include "cli/onboard/inspector.h"
#include "common/base/err.h"

int
wizard_run(const struct args *a, struct inspect_request *request,
    struct selection *s, struct err *e)
{
	(void)a;
	(void)request;
	(void)s;
	return err_set(e, CS_E_DENIED, "TERMINAL_REQUIRED", "not yet");
}
