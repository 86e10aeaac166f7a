/*
 * What the role of a write credential could do beyond the contract (beyond.md
 * D8). The database's catalog is asked; nothing is tried out.
 */
#ifndef CS_WRITERD_POSTURE_H
#define CS_WRITERD_POSTURE_H

#include "writerd/db.h"

/* One thing that is too much; texts are literals or in the arena. */
struct posture_finding {
	const char *subject; /* source or capability */
	const char *code;
	const char *detail;
	const char *remedy; /* SQL that mends it */
	/* No grant is a limit for such a role: it is not used. */
	bool hard;
};

typedef void (*posture_fn)(void *context, const struct posture_finding *f);

/* Whom to ask about what, and who is told. Borrowed. */
struct posture_question {
	struct db *db;
	const struct contract *contract;
	const struct contract_source *source;
	bool hard_only; /* just the few that forbid to use the role */
	posture_fn fn;
	void *context;
};

/*
 * Call `fn` for each finding about the role of this connection. An error when
 * the catalog cannot be read.
 */
int posture_check(
    const struct posture_question *q, struct arena *a, struct err *e);

/*
 * Before a connection is used: refused with the code of the first hard finding
 * (CS_E_DENIED), unless the contract accepts it, which is logged each time.
 */
int posture_refuse(struct db *db, const struct contract *c,
    const struct contract_source *source, struct err *e);

/* Log every finding, one line each with its remedy; one line when there is
 * none. True unless one of them is hard and not accepted. */
bool posture_log(struct db *db, const struct contract *c,
    const struct contract_source *source);

/* Is it writerd that applies this capability? */
bool posture_is_written(const struct contract_capability *cap);

#endif
