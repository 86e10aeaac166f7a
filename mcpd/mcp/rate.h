/*
 * How often a tenant may call a capability: a fixed window, as the contract's
 * rate_limits say. Counted in this process; several on one port count apart.
 */
#ifndef CS_MCPD_MCP_RATE_H
#define CS_MCPD_MCP_RATE_H

#include <stdint.h>

#include "common/contract/contract.h"

struct rate;

struct rate *rate_new(void);
void rate_free(struct rate **rate);

/*
 * Count one call at `now_ms` (monotonic). 0, or how many milliseconds remain
 * until the window is over, and then it is not counted. A capability without a
 * limit always gives 0.
 */
int64_t rate_take(struct rate *rate, const struct contract_capability *cap,
    struct span tenant, int64_t now_ms);

#endif
