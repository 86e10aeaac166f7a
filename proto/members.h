/*
 * Reading a document that must be exactly so: members in one order, nothing
 * more, nothing less. Every take_ function steps over the next member when it
 * has the expected name and type; otherwise the whole document is marked bad
 * and everything after reads as empty. Check members_bad once at the end.
 */
#ifndef CS_PROTO_MEMBERS_H
#define CS_PROTO_MEMBERS_H

#include "common/base/scalar.h"

struct arena;

/* Shared by all the objects of one document. */
struct document {
	struct json_doc json;
	struct arena *arena;
	const char *bad; /* name of the first member that was not as expected */
};

/* A position inside one object. */
struct members {
	struct document *doc;
	uint32_t next; /* key node */
	uint32_t left;
};

/* Scan `text` (untrusted) and stand at the first member of the root object. */
void members_begin(
    struct members *m, struct document *doc, struct span text, struct arena *a);

/* NULL when everything so far was as expected. */
const char *members_bad(const struct members *m);

/* The object must be used up now. Call it for every object that was opened:
 * this is what refuses members that we do not know. */
void members_end(struct members *m);

/* A string that must be there. Spans of all take_ functions borrow from the
 * document or live in its arena. */
struct span take_text(struct members *m, const char *key);
/* Empty when the next member has another name. */
struct span take_optional_text(struct members *m, const char *key);
/* The member must be there; null reads as empty. */
struct span take_text_or_null(struct members *m, const char *key);
/* A number that is exactly an int64_t: no fraction, no exponent. */
int64_t take_int(struct members *m, const char *key);
/* true or false; any other value is bad and reads as false. */
bool take_bool(struct members *m, const char *key);
/* Text, number, bool or null; objects and arrays are bad. */
struct scalar take_scalar(struct members *m, const char *key);
/* Empty (kind NULL) when the next member has another name. */
struct scalar take_optional_scalar(struct members *m, const char *key);
/* Stand at the first member of an object; end it with members_end. */
void take_object(struct members *m, const char *key, struct members *sub);
/* The raw bytes of a member that is an object. */
struct span take_raw_object(struct members *m, const char *key);
/* A map of scalars, in document order. */
struct named_scalar *take_map(
    struct members *m, const char *key, size_t *count_out);
struct span *take_text_list(
    struct members *m, const char *key, size_t *count_out);
/* {"column": …, "value": …} */
struct named_scalar take_column_value(struct members *m, const char *key);
/* A member that must be exactly this text. */
void take_literal(struct members *m, const char *key, const char *value);
/* An array node; JSON_NONE when it is not one. */
uint32_t take_array(struct members *m, const char *key);
/* Stand at the first member of the object `node` (an array element). */
void members_at(struct members *m, struct document *doc, uint32_t node);
/* ISO 8601 with milliseconds, as microseconds. */
int64_t take_time(struct members *m, const char *key);

#endif
