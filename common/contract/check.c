#include "common/contract/check.h"

#include "common/base/xalloc.h"
#include "common/contract/rules.h"

/* Takes the path over and clears it. Findings beyond the limit are only
 * counted: a hostile or broken file must not turn into gigabytes of advice. */
static void
add_issue(struct check *c, struct buf *path, const char *code,
    const char *message, bool warning)
{
	struct contract_report *r = c->report;

	r->errors += warning ? 0 : 1;
	/* Room for one more whenever the count is a power of two. */
	if (r->count < CONTRACT_MAX_ISSUES) {
		if ((r->count & (r->count - 1)) == 0) {
			r->issues = xreallocarray(r->issues,
			    r->count == 0 ? 1 : r->count * 2,
			    sizeof(*r->issues));
		}
		r->issues[r->count++] = (struct contract_issue){
		    xstrdup(buf_text(path)), code, xstrdup(message), warning};
	}
	buf_clear(path);
}

/* Rendered only when there is something to say. */
static struct buf
issue_path(const struct check *c, uint32_t node, const char *key)
{
	struct buf path = BUF_INIT;

	tree_path(c->t, "$", node, &path);
	if (key != NULL) {
		buf_putc(&path, '.');
		buf_puts(&path, key);
	}
	return path;
}

/* Both kinds keep one list, so that their order is the order of evaluation. */
void
check_error(struct check *c, uint32_t node, const char *key, const char *code,
    const char *message)
{
	struct buf path = issue_path(c, node, key);

	add_issue(c, &path, code, message, false);
}

void
check_warn(struct check *c, uint32_t node, const char *key, const char *code,
    const char *message)
{
	struct buf path = issue_path(c, node, key);

	add_issue(c, &path, code, message, true);
}

/* Keys are compared decoded: an escape makes no new field. */
static bool
is_known(struct span key, const char *const *known)
{
	for (; *known != NULL; known++) {
		if (span_is(key, *known)) {
			return true;
		}
	}
	return false;
}

/* An unknown key is an error because the likeliest reason is a misspelt limit,
 * which would otherwise silently not apply. */
void
check_keys(struct check *c, uint32_t object, const char *const *known)
{
	struct tree_iter it = tree_each(c->t, object);

	while (c->strict && tree_next(c->t, &it)) {
		char message[120];

		if (is_known(it.key, known)) {
			continue;
		}
		(void)snprintf(message, sizeof(message),
		    "Unknown field %.*s%s.",
		    it.key.len > 80 ? 0 : (int)it.key.len, it.key.ptr,
		    it.key.len > 80 ? "with a very long name" : "");
		check_error(c, it.value, NULL, "UNKNOWN_FIELD", message);
	}
}

/* null is there: 0.1.1 tells a missing field from an empty one. */
void
check_fields(struct check *c, uint32_t object, const struct check_field *fields,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct check_field *f = &fields[i];
		uint32_t value = tree_get(c->t, object, f->key);

		if (value == JSON_NONE ? f->required : !f->ok(c->t, value)) {
			check_error(c, object, f->key, f->code, f->message);
		}
	}
}

/* Shared by visible_columns and allowed_columns. */
void
check_columns(struct check *c, uint32_t object, const char *key,
    const char *list_code, const char *element_code)
{
	uint32_t list = tree_get(c->t, object, key);
	struct tree_iter it = tree_each(c->t, list);

	if (!tree_is_list(c->t, list)) {
		check_error(c, object, key, list_code,
		    "Must be a non-empty list of column names.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (!tree_is_identifier(c->t, it.value)) {
			check_error(c, it.value, NULL, element_code,
			    "Must be a plain column name.");
		}
	}
}

/* Compared as 0.1.1 reads them, so that what it accepts stays accepted. */
static bool
is_empty_range(const struct tree *t, uint32_t minimum, uint32_t maximum)
{
	struct buf low = BUF_INIT;
	struct buf high = BUF_INIT;
	bool empty =
	    tree_number(t, minimum, &low) && tree_number(t, maximum, &high) &&
	    rules_compare_numbers(buf_as_span(&low), buf_as_span(&high)) > 0;

	buf_clear(&low);
	buf_clear(&high);
	return empty;
}

/* Shared by arguments and numeric_bounds. */
void
check_range(struct check *c, uint32_t object)
{
	static const struct check_field fields[] = {
	    {"minimum", tree_is_finite, "INVALID_MINIMUM",
		"minimum must be a finite number.", false},
	    {"maximum", tree_is_finite, "INVALID_MAXIMUM",
		"maximum must be a finite number.", false},
	};

	CHECK_FIELDS(c, object, fields);
	if (is_empty_range(c->t, tree_get(c->t, object, "minimum"),
		tree_get(c->t, object, "maximum"))) {
		check_error(c, object, NULL, "INVALID_NUMERIC_RANGE",
		    "minimum must not be greater than maximum.");
	}
}
