/*
 * Changing one entry of a client's configuration and nothing else: comments,
 * spaces and order of the rest stay byte for byte. The text is untrusted.
 */
#ifndef CS_CLI_CLIENT_EDIT_H
#define CS_CLI_CLIENT_EDIT_H

#include "common/base/buf.h"

struct err;

/* Which entry: member `name` of the object that is member `map` of the root. */
struct edit_place {
	const char *map;
	const char *name;
};

/*
 * Append `text` to *out with the entry set to `entry` (valid JSON, pretty, one
 * value). An empty text becomes a new document. CS_E_INVALID with
 * CLIENT_FILE_INVALID when the text is no JSON (with comments) object, or the
 * map is no object; then *out is as it was.
 */
int edit_set(struct span text, const struct edit_place *p, struct span entry,
    struct buf *out, struct err *e);

/* The same without the entry, which must be there: else CS_E_NOT_FOUND with
 * CLIENT_ENTRY_MISSING. */
int edit_remove(struct span text, const struct edit_place *p, struct buf *out,
    struct err *e);

/* Append the entry's own text to *out; false when there is none, or the text
 * cannot be read. */
bool edit_find(struct span text, const struct edit_place *p, struct buf *out);

#endif
