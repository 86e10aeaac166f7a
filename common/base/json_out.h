/*
 * Writing JSON. Compact output is what JSON.stringify writes ("JSTR",
 * engine.md 0.1), because it is what gets hashed; pretty output is
 * JSON.stringify(v, null, 2). Numbers are canonicalised without losing
 * integers: int64 stays exact, everything else takes ECMAScript's form.
 */
#ifndef CS_COMMON_BASE_JSON_OUT_H
#define CS_COMMON_BASE_JSON_OUT_H

#include <stdint.h>

#include "common/base/buf.h"

struct arena;
struct json_doc;

/*
 * A writer over a buffer. Commas are its business: call key() before each
 * value inside an object. It asserts that containers are closed in order.
 */
struct json_out {
	struct buf *buf;
	unsigned depth;
	unsigned indent; /* 0 compact, 2 pretty */
	bool comma;      /* a value precedes on this level */
	bool after_key;
};

/* Start to append to `out`; what is in it stays in front. `out` must not be
 * changed by others before the value is whole. */
void json_begin(struct json_out *j, struct buf *out, unsigned indent);
void json_open(struct json_out *j, char bracket);  /* '{' or '[' */
void json_close(struct json_out *j, char bracket); /* '}' or ']' */
void json_key(struct json_out *j, const char *key);
void json_key_span(struct json_out *j, struct span key);

void json_put_null(struct json_out *j);
void json_put_bool(struct json_out *j, bool value);
void json_put_int(struct json_out *j, int64_t value);
void json_put_text(struct json_out *j, const char *text); /* NULL: null */
void json_put_span(struct json_out *j, struct span text); /* valid UTF-8 */

/* Embed JSON bytes that are known to be valid, untouched: scanned text, or
 * what this writer wrote. Never text from a peer as it came. */
void json_put_raw(struct json_out *j, struct span raw);

/* Shorthands for `key` then value. */
void json_field_text(struct json_out *j, const char *key, const char *text);
void json_field_span(struct json_out *j, const char *key, struct span text);
void json_field_int(struct json_out *j, const char *key, int64_t value);
void json_field_bool(struct json_out *j, const char *key, bool value);
void json_field_null(struct json_out *j, const char *key);
void json_field_raw(struct json_out *j, const char *key, struct span raw);

/* Append a JSON string literal. */
void json_quote(struct buf *out, struct span text);

/*
 * Write a scanned value again, member order kept, compact or pretty. Strings
 * are decoded and quoted anew, numbers canonical: the result may differ in
 * bytes, so it is for showing, not for hashing.
 */
void json_rewrite(struct json_out *j, const struct json_doc *doc, uint32_t node,
    struct arena *a);

/*
 * Canonical text of a JSON number (already scanned): an integer that fits int64
 * exactly (-0 becomes 0), else ECMAScript's shortest form of the double, in
 * which 1e2 and 1.0 become 100 and 1. CS_E_INVALID when it is not finite.
 */
int json_number_canonical(struct span raw, struct buf *out);

/* ECMAScript Number::toString; "null" for NaN and infinities. */
void json_number_es(double value, struct buf *out);

#endif
