/* Spec, answers and recipes: the same members, in the spellings of all. */
#include "cli/onboard/selection.h"
#include "common/base/arena.h"
#include "common/base/err.h"

struct reader {
	struct selection *s;
	struct json_doc doc;
};

typedef int (*take_fn)(struct reader *r, uint32_t node, struct err *e);

static enum json_type
type_of(const struct reader *r, uint32_t node)
{
	return r->doc.nodes[node].type;
}

static uint32_t
behind(const struct reader *r, uint32_t node)
{
	return r->doc.nodes[node].next;
}

/* A string without the blanks around it, or the raw text of another scalar. */
static const char *
text_of(struct reader *r, uint32_t node)
{
	struct span t = type_of(r, node) == JSON_STRING
			    ? json_string(&r->doc, node, r->s->arena)
			    : json_raw(&r->doc, node);

	while (t.len > 0 && strchr(" \t\r\n", t.ptr[0]) != NULL) {
		t.ptr++;
		t.len--;
	}
	while (t.len > 0 && strchr(" \t\r\n", t.ptr[t.len - 1]) != NULL) {
		t.len--;
	}
	return arena_strndup(r->s->arena, t.ptr, t.len);
}

/* What a plain text may be written as. */
static bool
is_scalar(const struct reader *r, uint32_t node)
{
	return type_of(r, node) == JSON_STRING ||
	       type_of(r, node) == JSON_NUMBER;
}

/* A list of texts, or one text with commas. */
static int
take_names(struct reader *r, uint32_t node, struct names *out, struct err *e)
{
	if (type_of(r, node) == JSON_STRING) {
		names_split(out, span_of(text_of(r, node)), r->s->arena);
		return 0;
	}
	if (type_of(r, node) != JSON_ARRAY) {
		return selection_wrong(e, "a list of texts is needed");
	}
	for (uint32_t n = node + 1; n < behind(r, node); n = behind(r, n)) {
		if (type_of(r, n) != JSON_STRING) {
			return selection_wrong(e, "a list of texts is needed");
		}
		names_add(out, text_of(r, n), r->s->arena);
	}
	return 0;
}

/* The short texts, one or several of them. */
static int
take_texts(struct reader *r, uint32_t node,
    int (*add)(struct selection *, const char *, struct err *), struct err *e)
{
	struct names list = {0};
	int rc = 0;

	if (type_of(r, node) == JSON_STRING) {
		return add(r->s, text_of(r, node), e);
	}
	rc = take_names(r, node, &list, e);
	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		rc = add(r->s, list.items[i], e);
	}
	return rc;
}

/* Each member of an object; of another value, none. */
static int
each_member(struct reader *r, uint32_t node,
    int (*fn)(struct reader *r, const char *key, uint32_t value, struct err *e),
    struct err *e)
{
	int rc = 0;

	if (type_of(r, node) != JSON_OBJECT) {
		return selection_wrong(e, "an object is needed");
	}
	for (uint32_t n = node + 1; rc == 0 && n < behind(r, node);
	     n = behind(r, n + 1)) {
		rc = fn(r, text_of(r, n), n + 1, e);
	}
	return rc;
}

/* Either a value of the contract or one of the model. */
static int
take_binding(struct reader *r, const char *column, uint32_t node, struct err *e)
{
	uint32_t fixed = json_get(&r->doc, node, "fixed");
	uint32_t arg = json_get_type(&r->doc, node, "from_arg", JSON_STRING);
	struct selected_patch p = {.column = column};

	if (type_of(r, node) != JSON_OBJECT ||
	    (fixed == JSON_NONE) == (arg == JSON_NONE) ||
	    (fixed != JSON_NONE &&
		scalar_from_json(&r->doc, fixed, r->s->arena, &p.fixed) != 0)) {
		return selection_wrong(e,
		    "patch.%s must have fixed (a scalar) or from_arg, one of "
		    "them",
		    column);
	}
	if (r->s->patch_count == SELECTION_MAX) {
		return selection_wrong(
		    e, "more than %d patched columns", SELECTION_MAX);
	}
	p.from_arg = arg == JSON_NONE ? NULL : text_of(r, arg);
	r->s->patch[r->s->patch_count++] = p;
	return 0;
}

