/*
 * The write credentials of this process and one kept connection per source.
 */
#ifndef CS_WRITERD_SOURCES_H
#define CS_WRITERD_SOURCES_H

#include "common/proc/credentials.h"
#include "common/proc/sandbox.h"
#include "writerd/db.h"

struct sources {
	const struct contract *contract;
	/* One entry per distinct write_url_env. */
	struct credential *credentials;
	size_t credential_count;
	struct db **open; /* by source index; NULL: not connected */
	bool only_looks;  /* also at roles that are not used to write */
};

/* Name the credentials that the contract asks for; values come later. */
void sources_init(struct sources *s, const struct contract *c);

/* What the sandbox must leave open for these URLs; lives in the arena. */
int sources_confine(const struct sources *s, struct arena *a,
    struct confine *out, struct err *e);

/*
 * A connection to the source, kept or new. DATABASE_UNAVAILABLE, or
 * WRITE_CREDENTIAL_MISSING (CS_E_CONFIG) when this process was not given the
 * URL. A role that no grant limits is refused (posture.h).
 */
int sources_connect(struct sources *s, const struct contract_source *source,
    struct db **out, struct err *e);

/* Throw the connection away if it cannot be used again, or if `always`. */
void sources_release(
    struct sources *s, const struct contract_source *source, bool always);

/* Log what each role could do beyond the contract, and let go of connections
 * whose role may not be used any more. */
void sources_look(struct sources *s);

void sources_clear(struct sources *s);

#endif
