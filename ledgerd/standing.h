/*
 * Where a proposal stands, for the model that made it, and taking one back.
 */
#ifndef CS_LEDGERD_STANDING_H
#define CS_LEDGERD_STANDING_H

#include "ledgerd/ledger.h"

/*
 * STATUS. Another tenant's or principal's proposal is the same
 * RESOURCE_NOT_FOUND as none. Texts of *out are in the scratch arena.
 */
int standing_find(struct ledger *l, const struct msg_status *m,
    struct msg_stated *out, struct err *e);

/*
 * WITHDRAW: cancel a proposal that is still to be reviewed. One that was
 * decided about stays as it is, which is no error: *out tells.
 */
int standing_withdraw(struct ledger *l, const struct msg_status *m,
    struct msg_stated *out, struct err *e);

#endif
