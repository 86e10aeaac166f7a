/*
 * A command line as 0.1.1 read it (engine.md §6.3), without any shell.
 */
#ifndef CS_WRITERD_HANDLER_WORDS_H
#define CS_WRITERD_HANDLER_WORDS_H

#include "common/base/span.h"

struct arena;

#define WORDS_MAX 64U

/*
 * White space separates; '…' and "…" group; a backslash takes the next
 * character as it is, everywhere. False for an unterminated quote, more than
 * WORDS_MAX words, or a first word that is no absolute path. `out` has room for
 * WORDS_MAX + 1 and ends with NULL; texts live in `a`.
 */
bool words_split(struct span line, struct arena *a, char **out);

#endif
