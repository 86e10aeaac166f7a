#include "proto/change_set.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "proto/members.h"

#define SCHEMA "synapsor.change-set.v1"

/* By enum source_engine. */
static const char *const source_kinds[] = {
    "external_postgres", "external_mysql", "external_sqlite"};

void
change_set_fingerprint(const struct contract_capability *cap,
    struct span tenant, char out[DIGEST_TEXT_SIZE])
{
	struct buf text = BUF_INIT;
	struct json_out j;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_text(&j, "source", cap->source->name);
	json_field_raw(&j, "target", cap->target_json);
	json_key(&j, "columns");
	json_open(&j, '[');
	for (size_t i = 0; i < cap->read_count; i++) {
		json_put_text(&j, cap->read_columns[i]);
	}
	json_close(&j, ']');
	json_field_bool(&j, "tenant_bound", cap->tenant_key != NULL);
	json_field_span(&j, "tenant", tenant);
	json_close(&j, '}');
	digest_text(buf_as_span(&text), out);
	buf_clear(&text);
}

struct span
change_set_object_id(const struct contract_capability *cap,
    const struct named_scalar *row, size_t row_count, struct span lookup)
{
	const struct named_scalar *key =
	    scalars_find(row, row_count, span_of(cap->primary_key));

	if (key == NULL || key->value.kind == SCALAR_NULL) {
		return lookup;
	}
	return scalar_as_string(key->value);
}

static struct scalar
primary_key_value(const struct change_set_input *in)
{
	const struct named_scalar *key =
	    scalars_find(in->row, in->row_count, span_of(in->cap->primary_key));

	return key != NULL ? key->value : (struct scalar){.kind = SCALAR_NULL};
}

/* ID("wrp", {action, tenant, object, before, patch}); an `attempt` member only
 * when an equal proposal has already ended, so that ids never collide. */
static void
build_id(const struct change_set_input *in, struct span object,
    char out[ID_TEXT_SIZE])
{
	struct buf text = BUF_INIT;
	struct json_out j;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_text(&j, "action", in->cap->name);
	json_field_span(&j, "tenant", in->tenant);
	json_field_span(&j, "object", object);
	json_key(&j, "before");
	scalars_put(&j, in->row, in->row_count);
	json_key(&j, "patch");
	scalars_put(&j, in->patch, in->patch_count);
	if (in->attempt > 0) {
		json_field_int(&j, "attempt", in->attempt);
	}
	json_close(&j, '}');
	digest_id("wrp", buf_as_span(&text), out);
	buf_clear(&text);
}

static void
put_column_value(struct json_out *j, const char *key, struct span column,
    struct scalar value)
{
	json_key(j, key);
	json_open(j, '{');
	json_field_span(j, "column", column);
	json_key(j, "value");
	scalar_put(j, value);
	json_close(j, '}');
}

/* before overlaid with patch; columns that were not read come last. */
static void
put_after(struct json_out *j, const struct change_set_input *in)
{
	json_open(j, '{');
	for (size_t i = 0; i < in->row_count; i++) {
		const struct named_scalar *p =
		    scalars_find(in->patch, in->patch_count, in->row[i].name);
		json_key_span(j, in->row[i].name);
		scalar_put(j, p != NULL ? p->value : in->row[i].value);
	}
	for (size_t i = 0; i < in->patch_count; i++) {
		if (scalars_find(in->row, in->row_count, in->patch[i].name) ==
		    NULL) {
			json_key_span(j, in->patch[i].name);
			scalar_put(j, in->patch[i].value);
		}
	}
	json_close(j, '}');
}

/* The version guard: the conflict column as observed (NULL is a value of its
 * own), else the hash of the whole row if the contract accepts that. */
static int
expected_version(const struct change_set_input *in, struct arena *a,
    struct named_scalar *out, struct err *e)
{
	const struct contract_capability *cap = in->cap;
	struct buf text = BUF_INIT;
	struct json_out j;
	char hash[DIGEST_TEXT_SIZE];

