/*
 * Evidence bundles, query audit and events as documents. A read event stores
 * only what was particular to it; what the contract says (columns, table, the
 * shape of the statement) is looked up in the contract of that time, whose
 * bytes are in the ledger too.
 */
#include "common/base/xalloc.h"
#include "ledgerd/documents.h"
#include "proto/change_set.h"

/* The last contract that was looked up besides the current one. */
static struct {
	int64_t event_id;
	struct contract *contract;
} kept;

const struct contract *
contract_at(struct ledger *l, int64_t event_id)
{
	sqlite3_stmt *st = NULL;
	struct err e = {0};

	if (event_id == l->contract_event) {
		return l->contract;
	}
	if (event_id == kept.event_id) {
		return kept.contract;
	}
	contract_free(&kept.contract);
	/* Also when it cannot be parsed: the next row does not try again. */
	kept.event_id = event_id;
	if (reader_prepare(l,
		"SELECT body FROM events WHERE event_id = ?1"
		" AND kind = 'contract_activated'",
		&st, &e) == 0) {
		(void)sqlite3_bind_int64(st, 1, event_id);
		if (sqlite3_step(st) == SQLITE_ROW) {
			(void)contract_parse(
			    stmt_span(st, 0), &kept.contract, &e);
		}
	}
	(void)sqlite3_finalize(st);
	return kept.contract;
}

/* A read event, opened up. Spans borrow from the row or the arena. */
struct read_event {
	struct arena *arena;
	int64_t event_id;
	struct span proposal_id;
	struct span evidence_id;
	struct span tenant;
	struct span capability;
	struct span object_id;
	int64_t at_us;
	struct json_doc doc;
	struct span principal;
	struct span provenance;
	const struct contract_capability *cap; /* NULL: contract is gone */
	bool visible_only;                     /* the document is for a model */
	char fingerprint[DIGEST_TEXT_SIZE];
};

/* Open one row of READ_COLUMNS. The caller frees r->arena on success. Spans
 * borrow from the statement's current row. */
static int
read_event_open(
    struct ledger *l, sqlite3_stmt *st, struct read_event *r, struct err *e)
{
	const struct contract *contract;
	struct span body = stmt_span(st, 6);
	int64_t contract_event = 0;

	*r = (struct read_event){.arena = arena_new(),
	    .event_id = stmt_int(st, 0),
	    .proposal_id = stmt_span(st, 1),
	    .evidence_id = stmt_span(st, 2),
	    .tenant = stmt_span(st, 3),
	    .capability = stmt_span(st, 4),
	    .object_id = stmt_span(st, 5),
	    .at_us = stmt_int(st, 7),
	    .visible_only = l->visible_only};
	if (json_scan(&r->doc, body, r->arena, e) != 0 ||
	    r->doc.nodes[0].type != JSON_OBJECT) {
		arena_free(&r->arena);
		return err_set(e, CS_E_INTEGRITY, "EVENT_DAMAGED",
		    "event %lld is damaged: run 'countersign ledger verify'",
		    (long long)r->event_id);
	}
	r->principal = json_get_string(&r->doc, 0, "principal", r->arena);
	r->provenance = json_get_string(&r->doc, 0, "provenance", r->arena);
	uint32_t node =
	    json_get_type(&r->doc, 0, "contract_event", JSON_NUMBER);
	if (node != JSON_NONE) {
		(void)json_int64(json_raw(&r->doc, node), &contract_event);
	}
	contract = contract_at(l, contract_event);
	r->cap = contract == NULL
		     ? NULL
		     : contract_capability(contract, r->capability);
	if (r->cap != NULL) {
		change_set_fingerprint(r->cap, r->tenant, r->fingerprint);
	}
	return 0;
}

/* The contract's row behind a read event's body; NULL when it is gone. */
static const struct contract_capability *
capability_of(struct ledger *l, struct span body, struct span name)
{
	struct arena *a = arena_new();
	struct json_doc doc;
	struct err ignored = {0};
	const struct contract *contract = NULL;
	int64_t event_id = 0;

	if (json_scan(&doc, body, a, &ignored) == 0) {
		uint32_t node =
		    json_get_type(&doc, 0, "contract_event", JSON_NUMBER);
		if (node != JSON_NONE &&
		    json_int64(json_raw(&doc, node), &event_id) == 0) {
			contract = contract_at(l, event_id);
		}
	}
	arena_free(&a);
	return contract == NULL ? NULL : contract_capability(contract, name);
}

static struct span
sql_text(sqlite3_value *value)
{
	return (struct span){(const char *)sqlite3_value_text(value),
	    (size_t)sqlite3_value_bytes(value)};
}

/* read_field(body, capability, tenant, name): what documents show of a read
 * though its row does not hold it, so that it can be filtered by. */
