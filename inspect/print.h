/*
 * The schema as JSON (cli-config.md §3.4).
 */
#ifndef CS_INSPECT_PRINT_H
#define CS_INSPECT_PRINT_H

#include "common/base/buf.h"
#include "inspect/catalog.h"

struct print_options {
	const char *tables; /* "a,s.b": only these; NULL: all */
	bool brief;         /* without columns, indexes and foreign keys */
};

/* Append the document and a newline. */
void print_catalog(struct buf *out, const struct catalog *c,
    const struct print_options *options, struct arena *a);

#endif
