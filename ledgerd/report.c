#include "ledgerd/report.h"

#include "common/base/clock.h"
#include "common/crypto/digest.h"
#include "common/crypto/sshsig.h"
#include "ledgerd/documents.h"
#include "ledgerd/store/events.h"
#include "proto/job.h"

#define REPORT_PROPOSALS_MAX 1000

/* What a report is and is not, for whoever reads it far away from here. */
static const char boundary[] =
    "Rebuilt from the ledger; the source database was not asked. Row values "
    "are left out. The signature says that this ledger held these entries at "
    "this position of its chain; each decision carries its own signatures.";

/* What is reported about, in the order of the statements below. */
enum scope_field {
	SCOPE_PROPOSAL,
	SCOPE_TENANT,
	SCOPE_OBJECT_TYPE,
	SCOPE_OBJECT_ID,
	SCOPE_PRINCIPAL,
	SCOPE_FIELDS
};

static const char *const scope_keys[SCOPE_FIELDS] = {
    "proposal", "tenant", "object_type", "object_id", "principal"};

/* Borrowed from the message; empty: any. */
struct scope {
	struct span of[SCOPE_FIELDS];
};

static int
take_filter(struct scope *s, const struct msg_filter *f, struct err *e)
{
	for (size_t i = 0; i < SCOPE_FIELDS; i++) {
		if (span_is(f->key, scope_keys[i])) {
			s->of[i] = f->value;
			return 0;
		}
	}
	return err_set(e, CS_E_INVALID, "INVALID_FILTER",
	    "a report has no filter %.*s", SPAN_ARGS(f->key));
}

static int
take_scope(const struct msg_query *m, struct scope *s, struct err *e)
{
	bool one;
	int kinds;
	int rc = 0;

	*s = (struct scope){0};
	for (uint32_t i = 0; i < m->filters.count && rc == 0; i++) {
		rc = take_filter(s, &m->filters.items[i], e);
	}
	one = s->of[SCOPE_PROPOSAL].len > 0;
	kinds = one + (s->of[SCOPE_OBJECT_ID].len > 0) +
		(s->of[SCOPE_PRINCIPAL].len > 0);
	if (rc == 0 && (kinds != 1 || (!one && s->of[SCOPE_TENANT].len == 0))) {
		rc = err_set(e, CS_E_INVALID, "REPORT_SCOPE_INVALID",
		    "one of --proposal, --object and --principal is wanted, "
		    "the last two with --tenant");
	}
	return rc;
}

static void
put_scope(struct json_out *j, const struct scope *s)
{
	json_key(j, "scope");
	json_open(j, '{');
	for (size_t i = 0; i < SCOPE_FIELDS; i++) {
		if (s->of[i].len > 0) {
			json_field_span(j, scope_keys[i], s->of[i]);
		}
	}
	json_close(j, '}');
}

/* A position of the chain, without the event's values. */
static int
put_entry(struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	static const char *const names[] = {
	    "kind", "actor", "tenant", "capability", "object_id"};
	struct span hash = stmt_span(st, 7);
	char text[DIGEST_TEXT_SIZE] = "";

	(void)l;
	(void)e;
	if (hash.len == DIGEST_LEN) {
		digest_format((const uint8_t *)hash.ptr, text);
	}
	json_open(j, '{');
	json_field_int(j, "event_id", stmt_int(st, 0));
	put_time(j, "at", stmt_int(st, 1));
	for (int i = 0; i < 5; i++) {
		json_field_span(j, names[i], stmt_span(st, 2 + i));
	}
	json_field_text(j, "hash", text);
	json_close(j, '}');
	return 0;
}

