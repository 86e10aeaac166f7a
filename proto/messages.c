#include "proto/messages.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"
#include "common/crypto/sshsig.h"
#include "proto/codec.h"

/* One macro for each kind of field: type, cap, place in the struct, and the
 * table of a list's items. The order in a TABLE is the order on the wire. */
#define AT(type, member) offsetof(struct type, member)
#define BOOLEAN(t, m)                         \
	{                                     \
		FIELD_BOOL, 2, AT(t, m), NULL \
	}
#define U32(t, m)                            \
	{                                    \
		FIELD_U32, 0, AT(t, m), NULL \
	}
#define ENUM(t, m, end)                           \
	{                                         \
		FIELD_ENUM, (end), AT(t, m), NULL \
	}
#define TEXT(t, m, cap)                           \
	{                                         \
		FIELD_TEXT, (cap), AT(t, m), NULL \
	}
#define BYTES(t, m, cap)                           \
	{                                          \
		FIELD_BYTES, (cap), AT(t, m), NULL \
	}
#define FIXED(t, m, len)                           \
	{                                          \
		FIELD_FIXED, (len), AT(t, m), NULL \
	}
#define LIST(t, m, cap, item)                              \
	{                                                  \
		FIELD_LIST, (cap), AT(t, m), &item##_table \
	}

#define TABLE(name, type, ...)                                         \
	static const struct field name##_fields[] = {__VA_ARGS__};     \
	static const struct field_table name##_table = {name##_fields, \
	    sizeof(name##_fields) / sizeof(name##_fields[0]),          \
	    sizeof(struct type)}

TABLE(hello, msg_hello, U32(msg_hello, magic), U32(msg_hello, major),
    U32(msg_hello, minor), U32(msg_hello, role), TEXT(msg_hello, build, 64),
    FIXED(msg_hello, contract, 32),
    FIXED(msg_hello, public_key, PUBLIC_KEY_LEN),
    TEXT(msg_hello, store_owner, 64));

TABLE(failure, msg_failure, TEXT(msg_failure, reason, 64),
    TEXT(msg_failure, message, 1024), BOOLEAN(msg_failure, retryable));

TABLE(document, msg_document, BOOLEAN(msg_document, more),
    BYTES(msg_document, bytes, MSG_DOCUMENT_MAX));

TABLE(progress, msg_progress, TEXT(msg_progress, phase, 64),
    U32(msg_progress, percent));

TABLE(scalar, named_scalar, TEXT(named_scalar, name, MSG_ID_MAX),
    ENUM(named_scalar, value.kind, SCALAR_KINDS),
    TEXT(named_scalar, value.text, MSG_VALUE_MAX));

TABLE(call, msg_call, TEXT(msg_call, capability, MSG_ID_MAX),
    TEXT(msg_call, tenant, MSG_NAME_MAX),
    TEXT(msg_call, principal, MSG_NAME_MAX),
    ENUM(msg_call, provenance, PROVENANCES),
    TEXT(msg_call, token, MSG_TOKEN_MAX),
    LIST(msg_call, args, MSG_COLUMNS_MAX, scalar),
    LIST(msg_call, row, MSG_COLUMNS_MAX, scalar));

TABLE(recorded, msg_recorded, TEXT(msg_recorded, evidence_id, MSG_ID_MAX));

TABLE(proposed, msg_proposed, TEXT(msg_proposed, proposal_id, MSG_ID_MAX),
    U32(msg_proposed, proposal_version),
    TEXT(msg_proposed, proposal_hash, MSG_ID_MAX),
    TEXT(msg_proposed, evidence_id, MSG_ID_MAX), TEXT(msg_proposed, state, 64),
    BOOLEAN(msg_proposed, created), TEXT(msg_proposed, created_at, 64),
    LIST(msg_proposed, patch, MSG_COLUMNS_MAX, scalar));

TABLE(refuse, msg_refuse, TEXT(msg_refuse, tool, MSG_ID_MAX),
    TEXT(msg_refuse, tenant, MSG_NAME_MAX),
    TEXT(msg_refuse, principal, MSG_NAME_MAX),
    ENUM(msg_refuse, provenance, PROVENANCES), TEXT(msg_refuse, code, 64),
    TEXT(msg_refuse, message, 1024));

TABLE(resource, msg_resource, ENUM(msg_resource, kind, RESOURCE_KINDS),
    TEXT(msg_resource, id, MSG_ID_MAX),
    TEXT(msg_resource, tenant, MSG_NAME_MAX),
    TEXT(msg_resource, principal, MSG_NAME_MAX),
    TEXT(msg_resource, token, MSG_TOKEN_MAX));