static void
sql_read_field(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct ledger *l = sqlite3_user_data(context);
	const struct contract_capability *cap =
	    capability_of(l, sql_text(values[0]), sql_text(values[1]));
	struct span name = sql_text(values[3]);
	char text[DIGEST_TEXT_SIZE + 256] = "";

	(void)count;
	if (cap == NULL) {
		return;
	}
	if (span_is(name, "fingerprint")) {
		change_set_fingerprint(cap, sql_text(values[2]), text);
	} else {
		(void)snprintf(text, sizeof(text), "%s",
		    span_is(name, "source")   ? cap->source->name
		    : span_is(name, "schema") ? cap->schema
					      : cap->table);
	}
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

void
evidence_prepare_filters(struct ledger *l)
{
	(void)sqlite3_create_function(l->store.reader, "read_field", 4,
	    SQLITE_UTF8, l, sql_read_field, NULL, NULL);
}

static void
put_qualified_table(
    struct json_out *j, const struct read_event *r, const char *key)
{
	json_field_text(j, key,
	    r->cap == NULL ? ""
			   : arena_printf(r->arena, "%s.%s", r->cap->schema,
				 r->cap->table));
}

/* Whose record this is, and about which object. */
static void
put_scope(struct json_out *j, const struct read_event *r)
{
	json_field_span(j, "tenant_id", r->tenant);
	json_field_span(j, "principal", r->principal);
	json_field_span(j, "capability", r->capability);
	if (r->cap != NULL) {
		json_field_text(j, "business_object", r->cap->table);
	}
	json_field_span(j, "object_id", r->object_id);
}

static void
put_payload(struct json_out *j, const struct read_event *r)
{
	uint32_t args = json_get_type(&r->doc, 0, "args", JSON_OBJECT);

	json_key(j, "payload");
	json_open(j, '{');
	json_field_span(j, "capability", r->capability);
	json_field_text(
	    j, "source_id", r->cap == NULL ? "" : r->cap->source->name);
	put_qualified_table(j, r, "target");
	json_field_span(j, "principal", r->principal);
	json_field_span(j, "tenant_id", r->tenant);
	json_field_bool(j, "source_database_changed", false);
	json_field_span(j, "binding_provenance", r->provenance);
	if (args != JSON_NONE) {
		json_field_raw(j, "args", json_raw(&r->doc, args));
	}
	json_close(j, '}');
}

/* The row as it was read; for a model only its visible columns. Without the
 * contract of that time nothing is known to be visible. */
static void
put_row(struct json_out *j, const struct read_event *r)
{
	uint32_t row = json_get_type(&r->doc, 0, "row", JSON_OBJECT);

	json_key(j, "visible_row");
	if (!r->visible_only) {
		json_put_raw(j,
		    row == JSON_NONE ? span_of("{}") : json_raw(&r->doc, row));
		return;
	}
	json_open(j, '{');
	for (size_t i = 0; r->cap != NULL && i < r->cap->visible_count; i++) {
		uint32_t value =
		    json_get(&r->doc, row, r->cap->visible_columns[i]);
		if (value != JSON_NONE) {
			json_field_raw(j, r->cap->visible_columns[i],
			    json_raw(&r->doc, value));
		}
	}
	json_close(j, '}');
}

/* The source's row as 0.1.1 names it: where it was, whose, and what was
 * read. */
static void
put_item(struct json_out *j, const struct read_event *r)
{
	json_key(j, "item");
	json_open(j, '{');
	json_field_text(j, "kind", "external_row");
	if (r->cap != NULL) {
		json_field_text(j, "source_id", r->cap->source->name);
		put_qualified_table(j, r, "table");
		json_key(j, "primary_key");
		json_open(j, '{');
		json_field_text(j, "column", r->cap->primary_key);
		json_field_span(j, "value", r->object_id);
		json_close(j, '}');
	}
	if (r->cap != NULL && r->cap->tenant_key != NULL) {
		json_key(j, "tenant");
		json_open(j, '{');
		json_field_text(j, "column", r->cap->tenant_key);
		json_field_span(j, "value", r->tenant);
		json_close(j, '}');
	}
	put_row(j, r);
	json_close(j, '}');
}

/* One bundle holds one row here; 0.1.1's shape allows several. */
static void
put_items(struct json_out *j, const struct read_event *r)
{
	json_key(j, "items");
	json_open(j, '[');
	json_open(j, '{');
	json_field_int(j, "evidence_item_id", r->event_id);
	json_field_span(j, "evidence_bundle_id", r->evidence_id);
	put_item(j, r);
	put_time(j, "created_at", r->at_us);
	json_close(j, '}');
	json_close(j, ']');
}

/* SELECT c1, c2 FROM s.t WHERE pk = ?[ AND tenant = ?] LIMIT 2 */
static const char *
statement_template(const struct read_event *r)
{
	struct buf text = BUF_INIT;
	const char *copy;

	buf_puts(&text, "SELECT ");
	for (size_t i = 0; i < r->cap->read_count; i++) {
		buf_printf(
		    &text, "%s%s", i > 0 ? ", " : "", r->cap->read_columns[i]);
	}
	buf_printf(&text, " FROM %s.%s WHERE %s = ?", r->cap->schema,
	    r->cap->table, r->cap->primary_key);
	if (r->cap->tenant_key != NULL) {
		buf_printf(&text, " AND %s = ?", r->cap->tenant_key);
	}
	/* Two and not one, so that a key that is not unique is noticed. */
	buf_puts(&text, " LIMIT 2");
	copy = arena_strndup(r->arena, text.data, text.len);
	buf_clear(&text);
	return copy;
}

/* 0.1.1's audit: the statement's shape, never its parameters. */
static void
put_audit_payload(struct json_out *j, const struct read_event *r)
{
	json_key(j, "payload");
	json_open(j, '{');
	json_field_span(j, "capability", r->capability);
	if (r->cap != NULL) {
		json_key(j, "columns");
		json_open(j, '[');
		for (size_t i = 0; i < r->cap->visible_count; i++) {
			json_put_text(j, r->cap->visible_columns[i]);
		}
		json_close(j, ']');
		json_field_bool(j, "tenant_bound", r->cap->tenant_key != NULL);
		json_field_text(j, "statement_template", statement_template(r));
	}
	json_field_bool(j, "parameters_redacted", true);
	json_close(j, '}');
}

static void
put_audit(struct json_out *j, const struct read_event *r)
{
	json_open(j, '{');
	json_field_int(j, "audit_id", r->event_id);
	if (r->proposal_id.len > 0) {
		json_field_span(j, "proposal_id", r->proposal_id);
	}
	json_field_span(j, "evidence_bundle_id", r->evidence_id);
	put_scope(j, r);
	json_field_span(j, "primary_key_value", r->object_id);
	json_field_text(
	    j, "source_id", r->cap == NULL ? "" : r->cap->source->name);
	json_field_text(j, "query_fingerprint", r->fingerprint);
	put_qualified_table(j, r, "table_name");
	json_field_int(j, "row_count", 1);
	put_audit_payload(j, r);
	put_time(j, "created_at", r->at_us);
	json_close(j, '}');
}

int
put_audit_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct read_event r;
	int rc = read_event_open(l, st, &r, e);

	if (rc == 0) {
		put_audit(j, &r);
		arena_free(&r.arena);
	}
	return rc;
}