static int
put_decision(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct span statement = stmt_span(st, 0);
	struct span signature = stmt_span(st, 1);
	struct span ssh = stmt_span(st, 2);
	char hex[2 * SIGNATURE_LEN + 1] = "";
	struct buf armored = BUF_INIT;

	if (signature.len != SIGNATURE_LEN ||
	    verify_dsse(sign_key_public(l->key), DSSE_TYPE_DECISION, statement,
		(const uint8_t *)signature.ptr) != 0) {
		return err_set(e, CS_E_INTEGRITY, "APPROVAL_NOT_VERIFIED",
		    "a decision was not made by this ledger: run "
		    "'countersign ledger verify'; no report was written");
	}
	hex_encode(signature.ptr, SIGNATURE_LEN, hex);
	json_open(j, '{');
	json_field_raw(j, "statement", statement);
	json_field_text(j, "signature", hex);
	if (ssh.len > 0) {
		sshsig_armor(ssh, &armored);
		json_field_span(j, "ssh_signature", buf_as_span(&armored));
	} else {
		json_field_null(j, "ssh_signature");
	}
	json_close(j, '}');
	buf_clear(&armored);
	return 0;
}

/* Status and hash: what the source's receipt row has, too. */
static int
put_receipt(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct json_doc doc;

	if (json_scan(&doc, stmt_span(st, 2), l->scratch, e) != 0) {
		return CS_E_INTEGRITY;
	}
	json_open(j, '{');
	json_field_span(j, "status", stmt_span(st, 0));
	json_field_bool(j, "source_database_mutated", stmt_int(st, 1) != 0);
	json_field_span(j, "idempotency_key",
	    json_get_string(&doc, 0, "idempotency_key", l->scratch));
	json_field_span(j, "receipt_hash",
	    json_get_string(&doc, 0, "receipt_hash", l->scratch));
	json_close(j, '}');
	return 0;
}

static const struct {
	const char *key;
	const char *sql;
	put_row_fn put;
} parts[] = {
    {"entries",
	"SELECT event_id, at_us, kind, actor, tenant, capability, object_id,"
	" hash FROM events INDEXED BY events_by_proposal"
	" WHERE proposal_id = ?1 ORDER BY event_id",
	put_entry},
    {"decisions",
	"SELECT statement, signature, ssh_signature FROM decisions"
	" LEFT JOIN decision_signatures USING (decision_id)"
	" WHERE proposal_id = ?1 ORDER BY decision_id",
	put_decision},
    {"receipts",
	"SELECT status, source_database_mutated, receipt FROM receipts"
	" WHERE proposal_id = ?1 ORDER BY receipt_id",
	put_receipt},
};

static int
put_part(struct ledger *l, struct json_out *j, size_t i, struct span id,
    struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc =
	    sqlite3_prepare_v2(l->store.reader, parts[i].sql, -1, &st, NULL);

	if (rc != SQLITE_OK) {
		return store_error(l->store.reader, e, "be read");
	}
	(void)sqlite3_bind_text(st, 1, id.ptr, (int)id.len, SQLITE_STATIC);
	json_key(j, parts[i].key);
	rc = put_rows(l, j, st, parts[i].put, e);
	(void)sqlite3_finalize(st);
	return rc;
}

/* One proposal with its entries; checked first, like everything shown. */
static int
put_reported(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct proposal p;
	struct change_set cs;
	int rc;

	proposal_from_row(st, l->scratch, &p);
	rc = proposal_check(&p, l->scratch, &cs, e);
	if (rc == 0) {
		rc = proposal_check_state(&l->store, &p, e);
	}
	if (rc != 0) {
		return rc;
	}
	json_open(j, '{');
	json_field_span(j, "proposal_id", p.proposal_id);
	json_field_int(j, "proposal_version", cs.proposal_version);
	json_field_span(j, "proposal_hash", cs.hash);
	json_field_span(j, "contract_digest", p.contract_digest);
	json_field_text(j, "state", state_name(p.state));
	json_field_span(j, "principal", p.principal);
	json_field_span(j, "action", p.action);
	json_field_span(j, "business_object", p.business_object);
	json_field_span(j, "object_id", p.object_id);
	json_field_bool(
	    j, "source_database_mutated", p.source_database_mutated);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == 0;
	     i++) {
		rc = put_part(l, j, i, p.proposal_id, e);
	}
	json_close(j, '}');
	return rc;
}

