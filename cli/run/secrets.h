/*
 * Which process gets which credential, and where it comes from:
 * $CREDENTIALS_DIRECTORY/<NAME>, else the variable we were started with.
 */
#ifndef CS_CLI_RUN_SECRETS_H
#define CS_CLI_RUN_SECRETS_H

#include "cli/run/options.h"

struct contract;
struct err;
struct secret;
struct startup;

struct run_secret {
	const char *name; /* borrowed from the contract or argv */
	enum run_role role;
	struct secret *value; /* owned; NULL: not available */
};

struct run_secrets {
	struct run_secret *list;
	size_t count;
};

/*
 * Collect and resolve: read URLs for mcpd, write URLs for writerd, nothing for
 * ledgerd. One name for both purposes is refused unless reduced isolation was
 * accepted: the model-facing process would hold what can write.
 */
int run_secrets_load(struct run_secrets *s, const struct contract *c,
    const struct run_options *o, const struct startup *startup, struct err *e);

/* Is there at least one value for that role? */
bool run_secrets_has(const struct run_secrets *s, enum run_role role);

/* Wipe everything. */
void run_secrets_clear(struct run_secrets *s);

#endif
