/*
 * The strict JSON scanner for untrusted text: one pass, no recursion, one flat
 * list of nodes over the caller's bytes. What it accepts is RFC 8259 exactly,
 * in valid UTF-8, without duplicate keys, without lone surrogates, without NUL
 * inside strings, within the limits. Numbers stay raw text: nothing is rounded.
 */
#ifndef CS_COMMON_BASE_JSON_SCAN_H
#define CS_COMMON_BASE_JSON_SCAN_H

#include <stdint.h>

#include "common/base/buf.h"

struct arena;
struct err;

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* Nodes stand in document order; an object's are key, value, key, value … */
struct json_node {
	enum json_type type;
	uint32_t start; /* first byte of the raw text */
	uint32_t len;   /* raw length, quotes and brackets included */
	uint32_t next;  /* index behind the last node of this value */
	uint32_t count; /* elements of an array, members of an object */
	bool escaped;   /* a string with at least one backslash */
};

struct json_doc {
	struct span text;
	struct json_node *nodes; /* in the arena given to json_scan */
	uint32_t count;
};

#define JSON_MAX_DEPTH 64
#define JSON_MAX_NODES 65536U
#define JSON_NONE      UINT32_MAX

/*
 * Scan `text` (untrusted; must stay valid as long as *doc is used). Node 0 is
 * the document's value. Returns 0, or CS_E_INVALID / CS_E_TOO_LARGE with the
 * byte position in *e; a duplicate key has the reason JSON_DUPLICATE_KEY.
 */
int json_scan(
    struct json_doc *doc, struct span text, struct arena *a, struct err *e);

/* Value of member `key` of object node `object`, or JSON_NONE. */
uint32_t json_get(const struct json_doc *doc, uint32_t object, const char *key);

/* The raw bytes of a node, exactly as they stand in the document: of a
 * string with its quotes. What is signed or hashed is taken this way. */
struct span json_raw(const struct json_doc *doc, uint32_t node);

/* The decoded text of a string node; borrowed when it has no escapes. */
struct span json_string(
    const struct json_doc *doc, uint32_t node, struct arena *a);

/* Shorthands that return JSON_NONE / an empty span when the type differs. */
uint32_t json_get_type(const struct json_doc *doc, uint32_t object,
    const char *key, enum json_type type);
struct span json_get_string(const struct json_doc *doc, uint32_t object,
    const char *key, struct arena *a);

/* An integral JSON number as int64, exactly; CS_E_INVALID if it is not one
 * or does not fit. "1.0" and "1e2" are not integral here: the text counts. */
int json_int64(struct span raw, int64_t *out);

#endif
