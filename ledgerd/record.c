#include "ledgerd/record.h"

#include "common/base/clock.h"
#include "common/base/xalloc.h"
#include "common/contract/rules.h"
#include "ledgerd/claims.h"
#include "ledgerd/store/events.h"
#include "proto/change_set.h"

/* The trusted context is never mcpd's to choose where we know it ourselves. */
static int
check_context(struct ledger *l, const struct contract_capability *cap,
    const struct msg_call *m, struct err *e)
{
	const struct contract_context *context = cap->context;
	const char *tenant = l->tenant;
	const char *principal = l->principal;

	if (context->provider == PROVIDER_HTTP_CLAIMS) {
		return claims_check(l, context, m, e);
	}
	if (context->provider == PROVIDER_STATIC_DEV) {
		tenant = tenant != NULL ? tenant : context->tenant_id;
		principal = principal != NULL ? principal : context->principal;
	}
	if (m->tenant.len == 0 || m->principal.len == 0 ||
	    (tenant != NULL && !span_is(m->tenant, tenant)) ||
	    (principal != NULL && !span_is(m->principal, principal))) {
		return err_set(e, CS_E_DENIED, "TRUSTED_CONTEXT_MISMATCH",
		    "the tenant or principal is not the trusted one");
	}
	return 0;
}

/* The codec knows a scalar's kind and text, not that they fit together. */
static bool
scalars_are_valid(const struct scalar_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (!scalar_is_valid(list->items[i].value)) {
			return false;
		}
	}
	return true;
}

/* Exactly the columns that the contract reads, in its order. */
static int
check_row(const struct contract_capability *cap, const struct msg_call *m,
    struct err *e)
{
	const struct named_scalar *tenant;

	/* Count, order and names, all three: the evidence has to be exactly
	 * what the reviewed query returns. */
	if (m->row.count != cap->read_count || !scalars_are_valid(&m->row) ||
	    !scalars_are_valid(&m->args)) {
		return err_set(e, CS_E_PROTOCOL, "ROW_NOT_REVIEWED",
		    "the row is not what the contract reads");
	}
	for (size_t i = 0; i < cap->read_count; i++) {
		if (!span_is(m->row.items[i].name, cap->read_columns[i])) {
			return err_set(e, CS_E_PROTOCOL, "ROW_NOT_REVIEWED",
			    "the row is not what the contract reads");
		}
	}
	if (cap->tenant_key == NULL) {
		return 0;
	}
	tenant =
	    scalars_find(m->row.items, m->row.count, span_of(cap->tenant_key));
	if (tenant == NULL ||
	    !span_equal(scalar_as_string(tenant->value), m->tenant)) {
		return err_set(e, CS_E_DENIED, "TENANT_GUARD_MISMATCH",
		    "the row belongs to another tenant");
	}
	return 0;
}

/* The row that was asked for is the row that came: its key is the argument. */
static int
check_key(const struct call *call, struct err *e)
{
	const struct msg_call *m = call->message;
	const struct named_scalar *asked = scalars_find(
	    m->args.items, m->args.count, span_of(call->cap->lookup_arg));

	if (asked == NULL) {
		return err_set(e, CS_E_INVALID, "LOOKUP_ARG_MISSING",
		    "%s is required to find the row", call->cap->lookup_arg);
	}
	if (!span_equal(scalar_as_string(asked->value), call->object_id)) {
		return err_set(e, CS_E_DENIED, "ROW_NOT_REQUESTED",
		    "the row is not the one that was asked for");
	}
	return 0;
}

void
evidence_id_of(const struct contract_capability *cap, struct span tenant,
    struct span row_json, const char *at, char out[ID_TEXT_SIZE])
{
	struct buf text = BUF_INIT;
	struct json_out j;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_text(&j, "capability", cap->name);
	json_field_text(&j, "source", cap->source->name);
	json_field_span(&j, "tenant", tenant);
	json_field_raw(&j, "row", row_json);
	json_field_text(&j, "at", at);
	json_close(&j, '}');
	digest_id("ev", buf_as_span(&text), out);
	buf_clear(&text);
}