/* An empty bind leaves that condition out. */
#define IN_SCOPE                                              \
	" FROM proposals WHERE (?1 = '' OR proposal_id = ?1)" \
	" AND (?2 = '' OR tenant_id = ?2)"                    \
	" AND (?3 = '' OR business_object = ?3)"              \
	" AND (?4 = '' OR object_id = ?4) AND (?5 = '' OR principal = ?5) "

static int
prepare(struct ledger *l, const char *sql, const struct scope *s,
    sqlite3_stmt **out, struct err *e)
{
	if (sqlite3_prepare_v2(l->store.reader, sql, -1, out, NULL) !=
	    SQLITE_OK) {
		return store_error(l->store.reader, e, "be read");
	}
	for (int i = 0; i < SCOPE_FIELDS; i++) {
		const struct span *v = &s->of[i];

		(void)sqlite3_bind_text(*out, i + 1, v->len == 0 ? "" : v->ptr,
		    (int)v->len, SQLITE_STATIC);
	}
	return 0;
}

/* A report that leaves something out would be worse than none. */
static int
check_count(struct ledger *l, const struct scope *s, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int64_t count = -1;
	int rc = prepare(l, "SELECT count(*)" IN_SCOPE, s, &st, e);

	if (rc != 0) {
		return rc;
	}
	if (sqlite3_step(st) == SQLITE_ROW) {
		count = stmt_int(st, 0);
	}
	(void)sqlite3_finalize(st);
	if (count < 0) {
		return store_error(l->store.reader, e, "be read");
	}
	if (count == 0 && s->of[SCOPE_PROPOSAL].len > 0) {
		return err_set(e, CS_E_NOT_FOUND, "PROPOSAL_NOT_FOUND",
		    "proposal %.*s not found",
		    SPAN_ARGS(s->of[SCOPE_PROPOSAL]));
	}
	if (count > REPORT_PROPOSALS_MAX) {
		return err_set(e, CS_E_TOO_LARGE, "REPORT_TOO_LARGE",
		    "%lld proposals would be in it, and %d is the most; no "
		    "report was written. Ask for one object or one proposal "
		    "at a time",
		    (long long)count, REPORT_PROPOSALS_MAX);
	}
	return 0;
}

static int
put_proposals(
    struct ledger *l, struct json_out *j, const struct scope *s, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = check_count(l, s, e);

	if (rc == 0) {
		rc = prepare(l,
		    "SELECT " PROPOSAL_COLUMNS IN_SCOPE "ORDER BY seq", s, &st,
		    e);
	}
	if (rc != 0) {
		return rc;
	}
	json_key(j, "proposals");
	rc = put_rows(l, j, st, put_reported, e);
	(void)sqlite3_finalize(st);
	return rc;
}

static void
put_head(struct ledger *l, struct json_out *j)
{
	char text[DIGEST_TEXT_SIZE];

	digest_format(l->store.last_hash, text);
	json_key(j, "head");
	json_open(j, '{');
	json_field_int(j, "event_id", l->store.last_event_id);
	json_field_text(j, "hash", text);
	json_close(j, '}');
}

int
report_write(
    struct ledger *l, const struct msg_query *m, struct buf *out, struct err *e)
{
	uint8_t signature[SIGNATURE_LEN];
	struct buf payload = BUF_INIT;
	struct json_out j;
	struct scope s;
	int rc = take_scope(m, &s, e);

	if (rc != 0) {
		return rc;
	}
	json_begin(&j, &payload, 0);
	json_open(&j, '{');
	json_field_text(&j, "schema_version", "countersign.report.v1");
	put_time(&j, "generated_at", clock_now_us());
	put_scope(&j, &s);
	put_head(l, &j);
	rc = put_proposals(l, &j, &s, e);
	json_field_text(&j, "boundary", boundary);
	json_close(&j, '}');
	if (rc == 0) {
		sign_dsse(
		    l->key, DSSE_TYPE_REPORT, buf_as_span(&payload), signature);
		dsse_envelope(DSSE_TYPE_REPORT, buf_as_span(&payload),
		    signature, sign_key_public(l->key), out);
	}
	buf_clear(&payload);
	return rc;
}
