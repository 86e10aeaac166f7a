/*
 * The sources of the contract: which credentials they need, their readers, and
 * what the sandbox has to leave open for them.
 */
#ifndef CS_MCPD_SOURCES_H
#define CS_MCPD_SOURCES_H

#include "common/proc/startup.h"
#include "mcpd/read/reader.h"

struct sources {
	const struct contract *contract;
	struct credential *credentials; /* distinct names */
	size_t credential_count;
	struct reader **readers; /* by source index; NULL: no credential */
	/* For startup_confine. */
	struct path_rule *paths;
	size_t path_count;
	uint16_t *ports;
	size_t port_count;
	bool needs_unix_socket;
	struct arena *arena; /* owns the paths */
};

/*
 * Name the credentials: one per distinct read_url_env. Fills in no value:
 * startup_credentials does that, between this and sources_open. `c` must
 * outlive *s.
 */
void sources_init(struct sources *s, const struct contract *c);

/*
 * Make the readers; SQLite files are opened here, before the sandbox closes.
 * Servers are connected to later, in the loop. Fills paths and ports for the
 * sandbox. A source without its credential is logged and stays NULL, so that
 * calls on it are refused. CS_E_CONFIG or CS_E_UNAVAILABLE otherwise.
 */
int sources_open(struct sources *s, struct event_base *base, struct err *e);

/* The loop runs: connect ahead. A database that does not answer is no error
 * here; calls say so. */
void sources_start(struct sources *s);

/* No read is worth waiting for any more: all are answered SOURCE_UNAVAILABLE,
 * and ended on the servers. */
void sources_stop(struct sources *s);

/* Turn the loop until the servers have been told to end what was given up, but
 * not for long. */
void sources_settle(struct sources *s, struct event_base *base);

/*
 * Look at every source once, in the loop, and append what was found, a line of
 * JSON each (common/contract/finding.h). True when all of it is well.
 */
bool sources_check(struct sources *s, struct event_base *base, struct buf *out);

/* Free readers and wipe credentials; takes an *s that was never initialised. */
void sources_clear(struct sources *s);

#endif
