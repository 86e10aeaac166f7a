/*
 * The request to an application (engine.md §6.1, §6.2): what 0.1.1 sent, in its
 * order, and `change_set` behind it, which the published schema asks for.
 */
#ifndef CS_WRITERD_HANDLER_REQUEST_H
#define CS_WRITERD_HANDLER_REQUEST_H

#include "writerd/job_check.h"

#define REQUEST_SIGNATURE_SIZE 72 /* "sha256=" + 64 hex digits + NUL */

/* What is not in the job. Borrowed. */
struct request_frame {
	const char *runner_id;
	const char *issued_at; /* NULL: a command, which has no protocol
				  version and no time */
};

/*
 * Append the body. The change set has been checked, so its members are there;
 * their bytes go in unchanged. CS_E_INVALID when it cannot be read again.
 */
int request_build(const struct checked_job *job, const struct request_frame *f,
    struct arena *a, struct buf *out, struct err *e);

/* "sha256=" and the HMAC-SHA256 of the body in hex. */
void request_sign(
    struct span secret, struct span body, char out[REQUEST_SIGNATURE_SIZE]);

#endif
