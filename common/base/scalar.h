/*
 * A typed scalar: what a column, an argument or a patch may hold. The text is
 * exact: integers and decimals are never doubles on their way.
 */
#ifndef CS_COMMON_BASE_SCALAR_H
#define CS_COMMON_BASE_SCALAR_H

#include "common/base/json_out.h"
#include "common/base/json_scan.h"

enum scalar_kind {
	SCALAR_NULL,
	SCALAR_BOOL,   /* text "true" or "false" */
	SCALAR_NUMBER, /* text is a canonical JSON number */
	SCALAR_TEXT,   /* valid UTF-8 without NUL */
	SCALAR_KINDS
};

struct scalar {
	enum scalar_kind kind;
	struct span text; /* borrowed; empty for NULL */
};

/* A column, argument or patch entry. */
struct named_scalar {
	struct span name;
	struct scalar value;
};

/* Same kind and same text: 1 and "1" differ, NULL equals NULL. Numbers are
 * canonical, so equal numbers have equal texts. */
bool scalar_equal(struct scalar a, struct scalar b);

/* Is the text what the kind promises? For scalars that came over the wire. */
bool scalar_is_valid(struct scalar s);

/* Write the value as JSON of its kind; the text must be valid. */
void scalar_put(struct json_out *j, struct scalar s);

/* Write {"name":value,…}. */
void scalars_put(
    struct json_out *j, const struct named_scalar *list, size_t count);

/* A JSON scalar node; CS_E_INVALID for containers and infinite numbers. The
 * text borrows from the document or lives in `a`. */
int scalar_from_json(const struct json_doc *doc, uint32_t node, struct arena *a,
    struct scalar *out);

/* The entry with this name, or NULL. */
const struct named_scalar *scalars_find(
    const struct named_scalar *list, size_t count, struct span name);

/* JavaScript String(x): "null", "true", the number's or the string's text. */
struct span scalar_as_string(struct scalar s);

#endif
