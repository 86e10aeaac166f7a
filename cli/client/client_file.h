/*
 * The file in which a client keeps its servers: where it is, how an entry of
 * ours gets into it and out again.
 */
#ifndef CS_CLI_CLIENT_CLIENT_FILE_H
#define CS_CLI_CLIENT_CLIENT_FILE_H

#include "cli/client/snippet.h"

struct arena;

/*
 * Absolute path: `destination` if given, else where the client has it; links
 * are followed. CS_E_INVALID with CLIENT_FILE_UNKNOWN when the client has no
 * file of its own.
 */
int client_file_path(const struct client *c, const char *destination,
    const char **out, struct arena *a, struct err *e);

/*
 * Set our entry; a backup "<path>.bak.<time>" of an existing file comes first,
 * its name in *backup (NULL: there was none). Asks unless `yes`. Says on
 * standard error where it writes.
 */
int client_file_write(const struct snippet *s, const char *path, bool yes,
    struct arena *a, struct err *e);

/*
 * Take the last write back: the file's former bytes if nobody has changed it
 * since, else only the entry. A file that we made is removed.
 */
int client_file_undo(const struct snippet *s, const char *path, bool yes,
    struct arena *a, struct err *e);

#endif
