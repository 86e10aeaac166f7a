#include "common/db/pg_scope.h"

#include "common/base/arena.h"
#include "common/base/err.h"

bool
pg_scope_is_set(const struct contract_source *source)
{
	return source->scope_tenant_setting != NULL;
}

int
pg_scope_check(struct span tenant, struct span principal, struct err *e)
{
	if (tenant.len == 0) {
		return err_set(e, CS_E_DENIED,
		    "POSTGRES_RLS_TENANT_CONTEXT_MISSING",
		    "database_scope needs a tenant, and there is none");
	}
	if (principal.len == 0) {
		return err_set(e, CS_E_DENIED,
		    "POSTGRES_RLS_PRINCIPAL_CONTEXT_MISSING",
		    "database_scope needs a principal, and there is none");
	}
	return 0;
}

void
pg_scope_params(const struct contract_source *source, struct span tenant,
    struct span principal, struct arena *a, const char *out[PG_SCOPE_PARAMS])
{
	out[0] = source->scope_tenant_setting;
	out[1] = arena_strndup(a, tenant.ptr, tenant.len);
	out[2] = source->scope_principal_setting;
	out[3] = arena_strndup(a, principal.ptr, principal.len);
}