static int
take_patch(struct reader *r, uint32_t node, struct err *e)
{
	return type_of(r, node) == JSON_OBJECT
		   ? each_member(r, node, take_binding, e)
		   : take_texts(r, node, selection_add_patch, e);
}

/* A side of a bound: JSON number or missing. */
static const char *
side(struct reader *r, uint32_t object, const char *key)
{
	uint32_t n = json_get_type(&r->doc, object, key, JSON_NUMBER);

	return n == JSON_NONE ? "" : text_of(r, n);
}

/* A side with a typing error must not be taken for none. */
static int
take_bound(struct reader *r, const char *column, uint32_t node, struct err *e)
{
	if (type_of(r, node) != JSON_OBJECT) {
		return selection_wrong(
		    e, "numeric_bounds.%s must be an object", column);
	}
	for (uint32_t n = node + 1; n < behind(r, node); n = behind(r, n + 1)) {
		const char *key = text_of(r, n);
		if (strcmp(key, "minimum") != 0 &&
		    strcmp(key, "maximum") != 0) {
			return selection_wrong(e,
			    "numeric_bounds.%s: %s is not known", column, key);
		}
		if (type_of(r, n + 1) != JSON_NUMBER) {
			return selection_wrong(e,
			    "numeric_bounds.%s needs finite numbers", column);
		}
	}
	return selection_add_bound(r->s,
	    arena_printf(r->s->arena, "%s=%s:%s", column,
		side(r, node, "minimum"), side(r, node, "maximum")),
	    e);
}

static int
take_bounds(struct reader *r, uint32_t node, struct err *e)
{
	return type_of(r, node) == JSON_OBJECT
		   ? each_member(r, node, take_bound, e)
		   : take_texts(r, node, selection_add_bound, e);
}

static int
take_state(struct reader *r, const char *from, uint32_t node, struct err *e)
{
	struct selected_guard *g = &r->s->guards[r->s->guard_count];

	g->states[g->count].from = from;
	return take_names(r, node, &g->states[g->count++].to, e);
}

/* From a state to the states that may follow. */
static int
take_guard(struct reader *r, const char *column, uint32_t node, struct err *e)
{
	uint32_t allowed = json_get_type(&r->doc, node, "allowed", JSON_OBJECT);
	uint32_t from =
	    json_get_type(&r->doc, node, "from_column", JSON_STRING);
	struct selected_guard *g = &r->s->guards[r->s->guard_count];
	int rc = 0;

	if (allowed == JSON_NONE || r->s->guard_count == SELECTION_MAX) {
		return selection_wrong(
		    e, "transition_guards.%s needs allowed states", column);
	}
	*g = (struct selected_guard){.column = column,
	    .from_column = from == JSON_NONE ? NULL : text_of(r, from),
	    .states = arena_array(r->s->arena, r->doc.nodes[allowed].count + 1,
		sizeof(*g->states))};
	rc = each_member(r, allowed, take_state, e);
	r->s->guard_count++;
	return rc;
}

static int
take_guards(struct reader *r, uint32_t node, struct err *e)
{
	return type_of(r, node) == JSON_OBJECT
		   ? each_member(r, node, take_guard, e)
		   : take_texts(r, node, selection_add_guard, e);
}

static int
take_arg(struct reader *r, const char *arg, uint32_t node, struct err *e)
{
	const char *keys[] = {"type", "description", "required", "max_length",
	    "minimum", "maximum", "enum"};
	const struct names known = {keys, 7};

	if (type_of(r, node) != JSON_OBJECT) {
		return selection_wrong(e, "patch_args.%s: no object", arg);
	}
	for (uint32_t n = node + 1; n < behind(r, node); n = behind(r, n + 1)) {
		const char *key = text_of(r, n);
		if (!names_have(&known, key) ||
		    r->s->fact_count == ARG_FACTS_MAX) {
			return selection_wrong(
			    e, "patch_args.%s: %s is not known", arg, key);
		}
		r->s->facts[r->s->fact_count++] =
		    (struct selected_arg){arg, key, json_raw(&r->doc, n + 1)};
	}
	return 0;
}

