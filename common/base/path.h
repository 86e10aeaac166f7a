/*
 * Paths as text. Unlike dirname(3), nothing here writes to its argument or to
 * static memory.
 */
#ifndef CS_COMMON_BASE_PATH_H
#define CS_COMMON_BASE_PATH_H

#include "common/base/span.h"

/* The folder of a file: everything before the last '/', "/" for files of the
 * root, "." when there is none. Borrows from `path` or is a literal. */
struct span path_folder(const char *path);

#endif
