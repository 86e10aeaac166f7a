/*
 * What a look at a database found, for people and for programs: one line of
 * JSON each. `writerd --check` and `mcpd --check` print them.
 */
#ifndef CS_COMMON_CONTRACT_FINDING_H
#define CS_COMMON_CONTRACT_FINDING_H

#include "common/base/scalar.h"

struct arena;
struct buf;

struct finding {
	const char *subject; /* source or capability */
	const char *check;
	const char *code; /* NULL: it is well */
	const char *detail;
	const char *remedy; /* words or SQL */
};

/* Append {"subject":…,"check":…,"ok":…[,"code","detail","remedy"]} and a
 * newline. */
void finding_put(struct buf *out, const struct finding *f);

/* A sentence with "%x" replaced by the word named x; in the arena. */
const char *finding_text(struct arena *a, const char *form,
    const struct named_scalar *words, size_t count);

#endif
