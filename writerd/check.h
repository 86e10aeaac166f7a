/*
 * What the write credentials can do, found out with the statements of a real
 * apply in a transaction that is rolled back: `writerd --check`.
 */
#ifndef CS_WRITERD_CHECK_H
#define CS_WRITERD_CHECK_H

#include "writerd/sources.h"

/*
 * Append one JSON object per finding and line: check, ok, code, detail, remedy.
 * Nothing is changed. True when all of them are well.
 */
bool check_sources(struct sources *s, struct arena *a, struct buf *out);

/*
 * Append one JSON object per line and proposal that is applied by SQL: the
 * statements of an apply, as they are sent, with the receipt table's name
 * unqualified. Needs no database. UNSAFE_IDENTIFIER as stmt_plan_build.
 */
int check_put_statements(
    const struct contract *c, struct arena *a, struct buf *out, struct err *e);

#endif