	if (cap->conflict_column != NULL) {
		const struct named_scalar *v = scalars_find(
		    in->row, in->row_count, span_of(cap->conflict_column));
		if (v != NULL) {
			*out = *v;
			return 0;
		}
	}
	if (!cap->weak_guard_ack) {
		return err_set(e, CS_E_INVALID, "CONFLICT_GUARD_MISSING",
		    "%s has no conflict guard that was read", cap->name);
	}
	json_begin(&j, &text, 0);
	scalars_put(&j, in->row, in->row_count);
	digest_text(buf_as_span(&text), hash);
	buf_clear(&text);
	out->name = span_of(ROW_HASH_COLUMN);
	out->value = (struct scalar){SCALAR_TEXT, arena_span(a, span_of(hash))};
	return 0;
}

/*
 * What must hold at the UPDATE: tenant, columns, version. A table without a
 * tenant column gets the pair that 0.1.1 writes, so that the member is there.
 */
static void
put_guards(struct json_out *j, const struct change_set_input *in,
    const struct named_scalar *version)
{
	const struct contract_capability *cap = in->cap;
	bool bound = cap->tenant_key != NULL;

	json_key(j, "guards");
	json_open(j, '{');
	put_column_value(j, "tenant",
	    span_of(bound ? cap->tenant_key : SINGLE_TENANT_COLUMN),
	    (struct scalar){SCALAR_TEXT,
		bound ? in->tenant : span_of(SINGLE_TENANT_VALUE)});
	json_key(j, "allowed_columns");
	json_open(j, '[');
	for (size_t i = 0; i < cap->allowed_count; i++) {
		json_put_text(j, cap->allowed_columns[i]);
	}
	json_close(j, ']');
	put_column_value(j, "expected_version", version->name, version->value);
	json_close(j, '}');
}

/* Members 1 to 7: what this document is, who asked for it, about what. */
static void
put_identity(struct json_out *j, const struct change_set_input *in,
    const struct change_set_output *out)
{
	json_field_text(j, "schema_version", SCHEMA);
	json_field_text(j, "proposal_id", out->proposal_id);
	json_field_int(j, "proposal_version", 1);
	json_field_text(j, "action", in->cap->name);
	json_field_text(j, "mode", in->shadow ? "shadow" : "review_required");
	json_key(j, "principal");
	json_open(j, '{');
	json_field_span(j, "id", in->principal);
	json_field_text(j, "source", in->principal_source);
	json_close(j, '}');
	json_key(j, "scope");
	json_open(j, '{');
	json_field_span(j, "tenant_id", in->tenant);
	json_field_text(j, "business_object", in->cap->table);
	json_field_span(j, "object_id", out->object_id);
	json_close(j, '}');
}

/* Where the row is. The key is the row's own value with its type; only a row
 * without it falls back to the object's id. */
static void
put_source(struct json_out *j, const struct change_set_input *in,
    const struct change_set_output *out)
{
	struct scalar key = primary_key_value(in);

	if (key.kind == SCALAR_NULL) {
		key = (struct scalar){SCALAR_TEXT, out->object_id};
	}
	json_key(j, "source");
	json_open(j, '{');
	json_field_text(j, "kind", source_kinds[in->cap->source->engine]);
	json_field_text(j, "source_id", in->cap->source->name);
	json_field_text(j, "schema", in->cap->schema);
	json_field_text(j, "table", in->cap->table);
	put_column_value(j, "primary_key", span_of(in->cap->primary_key), key);
	json_close(j, '}');
}

/* Evidence, then states as they are at birth. They never change in here: the
 * bytes are hashed, so what happens later is in the ledger's events. */
