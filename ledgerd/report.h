/*
 * Reports: what the ledger holds about a proposal, an object or a principal,
 * signed, so that somebody who has nothing but the file and the ledger's public
 * key can check it. Row values are not in it.
 */
#ifndef CS_LEDGERD_REPORT_H
#define CS_LEDGERD_REPORT_H

#include "ledgerd/ledger.h"

/*
 * QUERY_REPORT: exactly one of the filters proposal, object_id (with
 * object_type) and principal; the last two with tenant, because a report never
 * reaches across tenants. *out gets a DSSE envelope (DSSE_TYPE_REPORT) around
 * countersign.report.v1. REPORT_SCOPE_INVALID, PROPOSAL_NOT_FOUND,
 * REPORT_TOO_LARGE.
 */
int report_write(struct ledger *l, const struct msg_query *m, struct buf *out,
    struct err *e);

#endif
