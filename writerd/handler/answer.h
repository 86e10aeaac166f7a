/*
 * What an application said, and what that means. Every text here is untrusted.
 */
#ifndef CS_WRITERD_HANDLER_ANSWER_H
#define CS_WRITERD_HANDLER_ANSWER_H

#include "proto/receipt.h"

/* What became of a request; texts are literals or in the arena. */
struct answer {
	enum receipt_status status;
	const char *code; /* NULL: none */
	const char *explain;
	bool retryable;
	bool mutated;
	int64_t rows;
	struct scalar previous_version; /* SCALAR_NULL: not said */
	struct scalar new_version;
};

/* It may have acted and we do not know: asked again under the same key. */
void answer_unknown(struct answer *out, const char *code, const char *explain);

/* It cannot have acted, or said so itself: nothing was changed. */
void answer_failed(struct answer *out, const char *code, const char *explain);

/* An HTTP status that is not 2xx. A refusal (3xx, 4xx) is a failure; what is
 * the server's own fault (5xx, 408) says nothing about the change. */
void answer_from_status(long status, struct arena *a, struct answer *out);

/*
 * A receipt (engine.md §6.4). Known members must have their types; members that
 * are not known are ignored. Anything that is no receipt, or contradicts
 * itself, leaves the outcome unknown: the application was reached and may have
 * acted.
 */
void answer_from_receipt(
    struct span text, bool dry_run, struct arena *a, struct answer *out);

/*
 * For a request that repeats one of unknown outcome: only an application that
 * has applied it ends the doubt. "Failed" and "conflict" speak about the
 * repetition.
 */
void answer_unsettled(struct answer *out, struct arena *a);

#endif