static void
put_evidence_and_state(struct json_out *j, const struct change_set_input *in)
{
	json_key(j, "evidence");
	json_open(j, '{');
	json_field_span(j, "bundle_id", in->evidence_id);
	json_field_text(j, "query_fingerprint", in->fingerprint);
	json_key(j, "items");
	json_open(j, '[');
	json_close(j, ']');
	json_close(j, '}');
	json_key(j, "approval");
	json_open(j, '{');
	json_field_text(j, "status", "pending");
	if (in->cap->required_role != NULL) {
		json_field_text(j, "required_role", in->cap->required_role);
	}
	json_close(j, '}');
	json_key(j, "writeback");
	json_open(j, '{');
	json_field_text(j, "status", "not_applied");
	json_field_text(j, "mode", "trusted_worker_required");
	json_field_text(j, "executor", in->cap->executor);
	json_close(j, '}');
	json_field_bool(j, "source_database_mutated", false);
}

/* The members that are hashed, 1 to 17; with `hash` also the integrity member
 * between the 16th and the 17th, which is how the document is stored. */
static void
put_core(struct json_out *j, const struct change_set_input *in,
    const struct change_set_output *out, const struct named_scalar *version,
    const char *hash)
{
	json_open(j, '{');
	put_identity(j, in, out);
	put_source(j, in, out);
	json_key(j, "before");
	scalars_put(j, in->row, in->row_count);
	json_key(j, "patch");
	scalars_put(j, in->patch, in->patch_count);
	json_key(j, "after");
	put_after(j, in);
	put_guards(j, in, version);
	put_evidence_and_state(j, in);
	if (hash != NULL) {
		json_key(j, "integrity");
		json_open(j, '{');
		json_field_text(j, "proposal_hash", hash);
		json_close(j, '}');
	}
	json_field_text(j, "created_at", in->created_at);
	json_close(j, '}');
}

int
change_set_build(const struct change_set_input *in, struct arena *a,
    struct change_set_output *out, struct err *e)
{
	struct named_scalar version = {0};
	struct buf text = BUF_INIT;
	struct json_out j;
	int rc = expected_version(in, a, &version, e);

	if (rc != 0) {
		return rc;
	}
	/* No lookup text here: a row without its key was refused by ledgerd. */
	out->object_id = change_set_object_id(
	    in->cap, in->row, in->row_count, (struct span){"", 0});
	build_id(in, out->object_id, out->proposal_id);
	json_begin(&j, &text, 0);
	put_core(&j, in, out, &version, NULL);
	digest_text(buf_as_span(&text), out->hash);
	buf_reset(&text);
	json_begin(&j, &text, 0);
	put_core(&j, in, out, &version, out->hash);
	out->stored = arena_span(a, buf_as_span(&text));
	buf_clear(&text);
	return 0;
}

/* The integrity member in the one spelling that is stored: its bytes are not
 * hashed, so any other spelling would be a second document with this hash. */
static bool
is_stored_form(const struct change_set *cs, struct span member)
{
	struct buf expected = BUF_INIT;
	bool same;

	buf_printf(&expected, "\"integrity\":{\"proposal_hash\":\"%.*s\"},",
	    SPAN_ARGS(cs->hash));
	same = span_equal(member, buf_as_span(&expected));
	buf_clear(&expected);
	return same;
}

/* The stored bytes without the integrity member must hash to what it says.
 * `integrity` is that member's value as raw bytes inside `stored`. */
static int
check_hash(const struct change_set *cs, struct span integrity, struct err *e)
{
	static const size_t key_len = sizeof("\"integrity\":") - 1;
	struct buf core = BUF_INIT;
	char hash[DIGEST_TEXT_SIZE];
	/* The member stood where the parser found it, between two others, so
	 * both ends are inside; the last byte is its comma. */
	struct span member = {
	    integrity.ptr - key_len, integrity.len + key_len + 1};
	const char *end = member.ptr + member.len;

	if (!is_stored_form(cs, member)) {
		return err_set(e, CS_E_INTEGRITY, "CHANGE_SET_INVALID",
		    "the change set is not in its stored form");
	}
	buf_append(
	    &core, cs->stored.ptr, (size_t)(member.ptr - cs->stored.ptr));
	buf_append(&core, end, cs->stored.len - (size_t)(end - cs->stored.ptr));
	digest_text(buf_as_span(&core), hash);
	buf_clear(&core);
	if (!span_is(cs->hash, hash)) {
		return err_set(e, CS_E_INTEGRITY, "PROPOSAL_HASH_MISMATCH",
		    "the change set's bytes hash to %s, not to %.*s: it was "
		    "edited after it was proposed",
		    hash, SPAN_ARGS(cs->hash));
	}
	return 0;
}

