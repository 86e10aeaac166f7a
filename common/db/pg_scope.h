/*
 * Scope that the database enforces (beyond.md §D9): tenant and principal as
 * settings of one transaction, for row security to compare with.
 */
#ifndef CS_COMMON_DB_PG_SCOPE_H
#define CS_COMMON_DB_PG_SCOPE_H

#include "common/contract/contract.h"

struct arena;
struct err;

#define PG_SCOPE_PARAMS 4

/* Local to the transaction: with its end the settings are gone. */
#define PG_SCOPE_SQL                                  \
	"SELECT pg_catalog.set_config($1, $2, true)," \
	" pg_catalog.set_config($3, $4, true)"

/* Has the contract the database enforce the scope of this source? */
bool pg_scope_is_set(const struct contract_source *source);

/*
 * An empty value would be that of a session without settings: CS_E_DENIED with
 * POSTGRES_RLS_TENANT_CONTEXT_MISSING or
 * POSTGRES_RLS_PRINCIPAL_CONTEXT_MISSING.
 */
int pg_scope_check(struct span tenant, struct span principal, struct err *e);

/* The parameters of PG_SCOPE_SQL, in the arena. */
void pg_scope_params(const struct contract_source *source, struct span tenant,
    struct span principal, struct arena *a, const char *out[PG_SCOPE_PARAMS]);

#endif
