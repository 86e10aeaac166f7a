#include "proto/job.h"

#include <sodium.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/crypto/sshsig.h"
#include "proto/members.h"

#define SCHEMA    "countersign.job.v1"
#define WRITEBACK "synapsor.writeback-job.v1"

void
job_id_of(struct span proposal_id, struct buf *out)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:-";

	buf_puts(out, "wbj_");
	for (size_t i = 0; i < proposal_id.len; i++) {
		char c = proposal_id.ptr[i];
		bool fits = c != '\0' && strchr(allowed, c) != NULL;
		buf_append(out, fits ? &c : "_", 1);
	}
}

bool
job_is_inspection(const struct job *job)
{
	return job->settle && job->dry_run;
}

static void
put_time(struct json_out *j, const char *key, int64_t time_us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time_us, text);
	json_field_text(j, key, text);
}

static void
put_column_value(
    struct json_out *j, const char *key, const struct named_scalar *column)
{
	json_key(j, key);
	json_open(j, '{');
	json_field_span(j, "column", column->name);
	json_key(j, "value");
	scalar_put(j, column->value);
	json_close(j, '}');
}

/* Unlike 0.1.1, a NULL version stays a guard of its own (engine.md §8.2). */
static void
put_conflict_guard(struct json_out *j, const struct named_scalar *version)
{
	json_key(j, "conflict_guard");
	json_open(j, '{');
	if (span_is(version->name, ROW_HASH_COLUMN)) {
		json_field_text(j, "kind", "row_hash");
		json_field_span(j, "expected_hash", version->value.text);
	} else {
		json_field_text(j, "kind", "column");
		json_field_span(j, "column", version->name);
		json_key(j, "expected_value");
		scalar_put(j, version->value);
	}
	json_close(j, '}');
}

/* Idempotency key and lease of 0.1.1. The key does not contain the attempt:
 * a second attempt must meet the receipt of the first. */
static void
put_key_and_lease(struct json_out *j, const struct job_input *in)
{
	const struct change_set *cs = in->change_set;
	struct buf text = BUF_INIT;

	buf_printf(&text, "%.*s:%.*s", SPAN_ARGS(cs->proposal_id),
	    SPAN_ARGS(cs->object_id));
	json_field_span(j, "idempotency_key", buf_as_span(&text));
	json_key(j, "lease");
	json_open(j, '{');
	buf_reset(&text);
	buf_printf(&text, "lease_%.*s", SPAN_ARGS(cs->proposal_id));
	json_field_span(j, "lease_id", buf_as_span(&text));
	json_field_int(j, "attempt", in->attempt);
	put_time(j, "expires_at", in->expires_us);
	json_close(j, '}');
	buf_clear(&text);
}

/* Which row, which columns may change, and to what. */
static void
put_target(struct json_out *j, const struct change_set *cs)
{
	json_key(j, "target");
	json_open(j, '{');
	json_field_span(j, "schema", cs->schema);
	json_field_span(j, "table", cs->table);
	put_column_value(j, "primary_key", &cs->primary_key);
	json_close(j, '}');
	put_column_value(j, "tenant_guard", &cs->tenant_guard);
	json_key(j, "allowed_columns");
	json_open(j, '[');
	for (size_t i = 0; i < cs->allowed_count; i++) {
		json_put_span(j, cs->allowed_columns[i]);
	}
	json_close(j, ']');
	json_key(j, "patch");
	scalars_put(j, cs->patch, cs->patch_count);
}

void
job_build_writeback(const struct job_input *in, struct json_out *j)
{
	const struct change_set *cs = in->change_set;
	struct buf id = BUF_INIT;

	job_id_of(cs->proposal_id, &id);
	json_open(j, '{');
	json_field_text(j, "schema_version", WRITEBACK);
	json_field_span(j, "writeback_job_id", buf_as_span(&id));
	json_field_span(j, "proposal_id", cs->proposal_id);
	json_field_int(j, "proposal_version", cs->proposal_version);
	json_field_span(j, "proposal_hash", cs->hash);
	json_key(j, "runner_scope");
	json_open(j, '{');
	json_field_text(j, "project_id", "local");
	json_field_span(j, "source_id", cs->source_id);
	json_close(j, '}');
	json_field_text(j, "engine", in->engine);
	json_field_text(j, "operation", "single_row_update");
	put_target(j, cs);
	put_conflict_guard(j, &cs->expected_version);
	put_key_and_lease(j, in);
	json_close(j, '}');
	buf_clear(&id);
}

