/*
 * Long work for a request, in slices between which the loop serves everybody
 * else: verification, counting, pruning, backups.
 */
#ifndef CS_LEDGERD_SLICES_H
#define CS_LEDGERD_SLICES_H

#include "ledgerd/conn.h"

struct slice_ops {
	/* A little: 1 there is more, 0 done, negative with *e. What it writes
	 * is committed with the turn. */
	int (*step)(void *work, struct err *e);
	/* The answer, after step returned 0. */
	void (*put)(void *work, struct json_out *j);
	/* How far it is, and with what; for people. */
	unsigned (*percent)(const void *work, const char **phase);
	/* Always, also when the peer went away before the end. */
	void (*free)(void *work);
};

/*
 * Begin; the answer is a DOCUMENT or a FAILURE, after any number of PROGRESS.
 * Owns `work` from here on.
 */
void slices_start(
    struct conn *c, uint32_t id, const struct slice_ops *ops, void *work);

#endif
