/*
 * What both formats share.
 */
#include "mcpd/mcp/result.h"

/* What a model gets to see of a row. Columns that were read for guards or
 * the record only are not among the visible ones. */
void
result_put_data(struct json_out *j, const struct call_result *r)
{
	const struct contract_capability *cap = r->cap;

	json_open(j, '{');
	for (size_t i = 0; i < cap->visible_count; i++) {
		const struct named_scalar *column = scalars_find(r->row.items,
		    r->row.count, span_of(cap->visible_columns[i]));

		if (column != NULL) {
			json_key(j, cap->visible_columns[i]);
			scalar_put(j, column->value);
		}
	}
	json_close(j, '}');
}

void
result_put_diff(struct json_out *j, const struct call_result *r)
{
	const struct scalar_list *patch = &r->proposed->patch;

	json_open(j, '{');
	for (size_t i = 0; i < patch->count; i++) {
		const struct named_scalar *before = scalars_find(
		    r->row.items, r->row.count, patch->items[i].name);

		json_key_span(j, patch->items[i].name);
		json_open(j, '{');
		json_key(j, "before");
		/* A column that the capability changes without reading it. */
		if (before == NULL) {
			json_put_null(j);
		} else {
			scalar_put(j, before->value);
		}
		json_key(j, "proposed");
		scalar_put(j, patch->items[i].value);
		json_close(j, '}');
	}
	json_close(j, '}');
}

const char *
result_proposal_status(const struct call_result *r)
{
	return r->mode == MODE_SHADOW ? "shadow_proposal_created"
				      : "review_required";
}

void
result_put_resource(
    struct json_out *j, const char *key, const char *prefix, struct span id)
{
	struct buf uri = BUF_INIT;

	buf_puts(&uri, prefix);
	buf_span(&uri, id);
	json_field_span(j, key, buf_as_span(&uri));
	buf_clear(&uri);
}