static int
take_args(struct reader *r, uint32_t node, struct err *e)
{
	return each_member(r, node, take_arg, e);
}

static int
take_visible(struct reader *r, uint32_t node, struct err *e)
{
	return take_names(r, node, &r->s->visible, e);
}

static int
take_allowed(struct reader *r, uint32_t node, struct err *e)
{
	return take_names(r, node, &r->s->allowed, e);
}

static int
take_single(struct reader *r, uint32_t node, struct err *e)
{
	if (type_of(r, node) != JSON_TRUE && type_of(r, node) != JSON_FALSE) {
		return selection_wrong(
		    e, "single_tenant_dev must be true or false");
	}
	r->s->single_tenant_dev = type_of(r, node) == JSON_TRUE;
	return 0;
}

static int
take_version(struct reader *r, uint32_t node, struct err *e)
{
	return span_is(json_raw(&r->doc, node), "1")
		   ? 0
		   : selection_wrong(e, "selection version must be 1");
}

static int
take_nothing(struct reader *r, uint32_t node, struct err *e)
{
	(void)r;
	(void)node;
	(void)e;
	return 0;
}

static int take_member(
    struct reader *r, const char *key, uint32_t node, struct err *e);

/* Members of "approval" and the like, which the words know by themselves. */
static int
take_inner(struct reader *r, const char *key, uint32_t node, struct err *e)
{
	/* approval.mode and trusted_context.provider are what they must be. */
	if (strcmp(key, "mode") == 0 || strcmp(key, "provider") == 0) {
		return 0;
	}
	return take_member(r, key, node, e);
}

static int
take_group(struct reader *r, uint32_t node, struct err *e)
{
	return each_member(r, node, take_inner, e);
}

static const struct {
	const char *key;
	take_fn take;
} members[] = {
    {"version", take_version},
    {"$schema", take_nothing},
    {"visible_columns", take_visible},
    {"allowed_columns", take_allowed},
    {"single_tenant_dev", take_single},
    {"patch", take_patch},
    {"patch_bounds", take_bounds},
    {"numeric_bounds", take_bounds},
    {"status_guards", take_guards},
    {"transition_guards", take_guards},
    {"patch_args", take_args},
    {"trusted_context", take_group},
    {"approval", take_group},
};

static bool
is_word(const struct selection_word *w, const char *key)
{
	return strcmp(w->name, key) == 0 ||
	       (w->alias != NULL && strcmp(w->alias, key) == 0);
}

/* Numbers are kept as they are spelled. */
static int
take_text(
    struct reader *r, int which, const char *key, uint32_t node, struct err *e)
{
	const char *text = NULL;

	/* A null is what is not given. */
	if (type_of(r, node) == JSON_NULL) {
		return 0;
	}
	if (!is_scalar(r, node)) {
		return selection_wrong(e, "%s must be a text", key);
	}
	text = text_of(r, node);
	if (text[0] != '\0') {
		r->s->text[which] = text;
	}
	return 0;
}

static int
take_member(struct reader *r, const char *key, uint32_t node, struct err *e)
{
	/* "writeback" is a word in answers and an object in specs. */
	if (strcmp(key, "writeback") == 0 && type_of(r, node) == JSON_OBJECT) {
		return take_group(r, node, e);
	}
	for (int i = 0; i < SELECTION_TEXTS; i++) {
		if (is_word(&selection_words[i], key)) {
			return take_text(r, i, key, node, e);
		}
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].key, key) == 0) {
			return members[i].take(r, node, e);
		}
	}
	return selection_wrong(
	    e, "%s is not known here; correct or remove it", key);
}

int
selection_from_json(struct selection *s, struct span document, struct err *e)
{
	struct reader r = {.s = s};
	int rc = json_scan(&r.doc, document, s->arena, e);

	if (rc != 0) {
		return rc;
	}
	return each_member(&r, 0, take_member, e);
}
