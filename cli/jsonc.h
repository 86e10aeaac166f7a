/*
 * JSON with comments and trailing commas, as VS Code and its relatives write
 * it: made strict for reading, without moving a byte.
 */
#ifndef CS_CLI_JSONC_H
#define CS_CLI_JSONC_H

#include "common/base/buf.h"

/*
 * Overwrite comments and trailing commas (untrusted text) with blanks; line
 * ends stay. Every other byte is where it was, so positions in the result are
 * positions in the original. Also a byte order mark becomes blanks.
 */
void jsonc_blank(char *text, size_t len);

#endif
