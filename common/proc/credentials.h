/*
 * Credentials reach a process after it became undumpable, from one of two
 * places: a file $CREDENTIALS_DIRECTORY/<name> (service manager) or the
 * bootstrap channel (countersign-run). Never argv, never the environment.
 */
#ifndef CS_COMMON_PROC_CREDENTIALS_H
#define CS_COMMON_PROC_CREDENTIALS_H

#include <stddef.h>

struct err;
struct secret;

/* One credential that a process asks for by name. */
struct credential {
	const char *name;     /* set by the caller, borrowed, distinct */
	struct secret *value; /* filled; NULL: was not delivered */
};

/*
 * Read <folder>/<name>, else <folder>/cs_<name>, into *out. A file that is not
 * there leaves NULL and is no error. Names with anything but [A-Za-z0-9_.-] are
 * refused.
 */
int credential_from_folder(
    const char *folder, const char *name, struct secret **out, struct err *e);

/* Fill the whole list from a folder. What is not there stays NULL; the first
 * other error ends it, and credentials_clear is due. */
int credentials_from_folder(
    const char *folder, struct credential *list, size_t count, struct err *e);

/*
 * Say READY, receive until GO, at most BOOTSTRAP_TIMEOUT_MS. A name that is not
 * in the list, or comes twice, is an error: the supervisor and we disagree
 * about what we are. Values that came before are kept; the caller clears them.
 */
int credentials_from_channel(
    int fd, struct credential *list, size_t count, struct err *e);

/* Free every value. */
void credentials_clear(struct credential *list, size_t count);

#endif