TABLE(status, msg_status, TEXT(msg_status, proposal_id, MSG_ID_MAX),
    TEXT(msg_status, tenant, MSG_NAME_MAX),
    TEXT(msg_status, principal, MSG_NAME_MAX),
    TEXT(msg_status, token, MSG_TOKEN_MAX));

TABLE(stated, msg_stated, TEXT(msg_stated, proposal_id, MSG_ID_MAX),
    TEXT(msg_stated, action, MSG_ID_MAX), TEXT(msg_stated, target, 1024),
    TEXT(msg_stated, state, 64), TEXT(msg_stated, created_at, 64),
    TEXT(msg_stated, updated_at, 64), BOOLEAN(msg_stated, expired),
    BOOLEAN(msg_stated, changed), BOOLEAN(msg_stated, retryable));

TABLE(claim, msg_claim, U32(msg_claim, wait_ms));

TABLE(job, msg_job, TEXT(msg_job, job_id, MSG_ID_MAX),
    BYTES(msg_job, payload, MSG_DOCUMENT_MAX),
    FIXED(msg_job, signature, SIGNATURE_LEN));

TABLE(report, msg_report, TEXT(msg_report, job_id, MSG_ID_MAX),
    BYTES(msg_report, receipt, 60000));

TABLE(filter, msg_filter, TEXT(msg_filter, key, 64),
    TEXT(msg_filter, value, MSG_NAME_MAX));

TABLE(applying, msg_applying, TEXT(msg_applying, job_id, MSG_ID_MAX));

TABLE(observed, msg_observed, TEXT(msg_observed, job_id, MSG_ID_MAX),
    ENUM(msg_observed, observation, OBSERVATIONS), TEXT(msg_observed, code, 64),
    TEXT(msg_observed, explain, 1024),
    LIST(msg_observed, row, MSG_COLUMNS_MAX, scalar));

TABLE(query, msg_query, ENUM(msg_query, kind, QUERY_KINDS),
    U32(msg_query, limit), LIST(msg_query, filters, 24, filter));

TABLE(show, msg_show, ENUM(msg_show, kind, SHOW_KINDS),
    TEXT(msg_show, id, MSG_ID_MAX));

TABLE(decide, msg_decide, TEXT(msg_decide, proposal_id, MSG_ID_MAX),
    TEXT(msg_decide, proposal_hash, MSG_ID_MAX),
    U32(msg_decide, proposal_version),
    ENUM(msg_decide, action, DECISION_ACTIONS), TEXT(msg_decide, reason, 4096));

TABLE(apply, msg_apply, TEXT(msg_apply, proposal_id, MSG_ID_MAX),
    BOOLEAN(msg_apply, dry_run), U32(msg_apply, wait_ms));

TABLE(inspect, msg_inspect, TEXT(msg_inspect, proposal_id, MSG_ID_MAX),
    U32(msg_inspect, wait_ms));

TABLE(resolve, msg_resolve, TEXT(msg_resolve, proposal_id, MSG_ID_MAX),
    ENUM(msg_resolve, resolution, RESOLUTIONS),
    TEXT(msg_resolve, reason, 4096));

TABLE(keep, msg_keep, ENUM(msg_keep, action, KEEPINGS),
    U32(msg_keep, older_than_s), BOOLEAN(msg_keep, dry_run),
    BOOLEAN(msg_keep, forced));

TABLE(shadow, msg_shadow, TEXT(msg_shadow, proposal_id, MSG_ID_MAX),
    TEXT(msg_shadow, patch, 8192), TEXT(msg_shadow, notes, 4096));

TABLE(signed_decision, msg_signed, BYTES(msg_signed, statement, 16384),
    BYTES(msg_signed, ssh_signature, SSHSIG_MAX));

TABLE(freeze, msg_freeze, ENUM(msg_freeze, scope, FREEZE_SCOPES),
    TEXT(msg_freeze, name, MSG_NAME_MAX), BOOLEAN(msg_freeze, frozen),
    TEXT(msg_freeze, reason, 4096));

TABLE(erase, msg_erase, TEXT(msg_erase, tenant, MSG_NAME_MAX),
    TEXT(msg_erase, object_id, MSG_NAME_MAX), TEXT(msg_erase, reason, 4096),
    BOOLEAN(msg_erase, dry_run));

TABLE(stop, msg_stop, TEXT(msg_stop, job_id, MSG_ID_MAX),
    TEXT(msg_stop, reason, 64));

