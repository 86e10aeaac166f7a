#include "proto/receipt.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "proto/members.h"

#define SCHEMA "synapsor.execution-receipt.v1"

static const char *const status_names[] = {
    "applied", "already_applied", "conflict", "failed", "outcome_unknown"};

const char *
receipt_status_name(enum receipt_status status)
{
	return status < RECEIPT_STATUSES ? status_names[status] : "unknown";
}

void
receipt_result_hash(struct span job_id, const char *status,
    const struct scalar *version, char out[DIGEST_TEXT_SIZE])
{
	struct buf text = BUF_INIT;
	struct json_out j;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_span(&j, "job_id", job_id);
	json_field_text(&j, "status", status);
	if (version != NULL) {
		json_key(&j, "version");
		scalar_put(&j, *version);
	}
	json_close(&j, '}');
	digest_text(buf_as_span(&text), out);
	buf_clear(&text);
}

/* Left out when there is none, as 0.1.1 does. */
static void
put_version(struct json_out *j, const char *key, struct scalar version)
{
	if (version.kind != SCALAR_NULL) {
		json_key(j, key);
		scalar_put(j, version);
	}
}

void
receipt_build(const struct receipt *r, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "schema_version", SCHEMA);
	json_field_span(&j, "writeback_job_id", r->job_id);
	json_field_span(&j, "proposal_id", r->proposal_id);
	json_field_span(&j, "runner_id", r->runner_id);
	json_field_text(&j, "status", receipt_status_name(r->status));
	json_field_int(&j, "rows_affected", r->rows_affected);
	json_field_span(&j, "idempotency_key", r->idempotency_key);
	put_version(&j, "previous_version", r->previous_version);
	put_version(&j, "new_version", r->new_version);
	json_field_bool(
	    &j, "source_database_mutated", r->source_database_mutated);
	json_field_span(&j, "executed_at", r->executed_at);
	if (r->safe_error_code.len > 0) {
		json_field_span(&j, "safe_error_code", r->safe_error_code);
	}
	json_field_span(&j, "receipt_hash", r->receipt_hash);
	json_key(&j, "details");
	json_open(&j, '{');
	json_field_bool(&j, "dry_run", r->dry_run);
	json_field_bool(&j, "retryable", r->retryable);
	json_field_span(&j, "explanation", r->explain);
	json_close(&j, '}');
	json_close(&j, '}');
}

static bool
status_from_name(struct span name, enum receipt_status *out)
{
	for (unsigned i = 0; i < RECEIPT_STATUSES; i++) {
		if (span_is(name, status_names[i])) {
			*out = (enum receipt_status)i;
			return true;
		}
	}
	return false;
}

int
receipt_parse(
    struct span text, struct arena *a, struct receipt *out, struct err *e)
{
	struct document doc;
	struct members m;
	struct members details;
	struct span status;

	*out = (struct receipt){0};
	members_begin(&m, &doc, text, a);
	take_literal(&m, "schema_version", SCHEMA);
	out->job_id = take_text(&m, "writeback_job_id");
	out->proposal_id = take_text(&m, "proposal_id");
	out->runner_id = take_text(&m, "runner_id");
	status = take_text(&m, "status");
	out->rows_affected = take_int(&m, "rows_affected");
	out->idempotency_key = take_text(&m, "idempotency_key");
	out->previous_version = take_optional_scalar(&m, "previous_version");
	out->new_version = take_optional_scalar(&m, "new_version");
	out->source_database_mutated = take_bool(&m, "source_database_mutated");
	out->executed_at = take_text(&m, "executed_at");
	out->safe_error_code = take_optional_text(&m, "safe_error_code");
	out->receipt_hash = take_text(&m, "receipt_hash");
	take_object(&m, "details", &details);
	out->dry_run = take_bool(&details, "dry_run");
	out->retryable = take_bool(&details, "retryable");
	out->explain = take_text(&details, "explanation");
	members_end(&details);
	members_end(&m);
	if (members_bad(&m) != NULL ||
	    !status_from_name(status, &out->status) || out->rows_affected < 0 ||
	    out->rows_affected > RECEIPT_ROWS_MAX) {
		return err_set(e, CS_E_INVALID, "RECEIPT_INVALID",
		    "the receipt is not a %s document", SCHEMA);
	}
	return 0;
}