/* 0.1.1's evidence bundle, with its audit inside: one event is both. */
static void
put_evidence(struct json_out *j, const struct read_event *r)
{
	json_open(j, '{');
	json_field_span(j, "evidence_bundle_id", r->evidence_id);
	if (r->proposal_id.len > 0) {
		json_field_span(j, "proposal_id", r->proposal_id);
	}
	json_field_span(j, "tenant_id", r->tenant);
	json_field_span(j, "principal", r->principal);
	json_field_span(j, "capability", r->capability);
	json_field_text(
	    j, "source_id", r->cap == NULL ? "" : r->cap->source->name);
	put_qualified_table(j, r, "source_table");
	json_field_text(
	    j, "business_object", r->cap == NULL ? "" : r->cap->table);
	json_field_span(j, "object_id", r->object_id);
	json_field_text(j, "query_fingerprint", r->fingerprint);
	put_payload(j, r);
	put_items(j, r);
	json_key(j, "query_audit");
	json_open(j, '[');
	put_audit(j, r);
	json_close(j, ']');
	put_time(j, "created_at", r->at_us);
	json_close(j, '}');
}

int
put_evidence_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct read_event r;
	int rc = read_event_open(l, st, &r, e);

	if (rc == 0) {
		put_evidence(j, &r);
		arena_free(&r.arena);
	}
	return rc;
}

int
put_event_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct span proposal_id = stmt_span(st, 1);
	struct span body = stmt_span(st, 4);

	(void)l;
	(void)e;
	json_open(j, '{');
	json_field_int(j, "event_id", stmt_int(st, 0));
	if (proposal_id.len > 0) {
		json_field_span(j, "proposal_id", proposal_id);
	}
	json_field_span(j, "kind", stmt_span(st, 2));
	json_field_span(j, "actor", stmt_span(st, 3));
	json_field_raw(j, "payload", body.len > 0 ? body : span_of("null"));
	put_time(j, "created_at", stmt_int(st, 5));
	json_close(j, '}');
	return 0;
}

int
put_replay_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct arena *a = arena_new();
	struct proposal p;

	(void)l;
	(void)e;
	proposal_from_row(st, a, &p);
	json_open(j, '{');
	json_field_text(j, "replay_id",
	    arena_printf(a, "replay_%.*s", SPAN_ARGS(p.proposal_id)));
	json_field_span(j, "proposal_id", p.proposal_id);
	put_time(j, "created_at", p.created_us);
	json_field_text(j, "state", state_name(p.state));
	json_field_span(j, "tenant_id", p.tenant_id);
	json_field_span(j, "principal", p.principal);
	json_field_span(j, "capability", p.action);
	json_field_span(j, "business_object", p.business_object);
	json_field_span(j, "object_id", p.object_id);
	json_close(j, '}');
	arena_free(&a);
	return 0;
}
