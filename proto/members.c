#include "proto/members.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"

/* Only the first is kept: what follows it is a consequence. */
static void
mark_bad(struct members *m, const char *what)
{
	if (m->doc->bad == NULL) {
		m->doc->bad = what;
	}
}

void
members_at(struct members *m, struct document *doc, uint32_t node)
{
	*m = (struct members){.doc = doc};
	if (doc->bad != NULL || node == JSON_NONE) {
		return;
	}
	if (doc->json.nodes[node].type != JSON_OBJECT) {
		mark_bad(m, "(object)");
		return;
	}
	m->next = node + 1;
	m->left = doc->json.nodes[node].count;
}

void
members_begin(
    struct members *m, struct document *doc, struct span text, struct arena *a)
{
	*doc = (struct document){.arena = a};
	if (json_scan(&doc->json, text, a, NULL) != 0) {
		doc->bad = "(JSON)";
	}
	members_at(m, doc, 0);
}

const char *
members_bad(const struct members *m)
{
	return m->doc->bad;
}

void
members_end(struct members *m)
{
	if (m->left != 0) {
		mark_bad(m, "(member too many)");
	}
}

/* Compare with the key as it is spelled in the document: one with escapes in
 * it is another spelling, and therefore not ours. */
static bool
next_is(const struct members *m, const char *key)
{
	struct span raw;

	if (m->doc->bad != NULL || m->left == 0) {
		return false;
	}
	raw = json_raw(&m->doc->json, m->next);
	return raw.len == strlen(key) + 2 &&
	       memcmp(raw.ptr + 1, key, raw.len - 2) == 0;
}

/* The value node of the next member, or JSON_NONE (and bad). */
static uint32_t
take(struct members *m, const char *key)
{
	uint32_t value;

	if (!next_is(m, key)) {
		mark_bad(m, key);
		return JSON_NONE;
	}
	value = m->next + 1;
	m->next = m->doc->json.nodes[value].next;
	m->left--;
	return value;
}

/* take(), for a member of one JSON type. */
static uint32_t
take_type(struct members *m, const char *key, enum json_type type)
{
	uint32_t node = take(m, key);

	if (node != JSON_NONE && m->doc->json.nodes[node].type != type) {
		mark_bad(m, key);
		return JSON_NONE;
	}
	return node;
}

struct span
take_text(struct members *m, const char *key)
{
	uint32_t node = take_type(m, key, JSON_STRING);

	return node == JSON_NONE
		   ? (struct span){"", 0}
		   : json_string(&m->doc->json, node, m->doc->arena);
}

struct span
take_optional_text(struct members *m, const char *key)
{
	return next_is(m, key) ? take_text(m, key) : (struct span){"", 0};
}

struct span
take_text_or_null(struct members *m, const char *key)
{
	struct scalar s = take_scalar(m, key);

	if (s.kind != SCALAR_TEXT && s.kind != SCALAR_NULL) {
		mark_bad(m, key);
	}
	return s.kind == SCALAR_TEXT ? s.text : (struct span){"", 0};
}

int64_t
take_int(struct members *m, const char *key)
{
	uint32_t node = take_type(m, key, JSON_NUMBER);
	int64_t value = 0;

	if (node != JSON_NONE &&
	    json_int64(json_raw(&m->doc->json, node), &value) != 0) {
		mark_bad(m, key);
	}
	return value;
}

bool
take_bool(struct members *m, const char *key)
{
	struct scalar s = take_scalar(m, key);

	if (s.kind != SCALAR_BOOL) {
		mark_bad(m, key);
	}
	return s.kind == SCALAR_BOOL && span_is(s.text, "true");
}

struct scalar
take_scalar(struct members *m, const char *key)
{
	uint32_t node = take(m, key);
	struct scalar s = {.kind = SCALAR_NULL};

	if (node != JSON_NONE &&
	    scalar_from_json(&m->doc->json, node, m->doc->arena, &s) != 0) {
		mark_bad(m, key);
	}
	return s;
}

struct scalar
take_optional_scalar(struct members *m, const char *key)
{
	return next_is(m, key) ? take_scalar(m, key)
			       : (struct scalar){.kind = SCALAR_NULL};
}

void
take_object(struct members *m, const char *key, struct members *sub)
{
	members_at(sub, m->doc, take_type(m, key, JSON_OBJECT));
}

struct span
take_raw_object(struct members *m, const char *key)
{
	uint32_t node = take_type(m, key, JSON_OBJECT);

	return node == JSON_NONE ? (struct span){"", 0}
				 : json_raw(&m->doc->json, node);
}

struct named_scalar *
take_map(struct members *m, const char *key, size_t *count_out)
{
	const struct json_doc *json = &m->doc->json;
	uint32_t node = take_type(m, key, JSON_OBJECT);
	struct named_scalar *map = NULL;

	*count_out = 0;
	if (node == JSON_NONE) {
		return NULL;
	}
	map = arena_array(m->doc->arena, json->nodes[node].count, sizeof(*map));
	/* Keys and values alternate; `next` steps over a value's inside. */
	uint32_t k = node + 1;
	for (uint32_t i = 0; i < json->nodes[node].count; i++) {
		map[i].name = json_string(json, k, m->doc->arena);
		if (scalar_from_json(
			json, k + 1, m->doc->arena, &map[i].value) != 0) {
			mark_bad(m, key);
		}
		k = json->nodes[k + 1].next;
	}
	*count_out = json->nodes[node].count;
	return map;
}

uint32_t
take_array(struct members *m, const char *key)
{
	return take_type(m, key, JSON_ARRAY);
}

struct span *
take_text_list(struct members *m, const char *key, size_t *count_out)
{
	const struct json_doc *json = &m->doc->json;
	uint32_t node = take_array(m, key);
	struct span *list = NULL;

	*count_out = 0;
	if (node == JSON_NONE) {
		return NULL;
	}
	list =
	    arena_array(m->doc->arena, json->nodes[node].count, sizeof(*list));
	uint32_t item = node + 1;
	for (uint32_t i = 0; i < json->nodes[node].count; i++) {
		if (json->nodes[item].type != JSON_STRING) {
			mark_bad(m, key);
			return NULL;
		}
		list[i] = json_string(json, item, m->doc->arena);
		item = json->nodes[item].next;
	}
	*count_out = json->nodes[node].count;
	return list;
}

struct named_scalar
take_column_value(struct members *m, const char *key)
{
	struct named_scalar out;
	struct members sub;

	take_object(m, key, &sub);
	out.name = take_text(&sub, "column");
	out.value = take_scalar(&sub, "value");
	members_end(&sub);
	return out;
}

void
take_literal(struct members *m, const char *key, const char *value)
{
	if (!span_is(take_text(m, key), value)) {
		mark_bad(m, key);
	}
}

int64_t
take_time(struct members *m, const char *key)
{
	struct span text = take_text(m, key);
	int64_t us = 0;

	if (clock_parse(text.ptr, text.len, &us) != 0) {
		mark_bad(m, key);
	}
	return us;
}
