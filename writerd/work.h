/*
 * From a claimed job to a receipt: check, connect, one transaction, settle.
 */
#ifndef CS_WRITERD_WORK_H
#define CS_WRITERD_WORK_H

#include "writerd/apply.h"
#include "writerd/sources.h"

struct work {
	struct job_authority authority;
	struct sources *sources;
	const char *runner_id;
};

/* Do the job and write its receipt (JSON) to `out`. Never fails: what went
 * wrong is what the receipt says. */
void work_do(
    struct work *w, const struct msg_job *m, struct arena *a, struct buf *out);

#endif
