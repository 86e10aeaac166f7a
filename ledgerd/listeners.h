/*
 * The listeners, one per role: which one a peer comes in on is its
 * authority.
 */
#ifndef CS_LEDGERD_LISTENERS_H
#define CS_LEDGERD_LISTENERS_H

#include "common/proc/listenfds.h"
#include "ledgerd/ledger.h"

/* Names of the inherited descriptors, for startup. */
extern const char *const listener_names[];

/* Accept on every listener that was inherited; CS_E_CONFIG without control. */
int listeners_open(
    struct ledger *l, const struct listen_fds *fds, struct err *e);

/* Stop accepting (shutdown). */
void listeners_close(void);

/* Take over everybody who has connected by now: was there anybody? */
bool listeners_take_pending(void);

#endif
