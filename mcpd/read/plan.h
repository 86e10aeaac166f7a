/*
 * One SELECT per capability, its text built once at start from the contract:
 * identifiers come from the contract only, values are always parameters. Two
 * rows are asked for, so that a key that is not unique is noticed and refused
 * instead of the first row being taken.
 */
#ifndef CS_MCPD_READ_PLAN_H
#define CS_MCPD_READ_PLAN_H

#include "common/contract/contract.h"

struct plan {
	const struct contract_capability *cap;
	const char *sql;
};

/* Plans of all capabilities, by their index; in the arena. */
struct plan *plans_build(const struct contract *c, struct arena *a);

/* Does the table show a row at all? NULL or 'rows'; for a probe, which asks
 * within a scope where there is none. In the arena. */
const char *plan_canary_sql(
    const struct contract_capability *cap, struct arena *a);

/* The statement text of one capability, in the arena. */
const char *plan_sql(const struct contract_capability *cap, struct arena *a);

/*
 * Is the row that came (all read columns) the one that was asked for? Affinity,
 * collations and conversions can make different texts equal ('05' and 5,
 * 'ACME' and 'acme'); what is not spelled like the request is another row.
 */
bool plan_row_matches(const struct contract_capability *cap,
    const struct named_scalar *row, struct scalar key, struct span tenant);

#endif
