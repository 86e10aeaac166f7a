/* The short texts for patches, bounds and guards. */
#include "cli/onboard/selection.h"
#include "common/base/arena.h"
#include "common/base/err.h"

/* What stands before `mark`; *rest is what stands behind, or NULL. */
static const char *
before(struct arena *a, const char *text, char mark, const char **rest)
{
	const char *at = strchr(text, mark);

	*rest = at == NULL ? NULL : at + 1;
	return at == NULL ? text : arena_strndup(a, text, (size_t)(at - text));
}

/* Is this text a JSON number, as people write one? Then it is canonical. */
static bool
take_number(struct arena *a, const char *text, struct span *out)
{
	struct buf canonical = BUF_INIT;
	struct json_doc doc;
	bool ok = json_scan(&doc, span_of(text), a, NULL) == 0 &&
		  doc.nodes[0].type == JSON_NUMBER &&
		  strpbrk(text, " \t\r\n") == NULL &&
		  json_number_canonical(span_of(text), &canonical) == 0;

	if (ok) {
		*out = arena_span(a, buf_as_span(&canonical));
	}
	buf_clear(&canonical);
	return ok;
}

/* null, true, false and decimal numbers have their type, the rest is text. */
static struct scalar
fixed_value(struct arena *a, const char *text)
{
	struct span number;

	if (strcmp(text, "null") == 0) {
		return (struct scalar){SCALAR_NULL, {NULL, 0}};
	}
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		return (struct scalar){SCALAR_BOOL, span_of(text)};
	}
	if (strpbrk(text, "eE") == NULL && take_number(a, text, &number)) {
		return (struct scalar){SCALAR_NUMBER, number};
	}
	return (struct scalar){SCALAR_TEXT, span_of(text)};
}

/* A column twice: the later one counts, as in an object of JavaScript. */
static struct selected_patch *
patch_slot(struct selection *s, const char *column)
{
	for (size_t i = 0; i < s->patch_count; i++) {
		if (strcmp(s->patch[i].column, column) == 0) {
			return &s->patch[i];
		}
	}
	return s->patch_count == SELECTION_MAX ? NULL
					       : &s->patch[s->patch_count++];
}

static int
add_one_patch(struct selection *s, const char *text, struct err *e)
{
	const char *binding = NULL;
	const char *value = NULL;
	const char *column = before(s->arena, text, '=', &binding);
	const char *kind =
	    binding == NULL ? "" : before(s->arena, binding, ':', &value);
	bool fixed = strcmp(kind, "fixed") == 0;
	struct selected_patch *slot = NULL;

	if (value == NULL || (!fixed && strcmp(kind, "arg") != 0)) {
		return selection_wrong(e,
		    "a patch is column=fixed:value or column=arg:name, not %s",
		    text);
	}
	slot = patch_slot(s, column);
	if (slot == NULL) {
		return selection_wrong(
		    e, "more than %d patched columns", SELECTION_MAX);
	}
	*slot = (struct selected_patch){.column = column,
	    .from_arg = fixed ? NULL : value,
	    .fixed = fixed ? fixed_value(s->arena, value)
			   : (struct scalar){SCALAR_NULL, {NULL, 0}}};
	return 0;
}

/*
 * A comma ends an item only where another one begins ("name="), so that a fixed
 * text may hold commas.
 */
static const char *
next_item(const char *text)
{
	for (const char *c = strchr(text, ','); c != NULL;
	     c = strchr(c + 1, ',')) {
		const char *at = c + 1 + strspn(c + 1, " ");
		size_t word =
		    strspn(at, "abcdefghijklmnopqrstuvwxyz"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		if (word > 0 && at[word] == '=') {
			return c;
		}
	}
	return NULL;
}

static int
add_list(struct selection *s, const char *text,
    int (*add)(struct selection *, const char *, struct err *), struct err *e)
{
	int rc = 0;

	while (rc == 0 && text != NULL) {
		const char *end = next_item(text);
		size_t len = end == NULL ? strlen(text) : (size_t)(end - text);

		rc = add(s, arena_strndup(s->arena, text, len), e);
		text = end == NULL ? NULL : end + 1 + strspn(end + 1, " ");
	}
	return rc;
}

int
selection_add_patch(struct selection *s, const char *text, struct err *e)
{
	return add_list(s, text, add_one_patch, e);
}

static int
add_one_bound(struct selection *s, const char *text, struct err *e)
{
	const char *range = NULL;
	const char *maximum = NULL;
	const char *column = before(s->arena, text, '=', &range);
	const char *minimum =
	    range == NULL ? "" : before(s->arena, range, ':', &maximum);
	struct selected_bound bound = {.column = column};

	if (maximum == NULL) {
		return selection_wrong(
		    e, "a numeric bound is column=min:max, not %s", text);
	}
	if ((minimum[0] != '\0' &&
		!take_number(s->arena, minimum, &bound.minimum)) ||
	    (maximum[0] != '\0' &&
		!take_number(s->arena, maximum, &bound.maximum))) {
		return selection_wrong(
		    e, "numeric bound %s needs finite numbers", text);
	}
	if (s->bound_count == SELECTION_MAX) {
		return selection_wrong(
		    e, "more than %d numeric bounds", SELECTION_MAX);
	}
	s->bounds[s->bound_count++] = bound;
	return 0;
}

int
selection_add_bound(struct selection *s, const char *text, struct err *e)
{
	return add_list(s, text, add_one_bound, e);
}

/* "from:to|to" */
static int
add_state(struct selection *s, struct selected_guard *g, const char *text,
    struct err *e)
{
	const char *list = NULL;
	const char *from = before(s->arena, text, ':', &list);
	struct selected_state *state = &g->states[g->count];

	if (list == NULL || from[0] == '\0' || list[0] == '\0') {
		return selection_wrong(e,
		    "a transition guard is column=from:to|to;from:to; %s is "
		    "none",
		    text);
	}
	state->from = from;
	while (list != NULL) {
		const char *to = before(s->arena, list, '|', &list);
		if (to[0] == '\0') {
			return selection_wrong(
			    e, "a transition from %s leads to nothing", from);
		}
		names_add(&state->to, to, s->arena);
	}
	g->count++;
	return 0;
}

static int
add_one_guard(struct selection *s, const char *text, struct err *e)
{
	const char *states = NULL;
	struct selected_guard g = {
	    .column = before(s->arena, text, '=', &states)};
	int rc = 0;

	if (states == NULL || states[0] == '\0') {
		return selection_wrong(e,
		    "a transition guard is column=from:to|to;from:to, not %s",
		    text);
	}
	if (s->guard_count == SELECTION_MAX) {
		return selection_wrong(
		    e, "more than %d transition guards", SELECTION_MAX);
	}
	g.states = arena_array(s->arena, strlen(states), sizeof(*g.states));
	while (rc == 0 && states != NULL) {
		const char *state = before(s->arena, states, ';', &states);
		rc = add_state(s, &g, state, e);
	}
	s->guards[s->guard_count++] = g;
	return rc;
}

int
selection_add_guard(struct selection *s, const char *text, struct err *e)
{
	return add_list(s, text, add_one_guard, e);
}
