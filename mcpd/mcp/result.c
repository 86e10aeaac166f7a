/*
 * What both formats share.
 */
#include "mcpd/mcp/result.h"

#include "mcpd/mcp/jsonrpc.h"

/* Clients cut or drop answers over some 50,000 characters, without telling the
 * model; the value goes out twice. */
#define ROW_TEXT_MAX 40000U

/* How much of one value may be told; SIZE_MAX when the row is small enough. */
static size_t
value_limit(const struct call_result *r)
{
	size_t total = 0;

	for (uint32_t i = 0; i < r->row.count; i++) {
		total += r->row.items[i].value.text.len;
	}
	return total <= ROW_TEXT_MAX ? SIZE_MAX : ROW_TEXT_MAX / r->row.count;
}

/* A long text is cut visibly. What was read is in the record whole, and what
 * is proposed is derived from the record, never from this. */
static void
put_value(struct json_out *j, struct scalar value, size_t limit)
{
	struct buf text = BUF_INIT;
	struct span head = {"", 0};

	if (value.kind != SCALAR_TEXT || value.text.len <= limit) {
		scalar_put(j, value);
		return;
	}
	head = rpc_cut_text(value.text, limit);
	buf_printf(&text,
	    "%.*s [cut here: %zu of %zu bytes shown; the evidence holds all]",
	    SPAN_ARGS(head), head.len, value.text.len);
	json_put_span(j, buf_as_span(&text));
	buf_clear(&text);
}

/* What a model gets to see of a row. Columns that were read for guards or
 * the record only are not among the visible ones. */
void
result_put_data(struct json_out *j, const struct call_result *r)
{
	const struct contract_capability *cap = r->cap;
	size_t limit = value_limit(r);

	json_open(j, '{');
	for (size_t i = 0; i < cap->visible_count; i++) {
		const struct named_scalar *column = scalars_find(r->row.items,
		    r->row.count, span_of(cap->visible_columns[i]));

		if (column != NULL) {
			json_key(j, cap->visible_columns[i]);
			put_value(j, column->value, limit);
		}
	}
	json_close(j, '}');
}

void
result_put_diff(struct json_out *j, const struct call_result *r)
{
	const struct scalar_list *patch = &r->proposed->patch;
	size_t limit = value_limit(r);

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
			put_value(j, before->value, limit);
		}
		json_key(j, "proposed");
		put_value(j, patch->items[i].value, limit);
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