static void
put_base64(struct json_out *j, const char *key, const void *bytes, size_t len)
{
	size_t size =
	    sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
	char *text = xcalloc(size, 1);

	(void)sodium_bin2base64(
	    text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
	json_field_text(j, key, text);
	free(text);
}

/* Statements go in as the bytes that were signed: written again, they might
 * not verify. */
static void
put_decisions(struct json_out *j, const struct job_input *in)
{
	char hex[2 * SIGNATURE_LEN + 1];

	json_key(j, "approvals");
	json_open(j, '[');
	for (size_t i = 0; i < in->decision_count; i++) {
		hex_encode(in->decisions[i].signature, SIGNATURE_LEN, hex);
		json_open(j, '{');
		json_field_raw(j, "statement", in->decisions[i].statement);
		json_field_text(j, "signature", hex);
		if (in->decisions[i].ssh_signature.len > 0) {
			put_base64(j, "ssh_signature",
			    in->decisions[i].ssh_signature.ptr,
			    in->decisions[i].ssh_signature.len);
		} else {
			json_field_null(j, "ssh_signature");
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

void
job_build(const struct job_input *in, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "schema_version", SCHEMA);
	json_key(&j, "job");
	job_build_writeback(in, &j);
	json_field_span(&j, "contract_digest", in->contract_digest);
	json_field_span(&j, "ledger_head", in->ledger_head);
	put_time(&j, "issued_at", in->issued_us);
	put_time(&j, "expires_at", in->expires_us);
	json_field_bool(&j, "dry_run", in->dry_run);
	json_field_bool(&j, "settle", in->settle);
	json_field_raw(&j, "change_set", in->change_set->stored);
	put_decisions(&j, in);
	json_close(&j, '}');
}

/* The mirror of put_conflict_guard. */
static void
take_guard(struct members *m, struct job *out)
{
	struct members sub;
	struct span kind;

	take_object(m, "conflict_guard", &sub);
	kind = take_text(&sub, "kind");
	out->row_hash = span_is(kind, "row_hash");
	if (out->row_hash) {
		out->guard_column = span_of(ROW_HASH_COLUMN);
		out->guard_value = (struct scalar){
		    SCALAR_TEXT, take_text(&sub, "expected_hash")};
	} else {
		if (!span_is(kind, "column")) {
			m->doc->bad = "conflict_guard";
		}
		out->guard_column = take_text(&sub, "column");
		out->guard_value = take_scalar(&sub, "expected_value");
	}
	members_end(&sub);
}

static void
take_target(struct members *m, struct job *out)
{
	struct members sub;

	take_object(m, "runner_scope", &sub);
	(void)take_text(&sub, "project_id");
	out->source_id = take_text(&sub, "source_id");
	members_end(&sub);
	out->engine = take_text(m, "engine");
	take_literal(m, "operation", "single_row_update");
	take_object(m, "target", &sub);
	out->schema = take_text(&sub, "schema");
	out->table = take_text(&sub, "table");
	out->primary_key = take_column_value(&sub, "primary_key");
	members_end(&sub);
	out->tenant_guard = take_column_value(m, "tenant_guard");
	out->allowed_columns =
	    take_text_list(m, "allowed_columns", &out->allowed_count);
	out->patch = take_map(m, "patch", &out->patch_count);
}

/* The mirror of job_build_writeback. Members that the change set decides are
 * read here all the same; job_check_derivation compares them. */
static void
take_writeback(struct members *m, struct job *out)
{
	struct members sub;

	take_literal(m, "schema_version", WRITEBACK);
	out->job_id = take_text(m, "writeback_job_id");
	out->proposal_id = take_text(m, "proposal_id");
	out->proposal_version = take_int(m, "proposal_version");
	out->proposal_hash = take_text(m, "proposal_hash");
	take_target(m, out);
	take_guard(m, out);
	out->idempotency_key = take_text(m, "idempotency_key");
	take_object(m, "lease", &sub);
	out->lease_id = take_text(&sub, "lease_id");
	out->attempt = take_int(&sub, "attempt");
	(void)take_time(&sub, "expires_at");
	members_end(&sub);
	members_end(m);
}

static void
take_ssh_signature(struct members *m, struct job_decision *out)
{
	struct span text = take_text_or_null(m, "ssh_signature");
	unsigned char *bytes = arena_alloc(m->doc->arena, text.len + 1);
	size_t len = 0;

	if (text.len > (size_t)2 * SSHSIG_MAX ||
	    sodium_base642bin(bytes, text.len + 1, text.ptr, text.len, NULL,
		&len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
		m->doc->bad = "ssh_signature";
		return;
	}
	out->ssh_signature = (struct span){(const char *)bytes, len};
}

/* More than the cap is refused, not cut: all that was signed counts. */
static void
take_decisions(struct members *m, struct job *out)
{
	uint32_t array = take_array(m, "approvals");
	const struct json_doc *json = &m->doc->json;

	if (array == JSON_NONE ||
	    json->nodes[array].count > JOB_MAX_DECISIONS) {
		m->doc->bad = "approvals";
		return;
	}
	out->decisions = arena_array(
	    m->doc->arena, json->nodes[array].count, sizeof(*out->decisions));
	out->decision_count = json->nodes[array].count;
	uint32_t node = array + 1;
	for (size_t i = 0; i < out->decision_count; i++) {
		struct members sub;
		members_at(&sub, m->doc, node);
		out->decisions[i].statement =
		    take_raw_object(&sub, "statement");
		if (hex_decode(take_text(&sub, "signature"),
			out->decisions[i].signature, SIGNATURE_LEN) != 0) {
			m->doc->bad = "signature";
		}
		take_ssh_signature(&sub, &out->decisions[i]);
		members_end(&sub);
		node = json->nodes[node].next;
	}
}

int
job_parse(struct span payload, struct arena *a, struct job *out, struct err *e)
{
	struct document doc;
	struct members m;
	struct members job;
	struct members peek;

	*out = (struct job){0};
	members_begin(&m, &doc, payload, a);
	take_literal(&m, "schema_version", SCHEMA);
	/* Once for the raw bytes (they are compared later), once to read
	 * them. */
	peek = m;
	out->writeback = take_raw_object(&peek, "job");
	take_object(&m, "job", &job);
	take_writeback(&job, out);
	out->contract_digest = take_text(&m, "contract_digest");
	out->ledger_head = take_text(&m, "ledger_head");
	out->issued_us = take_time(&m, "issued_at");
	out->expires_us = take_time(&m, "expires_at");
	out->dry_run = take_bool(&m, "dry_run");
	out->settle = take_bool(&m, "settle");
	out->change_set = take_raw_object(&m, "change_set");
	take_decisions(&m, out);
	members_end(&m);
	if (members_bad(&m) != NULL) {
		return err_set(e, CS_E_INVALID, "JOB_INVALID",
		    "the job is not a %s document: %s", SCHEMA, doc.bad);
	}
	return 0;
}

int
job_check_derivation(const struct job *job, const struct change_set *cs,
    struct arena *a, struct err *e)
{
	/*
	 * ledgerd's signature says who wrote the job, not that it is right.
	 * What the reviewer saw was the change set; so only engine, attempt and
	 * expiry are taken from the job, and everything else has to follow
	 * again.
	 */
	struct buf text = BUF_INIT;
	struct json_out j;
	struct job_input in = {.change_set = cs,
	    .engine = arena_strndup(a, job->engine.ptr, job->engine.len),
	    .attempt = job->attempt,
	    .expires_us = job->expires_us};
	bool same;

	json_begin(&j, &text, 0);
	job_build_writeback(&in, &j);
	same = span_equal(buf_as_span(&text), job->writeback);
	buf_clear(&text);
	return same ? 0
		    : err_set(e, CS_E_INTEGRITY, "JOB_MISMATCH",
			  "the job is not what follows from the approved "
			  "change set");
}

void
job_envelope(struct span payload, const uint8_t signature[SIGNATURE_LEN],
    const uint8_t public_key[PUBLIC_KEY_LEN], struct buf *out)
{
	dsse_envelope(DSSE_TYPE_JOB, payload, signature, public_key, out);
}

void
dsse_envelope(const char *type, struct span payload,
    const uint8_t signature[SIGNATURE_LEN],
    const uint8_t public_key[PUBLIC_KEY_LEN], struct buf *out)
{
	char id[KEYID_TEXT_SIZE];
	struct json_out j;

	key_id(public_key, id);
	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "payloadType", type);
	put_base64(&j, "payload", payload.ptr, payload.len);
	json_key(&j, "signatures");
	json_open(&j, '[');
	json_open(&j, '{');
	json_field_text(&j, "keyid", id);
	put_base64(&j, "sig", signature, SIGNATURE_LEN);
	json_close(&j, '}');
	json_close(&j, ']');
	json_close(&j, '}');
}
