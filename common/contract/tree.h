/*
 * A scanned JSON document with its strings decoded once, and the value rules of
 * cli-config.md §1.1. Internal to cs_contract. Every function takes JSON_NONE
 * for "not there" and then answers no, empty or JSON_NONE.
 */
#ifndef CS_COMMON_CONTRACT_TREE_H
#define CS_COMMON_CONTRACT_TREE_H

#include "common/base/json_scan.h"

struct tree {
	const struct json_doc *doc;
	struct span *text; /* of each string node, decoded */
	bool *is_key;      /* of each node */
};

/* The document must stay; the tree's own memory is the arena's. */
void tree_init(struct tree *t, const struct json_doc *doc, struct arena *a);

/* Walk the elements of an array or the members of an object. */
struct tree_iter {
	uint32_t pos;
	uint32_t left;
	uint32_t value;  /* the node */
	struct span key; /* empty in arrays */
	bool object;
};

struct tree_iter tree_each(const struct tree *t, uint32_t container);
bool tree_next(const struct tree *t, struct tree_iter *it);

/* Member of an object; escapes in its key do not hide it. */
uint32_t tree_find(const struct tree *t, uint32_t object, struct span key);
uint32_t tree_get(const struct tree *t, uint32_t object, const char *key);

/* Elements or members; 0 for anything else. */
uint32_t tree_count(const struct tree *t, uint32_t node);

/* The decoded text of a string. */
struct span tree_text(const struct tree *t, uint32_t node);

bool tree_is(const struct tree *t, uint32_t node, enum json_type type);
bool tree_is_object(const struct tree *t, uint32_t node);
bool tree_is_bool(const struct tree *t, uint32_t node);
bool tree_is_string(const struct tree *t, uint32_t node);
bool tree_is_text(const struct tree *t, uint32_t node, const char *text);

/* Objects and arrays with at least one entry. */
bool tree_is_map(const struct tree *t, uint32_t node);
bool tree_is_list(const struct tree *t, uint32_t node);

/* "non-empty string", "env name", "identifier" … of §1.1. */
bool tree_is_filled(const struct tree *t, uint32_t node);
bool tree_is_env(const struct tree *t, uint32_t node);
bool tree_is_identifier(const struct tree *t, uint32_t node);
bool tree_is_positive(const struct tree *t, uint32_t node);
bool tree_is_finite(const struct tree *t, uint32_t node);

/* Append the canonical text of a finite number; false if it is none. */
bool tree_number(const struct tree *t, uint32_t node, struct buf *out);

/* Index of the text in a NULL-terminated list, -1 if it is not one of it. */
int tree_choice(const struct tree *t, uint32_t node, const char *const *list);

/* Append `root`.key[3].key … of the node: cut when it gets very long. */
void tree_path(
    const struct tree *t, const char *root, uint32_t node, struct buf *out);

/* Trim what JavaScript's trim() takes away. */
struct span text_trim(struct span s);

/* Is the code point white space for JavaScript? */
bool text_is_space(unsigned code_point);

#endif
