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

#endif
