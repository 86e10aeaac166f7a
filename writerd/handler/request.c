#include "writerd/handler/request.h"

#include <sodium.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/err.h"

/* The change set, scanned again for the bytes of its members. */
struct members_of {
	struct json_doc doc;
	bool is_bad;
};

/* Embed a member as it stands in the change set. */
static void
copy(struct json_out *j, struct members_of *m, const char *key, uint32_t object,
    const char *member)
{
	uint32_t node = json_get(&m->doc, object, member);

	if (node == JSON_NONE) {
		m->is_bad = true;
		return;
	}
	json_field_raw(j, key, json_raw(&m->doc, node));
}

static void
put_target(struct json_out *j, struct members_of *m)
{
	static const char *const names[] = {"schema", "table", "primary_key"};
	uint32_t source = json_get(&m->doc, 0, "source");

	json_key(j, "target");
	json_open(j, '{');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		copy(j, m, names[i], source, names[i]);
	}
	json_close(j, '}');
}

/* "hwb_" where the job id has "wbj_": 0.1.1's name for a handler's job. */
static void
put_job_id(struct json_out *j, const struct checked_job *job, struct arena *a)
{
	static const char prefix[] = "wbj_";
	struct span id = job->job.job_id;

	if (id.len > sizeof(prefix) - 1) {
		id.ptr += sizeof(prefix) - 1;
		id.len -= sizeof(prefix) - 1;
	}
	json_field_text(
	    j, "writeback_job_id", arena_printf(a, "hwb_%.*s", SPAN_ARGS(id)));
}

static void
put_identity(struct json_out *j, const struct checked_job *job,
    const struct request_frame *f, struct arena *a)
{
	const struct change_set *cs = &job->cs;

	json_field_text(j, "schema_version", "synapsor.handler-writeback.v1");
	put_job_id(j, job, a);
	json_field_span(j, "proposal_id", cs->proposal_id);
	json_field_int(j, "proposal_version", cs->proposal_version);
	json_field_span(j, "proposal_hash", cs->hash);
	json_field_span(j, "action", cs->action);
	json_field_text(j, "runner_hint", f->runner_id);
	json_field_span(j, "idempotency_key", job->job.idempotency_key);
}

/* Copied under the same name. */
static void
put_members(struct json_out *j, struct members_of *m, uint32_t object,
    const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		copy(j, m, names[i], object, names[i]);
	}
}

static void
put_change(struct json_out *j, struct members_of *m)
{
	static const char *const middle[] = {
	    "before", "patch", "after", "guards", "evidence", "approval"};
	uint32_t guards = json_get(&m->doc, 0, "guards");

	copy(j, m, "source", 0, "source");
	put_target(j, m);
	copy(j, m, "tenant_guard", guards, "tenant");
	copy(j, m, "allowed_columns", guards, "allowed_columns");
	put_members(j, m, 0, middle, sizeof(middle) / sizeof(middle[0]));
	json_field_bool(j, "source_database_mutated", false);
}

static void
put_change_set(struct json_out *j, struct members_of *m)
{
	static const char *const first[] = {"action", "scope", "principal"};
	static const char *const last[] = {"patch", "guards"};

	json_key(j, "change_set");
	json_open(j, '{');
	put_members(j, m, 0, first, sizeof(first) / sizeof(first[0]));
	put_target(j, m);
	put_members(j, m, 0, last, sizeof(last) / sizeof(last[0]));
	json_close(j, '}');
}

int
request_build(const struct checked_job *job, const struct request_frame *f,
    struct arena *a, struct buf *out, struct err *e)
{
	struct members_of m = {.is_bad = false};
	struct json_out j;
	int rc = json_scan(&m.doc, job->cs.stored, a, e);

	if (rc != 0) {
		return rc;
	}
	json_begin(&j, out, 0);
	json_open(&j, '{');
	if (f->issued_at != NULL) {
		json_field_text(&j, "protocol_version", "1.0");
	}
	put_identity(&j, job, f, a);
	put_change(&j, &m);
	put_change_set(&j, &m);
	if (f->issued_at != NULL) {
		json_field_text(&j, "issued_at", f->issued_at);
	}
	json_field_text(&j, "executor", job->cap->executor);
	json_field_bool(&j, "dry_run", job->job.dry_run);
	json_close(&j, '}');
	return m.is_bad ? err_set(e, CS_E_INVALID, "CHANGE_SET_INVALID",
			      "the change set lacks a member")
			: 0;
}

void
request_sign(
    struct span secret, struct span body, char out[REQUEST_SIGNATURE_SIZE])
{
	static const char prefix[] = "sha256=";
	crypto_auth_hmacsha256_state state;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];

	(void)crypto_auth_hmacsha256_init(
	    &state, (const uint8_t *)secret.ptr, secret.len);
	(void)crypto_auth_hmacsha256_update(
	    &state, (const uint8_t *)body.ptr, body.len);
	(void)crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
	memcpy(out, prefix, sizeof(prefix) - 1);
	hex_encode(mac, sizeof(mac), out + sizeof(prefix) - 1);
}
