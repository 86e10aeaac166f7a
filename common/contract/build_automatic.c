/* "approval": { "automatic": … } of a document without errors. */
#include "common/base/arena.h"
#include "common/contract/build.h"

const char *const contract_windows[] = {"day", "24h", NULL};

static struct span
take_number(
    const struct tree *t, struct arena *a, uint32_t rule, const char *key)
{
	uint32_t node = tree_get(t, rule, key);

	return node == JSON_NONE ? (struct span){"", 0}
				 : arena_span(a, json_raw(t->doc, node));
}

static void
build_rule(const struct tree *t, struct arena *a, uint32_t node,
    struct contract_auto_rule *out)
{
	uint32_t list = tree_get(t, node, "one_of");
	struct tree_iter it = tree_each(t, list);

	out->minimum = take_number(t, a, node, "minimum");
	out->maximum = take_number(t, a, node, "maximum");
	out->max_length = build_count(t, node, "max_length", 0);
	out->one_of =
	    arena_array(a, tree_count(t, list) + 1U, sizeof(*out->one_of));
	while (list != JSON_NONE && tree_next(t, &it)) {
		if (scalar_from_json(t->doc, it.value, a,
			&out->one_of[out->one_of_count]) == 0) {
			out->one_of_count++;
		}
	}
}

/* A total may be of any size; validation has seen that it is a positive
 * integer. One that no int64_t holds is no limit that a sum can reach. */
static int64_t
take_total(const struct tree *t, uint32_t limit)
{
	struct buf number = BUF_INIT;
	int64_t value = INT64_MAX;

	if (tree_number(t, tree_get(t, limit, "maximum"), &number)) {
		(void)json_int64(buf_as_span(&number), &value);
	}
	buf_clear(&number);
	return value;
}

static void
build_limits(const struct tree *t, struct arena *a, uint32_t list,
    struct contract_automatic *out)
{
	struct tree_iter it = tree_each(t, list);

	out->limits =
	    arena_array(a, tree_count(t, list) + 1U, sizeof(*out->limits));
	while (list != JSON_NONE && tree_next(t, &it)) {
		struct contract_auto_limit *l =
		    &out->limits[out->limit_count++];
		l->column = build_text(t, a, it.value, "column", NULL);
		l->maximum = take_total(t, it.value);
		l->window = (enum auto_window)build_choice(
		    t, it.value, "window", contract_windows);
		l->per_object =
		    tree_is_text(t, tree_get(t, it.value, "per"), "object");
	}
}

struct contract_automatic *
build_automatic(const struct tree *t, struct arena *a, uint32_t approval)
{
	uint32_t node = tree_get(t, approval, "automatic");
	uint32_t columns = tree_get(t, node, "columns");
	struct tree_iter it = tree_each(t, columns);
	struct contract_automatic *out;

	if (node == JSON_NONE) {
		return NULL;
	}
	out = arena_array(a, 1, sizeof(*out));
	out->rules =
	    arena_array(a, tree_count(t, columns) + 1U, sizeof(*out->rules));
	while (tree_next(t, &it)) {
		struct contract_auto_rule *r = &out->rules[out->rule_count++];
		r->column = arena_strndup(a, it.key.ptr, it.key.len);
		build_rule(t, a, it.value, r);
	}
	build_limits(t, a, tree_get(t, node, "limits"), out);
	return out;
}