/* For messages that say everything with their type. */
static const struct field_table empty_table = {NULL, 0, 0};

static const struct {
	uint16_t type;
	const struct field_table *table;
} tables[] = {
    {MSG_HELLO, &hello_table},
    {MSG_FAILURE, &failure_table},
    {MSG_PING, &empty_table},
    {MSG_PONG, &empty_table},
    {MSG_DOCUMENT, &document_table},
    {MSG_PROGRESS, &progress_table},
    {MSG_READ, &call_table},
    {MSG_RECORDED, &recorded_table},
    {MSG_PROPOSE, &call_table},
    {MSG_PROPOSED, &proposed_table},
    {MSG_REFUSE, &refuse_table},
    {MSG_RESOURCE, &resource_table},
    {MSG_STATUS, &status_table},
    {MSG_STATED, &stated_table},
    {MSG_WITHDRAW, &status_table},
    {MSG_CLAIM, &claim_table},
    {MSG_JOB, &job_table},
    {MSG_IDLE, &empty_table},
    {MSG_REPORT, &report_table},
    {MSG_APPLYING, &applying_table},
    {MSG_OBSERVED, &observed_table},
    {MSG_QUERY, &query_table},
    {MSG_SHOW, &show_table},
    {MSG_DECIDE, &decide_table},
    {MSG_APPLY, &apply_table},
    {MSG_INSPECT, &inspect_table},
    {MSG_RESOLVE, &resolve_table},
    {MSG_KEEP, &keep_table},
    {MSG_SHADOW, &shadow_table},
    {MSG_PREPARE, &decide_table},
    {MSG_SIGNED, &signed_decision_table},
    {MSG_FREEZE, &freeze_table},
    {MSG_ERASE, &erase_table},
    {MSG_STOP, &stop_table},
};

static const struct field_table *
table_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (tables[i].type == type) {
			return tables[i].table;
		}
	}
	return NULL;
}

int
msg_encode(struct buf *out, uint16_t type, uint16_t flags, uint32_t id,
    const void *message)
{
	const struct field_table *table = table_of(type);
	size_t place = frame_begin(out, type, flags, id);
	int rc;

	cs_assert(table != NULL);
	rc = codec_encode(table, message, out);
	/* The type's own cap too: fields within their caps can add up to
	 * more than msg.def allows, and the peer would drop the connection. */
	if (rc == 0 &&
	    out->len - place - FRAME_HEADER_LEN > msg_info(type)->max_bytes) {
		rc = CS_E_TOO_LARGE;
	}
	if (rc != 0) {
		out->len = place;
		return rc;
	}
	frame_end(out, place);
	return 0;
}

int
msg_decode(uint16_t type, struct span payload, void *message, struct arena *a)
{
	const struct field_table *table = table_of(type);

	if (table == NULL) {
		return CS_E_PROTOCOL;
	}
	return codec_decode(table, payload, message, a);
}

/* Cut a text to at most `cap` bytes without splitting a character. */
static struct span
cut(const char *text, size_t cap)
{
	struct span s = span_of(text);

	while (s.len > cap || !utf8_is_valid(s)) {
		s.len = s.len > cap ? cap : s.len - 1;
	}
	return s;
}

void
msg_encode_failure(struct buf *out, uint32_t id, const char *reason,
    const char *message, bool retryable)
{
	struct msg_failure m = {.reason = cut(reason, 64),
	    .message = cut(message, 1024),
	    .retryable = retryable};

	/* Cut to its caps, so it always fits: there is nothing left to
	 * answer with if a failure could fail. */
	cs_assert(msg_encode(out, MSG_FAILURE, FRAME_REPLY | FRAME_ERROR, id,
		      &m) == 0);
}

const char *
provenance_name(enum provenance p)
{
	static const char *const names[] = {
	    "environment", "static_dev", "trusted_session"};

	return p < PROVENANCES ? names[p] : "unknown";
}

const char *
decision_name(enum decision_action action)
{
	static const char *const names[] = {"approve", "reject", "apply"};

	return action < DECISION_ACTIONS ? names[action] : "unknown";
}

const char *
observation_name(enum observation o)
{
	static const char *const names[] = {"not_inspected", "matches_proposed",
	    "matches_reviewed_before", "drifted", "not_observed"};

	return o < OBSERVATIONS ? names[o] : "unknown";
}

const char *
resolution_name(enum resolution r)
{
	static const char *const names[] = {"applied", "conflict", "failed"};

	return r < RESOLUTIONS ? names[r] : "unknown";
}
