/*
 * From a claimed job to a report: check, ask the application, say what came of
 * it.
 */
#ifndef CS_WRITERD_HANDLER_WORK_H
#define CS_WRITERD_HANDLER_WORK_H

#include "writerd/handler/call.h"
#include "writerd/handler/launcher.h"
#include "writerd/job_check.h"
#include "writerd/ledger_link.h"

struct work {
	struct job_authority authority;
	const struct handlers *handlers;
	struct launcher *launcher;
	struct ledger_link *link;
	const char *runner_id;
};

/*
 * Do the job and report it. What went wrong with the job is what the receipt
 * says; an error means that the ledger did not take the report, or is gone.
 */
int work_do(
    struct work *w, const struct msg_job *m, struct arena *a, struct err *e);

#endif
