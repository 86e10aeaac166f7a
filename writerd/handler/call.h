/*
 * The credentials of the applications, and one request to one of them.
 */
#ifndef CS_WRITERD_HANDLER_CALL_H
#define CS_WRITERD_HANDLER_CALL_H

#include "common/contract/contract.h"
#include "common/proc/credentials.h"
#include "common/proc/sandbox.h"
#include "writerd/handler/answer.h"

/* URLs, tokens, signing secrets and command lines of every executor. */
struct handlers {
	const struct contract *contract;
	struct credential *credentials; /* owned */
	size_t credential_count;
};

/* The names that the contract's executors have; values come later. */
void handlers_init(struct handlers *h, const struct contract *c);
void handlers_clear(struct handlers *h);

/* The value of a name, NULL when it was not delivered (or the name is NULL). */
const struct secret *handlers_secret(
    const struct handlers *h, const char *name);

/* What the sandbox has to leave open: the ports of the URLs. Lives in `a`. */
void handlers_confine(
    const struct handlers *h, struct arena *a, struct confine *out);

/* One request, its texts borrowed. */
struct call {
	const struct contract_executor *executor;
	struct span body;
	const char *issued_at;
	const char *idempotency_key;
	const char *proposal_id;
	bool dry_run;
};

/*
 * Send it over HTTP and judge what came back. Never fails: what went wrong is
 * in the answer. No part of a secret, and no text of the other side but a code
 * and versions, gets into it.
 */
void call_http(const struct handlers *h, const struct call *c, struct arena *a,
    struct answer *out);

/*
 * Ask by OPTIONS whether somebody is there; nothing is executed by it. Any HTTP
 * answer is one (0). The URL is in no text.
 */
int call_probe(
    const struct handlers *h, const struct contract_executor *x, struct err *e);

#endif
