#include "cli/onboard/recipes.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define RECIPE_MAX (1U << 20)

extern const char recipe_accounts_trial_extension[];
extern const char recipe_billing_late_fee_waiver[];
extern const char recipe_credits_account_credit[];
extern const char recipe_orders_refund_review[];
extern const char recipe_support_ticket_resolution[];

const char *const recipe_texts[] = {
    recipe_accounts_trial_extension,
    recipe_billing_late_fee_waiver,
    recipe_credits_account_credit,
    recipe_orders_refund_review,
    recipe_support_ticket_resolution,
    NULL,
};

static const char *
text_of(const struct json_doc *doc, uint32_t node, struct arena *a)
{
	struct span s = json_string(doc, node, a);

	return arena_strndup(a, s.ptr, s.len);
}

/* One list of columns, each column once. */
static int
take_columns(struct recipe *r, const char *key, struct arena *a)
{
	uint32_t list = json_get_type(&r->doc, 0, key, JSON_ARRAY);

	if (list == JSON_NONE) {
		return CS_E_INVALID;
	}
	for (uint32_t n = list + 1; n < r->doc.nodes[list].next;
	     n = r->doc.nodes[n].next) {
		if (r->doc.nodes[n].type != JSON_STRING) {
			return CS_E_INVALID;
		}
		const char *column = text_of(&r->doc, n, a);
		if (!names_have(&r->columns, column)) {
			names_add(&r->columns, column, a);
		}
	}
	return 0;
}

/* One of the three recommended columns. */
static int
take_key(struct recipe *r, const char *key, struct arena *a)
{
	uint32_t n = json_get_type(&r->doc, 0, key, JSON_STRING);

	if (n != JSON_NONE &&
	    !names_have(&r->columns, text_of(&r->doc, n, a))) {
		names_add(&r->columns, text_of(&r->doc, n, a), a);
	}
	return n == JSON_NONE ? CS_E_INVALID : 0;
}

/* Everything that a recipe must have, and nothing of the wrong type. */
static const char *
missing_part(struct recipe *r, struct arena *a)
{
	static const char *const texts[] = {
	    "id", "title", "summary", "expected_table_type"};
	static const char *const lists[] = {
	    "required_columns", "visible_columns", "allowed_write_columns"};
	static const char *const keys[] = {"recommended_primary_key",
	    "recommended_tenant_key", "recommended_conflict_column"};

	for (size_t i = 0; i < 4; i++) {
		if (json_get_type(&r->doc, 0, texts[i], JSON_STRING) ==
		    JSON_NONE) {
			return texts[i];
		}
	}
	for (size_t i = 0; i < 3; i++) {
		if (take_columns(r, lists[i], a) != 0) {
			return lists[i];
		}
	}
	for (size_t i = 0; i < 3; i++) {
		if (take_key(r, keys[i], a) != 0) {
			return keys[i];
		}
	}
	return json_get_type(&r->doc, 0, "spec", JSON_OBJECT) == JSON_NONE
		   ? "spec"
		   : NULL;
}

int
recipe_read(
    struct span text, struct arena *a, struct recipe *out, struct err *e)
{
	const char *missing = NULL;
	int rc = 0;

	*out = (struct recipe){0};
	rc = json_scan(&out->doc, text, a, e);
	if (rc != 0) {
		return rc;
	}
	missing = missing_part(out, a);
	if (missing != NULL) {
		return err_set(e, CS_E_INVALID, "RECIPE_INVALID",
		    "this recipe has no usable %s", missing);
	}
	out->id = text_of(&out->doc, json_get(&out->doc, 0, "id"), a);
	out->title = text_of(&out->doc, json_get(&out->doc, 0, "title"), a);
	out->summary = text_of(&out->doc, json_get(&out->doc, 0, "summary"), a);
	out->spec = json_raw(&out->doc, json_get(&out->doc, 0, "spec"));
	return 0;
}

/* As 0.1.1 tells files from ids. */
static bool
is_path(const char *word)
{
	size_t len = strlen(word);

	return word[0] == '.' || strchr(word, '/') != NULL ||
	       (len > 5 && strcmp(word + len - 5, ".json") == 0);
}

/* A recipe of somebody's own is checked like ours. */
static int
read_file(const char *path, struct arena *a, struct recipe *out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = file_read_public(path, RECIPE_MAX, &bytes, e);

	if (rc == 0) {
		rc = recipe_read(arena_span(a, buf_as_span(&bytes)), a, out, e);
	}
	buf_clear(&bytes);
	return rc;
}

int
recipe_find(
    const char *word, struct arena *a, struct recipe *out, struct err *e)
{
	if (is_path(word)) {
		return read_file(word, a, out, e);
	}
	for (size_t i = 0; recipe_texts[i] != NULL; i++) {
		int rc = recipe_read(span_of(recipe_texts[i]), a, out, e);
		if (rc != 0 || strcmp(out->id, word) == 0) {
			return rc;
		}
	}
	return err_set(e, CS_E_NOT_FOUND, "RECIPE_UNKNOWN",
	    "no recipe is called %s; countersign recipes list shows all, and a "
	    "file is named with its path",
	    word);
}