/* The mirror of put_identity's objects and put_source, in the same order. */
static void
take_scope(struct members *m, struct change_set *out)
{
	struct members sub;

	take_object(m, "principal", &sub);
	out->principal = take_text(&sub, "id");
	out->principal_source = take_text(&sub, "source");
	members_end(&sub);
	take_object(m, "scope", &sub);
	out->tenant = take_text(&sub, "tenant_id");
	out->business_object = take_text(&sub, "business_object");
	out->object_id = take_text(&sub, "object_id");
	members_end(&sub);
	take_object(m, "source", &sub);
	out->source_kind = take_text(&sub, "kind");
	out->source_id = take_text(&sub, "source_id");
	out->schema = take_text(&sub, "schema");
	out->table = take_text(&sub, "table");
	out->primary_key = take_column_value(&sub, "primary_key");
	members_end(&sub);
}

/* Guards and evidence. `items` is always empty: the rows are in the ledger. */
static void
take_guards(struct members *m, struct change_set *out)
{
	struct members sub;

	take_object(m, "guards", &sub);
	out->tenant_guard = take_column_value(&sub, "tenant");
	out->allowed_columns =
	    take_text_list(&sub, "allowed_columns", &out->allowed_count);
	out->expected_version = take_column_value(&sub, "expected_version");
	members_end(&sub);
	take_object(m, "evidence", &sub);
	out->evidence_id = take_text(&sub, "bundle_id");
	out->fingerprint = take_text(&sub, "query_fingerprint");
	(void)take_array(&sub, "items");
	members_end(&sub);
}

/* The states that every change set is born with. Any other value means that
 * somebody edited the document to look decided. */
static void
take_state(struct members *m, struct change_set *out)
{
	struct members sub;

	take_object(m, "approval", &sub);
	take_literal(&sub, "status", "pending");
	out->required_role = take_optional_text(&sub, "required_role");
	members_end(&sub);
	take_object(m, "writeback", &sub);
	take_literal(&sub, "status", "not_applied");
	take_literal(&sub, "mode", "trusted_worker_required");
	out->executor = take_text(&sub, "executor");
	members_end(&sub);
	(void)take_bool(m, "source_database_mutated");
}

int
change_set_parse(
    struct span stored, struct arena *a, struct change_set *out, struct err *e)
{
	struct document doc;
	struct document inner;
	struct members m;
	struct members sub;
	struct span integrity;

	*out = (struct change_set){.stored = stored};
	members_begin(&m, &doc, stored, a);
	take_literal(&m, "schema_version", SCHEMA);
	out->proposal_id = take_text(&m, "proposal_id");
	out->proposal_version = take_int(&m, "proposal_version");
	out->action = take_text(&m, "action");
	out->mode = take_text(&m, "mode");
	take_scope(&m, out);
	out->before = take_map(&m, "before", &out->before_count);
	out->patch = take_map(&m, "patch", &out->patch_count);
	out->after = take_map(&m, "after", &out->after_count);
	take_guards(&m, out);
	take_state(&m, out);
	integrity = take_raw_object(&m, "integrity");
	out->created_at = take_text(&m, "created_at");
	members_end(&m);
	/* The raw object is a document of its own, so that its position in
	 * the stored bytes stays known for check_hash. */
	if (members_bad(&m) == NULL) {
		members_begin(&sub, &inner, integrity, a);
		out->hash = take_text(&sub, "proposal_hash");
		members_end(&sub);
		doc.bad = inner.bad;
	}
	if (members_bad(&m) != NULL) {
		return err_set(e, CS_E_INTEGRITY, "CHANGE_SET_INVALID",
		    "the stored change set is damaged at %s", doc.bad);
	}
	return check_hash(out, integrity, e);
}