/* Write the row once; look for credentials in it; name the evidence. */
static int
prepare_evidence(struct ledger *l, struct call *call, struct err *e)
{
	const struct msg_call *m = call->message;
	struct buf text = BUF_INIT;
	struct json_out j;
	struct json_doc doc;
	char hash_id[ID_TEXT_SIZE];
	char at[40];
	int rc;

	json_begin(&j, &text, 0);
	scalars_put(&j, m->row.items, m->row.count);
	call->row_json = arena_span(l->scratch, buf_as_span(&text));
	buf_clear(&text);
	/* The row goes to the model and stays in the record: a credential in
	 * it is refused before both. */
	rc = json_scan(&doc, call->row_json, l->scratch, e);
	if (rc == 0) {
		rc = rules_scan_secrets("evidence_bundle.items[0].visible_row",
		    &doc, l->scratch, e);
	}
	(void)snprintf(
	    at, sizeof(at), "%lld", (long long)event_next_time(&l->store));
	evidence_id_of(call->cap, m->tenant, call->row_json, at, hash_id);
	call->event_id = l->store.last_event_id + 1;
	evidence_id_at(call->event_id, hash_id, call->evidence_id);
	return rc;
}

int
call_check(struct ledger *l, const struct msg_call *m,
    enum capability_kind kind, struct call *out, struct err *e)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, m->capability);
	int rc;

	if (cap == NULL || cap->kind != kind) {
		return err_set(e, CS_E_NOT_FOUND, "MCP_TOOL_NOT_FOUND",
		    "the contract has no such capability of this kind");
	}
	*out = (struct call){.cap = cap, .message = m};
	/*
	 * mcpd has checked all of this. It is done again because a model's text
	 * went through mcpd, and what is recorded here is what people decide
	 * on.
	 */
	if ((rc = check_context(l, cap, m, e)) != 0 ||
	    (rc = rules_check_args(cap, m->args.items, m->args.count, e)) !=
		0 ||
	    (rc = check_row(cap, m, e)) != 0) {
		return rc;
	}
	out->object_id = change_set_object_id(
	    cap, m->row.items, m->row.count, (struct span){"", 0});
	rc = check_key(out, e);
	return rc != 0 ? rc : prepare_evidence(l, out, e);
}

/* Principal, and where it came from: environment, contract or session. */
static void
put_who(struct json_out *j, const struct span *principal, uint32_t provenance)
{
	json_field_span(j, "principal", *principal);
	json_field_text(
	    j, "provenance", provenance_name((enum provenance)provenance));
}

int
record_read(struct ledger *l, const struct call *call, struct span proposal_id,
    struct err *e)
{
	const struct msg_call *m = call->message;
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc;

	/* The id that was given away names this very row. */
	cs_assert(call->event_id == l->store.last_event_id + 1);
	json_begin(&j, &body, 0);
	json_open(&j, '{');
	/* Instead of columns and query: the event with the contract in force
	 * has them, and is in the same chain. */
	json_field_int(&j, "contract_event", l->contract_event);
	put_who(&j, &m->principal, m->provenance);
	json_key(&j, "args");
	scalars_put(&j, m->args.items, m->args.count);
	json_field_raw(&j, "row", call->row_json);
	json_close(&j, '}');
	rc = event_append(&l->store,
	    &(struct event_row){.kind = EVENT_READ,
		.actor = m->principal,
		.tenant = m->tenant,
		.capability = span_of(call->cap->name),
		.object_id = call->object_id,
		.proposal_id = proposal_id,
		.evidence_id = span_of(call->evidence_id),
		.body = buf_as_span(&body)},
	    e);
	buf_clear(&body);
	return rc;
}

int
record_refusal(struct ledger *l, const struct msg_refuse *m, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc;

	json_begin(&j, &body, 0);
	json_open(&j, '{');
	put_who(&j, &m->principal, m->provenance);
	json_field_span(&j, "code", m->code);
	json_field_span(&j, "message", m->message);
	json_field_bool(&j, "source_database_changed", false);
	json_close(&j, '}');
	rc = event_append(&l->store,
	    &(struct event_row){.kind = EVENT_REFUSED,
		.actor = m->principal,
		.tenant = m->tenant,
		.capability = m->tool,
		.body = buf_as_span(&body)},
	    e);
	buf_clear(&body);
	return rc;
}
