/*
 * Several files that are written together: all of them or none.
 */
#ifndef CS_CLI_ONBOARD_FILESET_H
#define CS_CLI_ONBOARD_FILESET_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/buf.h"

struct arena;
struct err;

#define FILESET_MAX 16

struct fileset_entry {
	const char *path;
	mode_t mode;
	struct buf content;
	char *temporary; /* NULL: not written yet */
	char *backup;    /* NULL: nothing was replaced */
	bool placed;
};

struct fileset {
	struct fileset_entry entries[FILESET_MAX];
	size_t count;
};

/* A new file, to be filled by the caller; `path` is borrowed. */
struct buf *fileset_add(struct fileset *set, const char *path, mode_t mode);

/*
 * Write. A file that exists is CS_E_STATE with FILE_EXISTS unless `force`.
 * After any error every file is as it was, and *e says so. Folders are made
 * as needed and stay.
 */
int fileset_commit(struct fileset *set, bool force, struct err *e);

/* Free what was gathered; written files stay. */
void fileset_clear(struct fileset *set);

#endif
