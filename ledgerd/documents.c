#include "ledgerd/documents.h"

#include "common/base/clock.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "ledgerd/claims.h"
#include "ledgerd/verify.h"
#include "proto/job.h"

int
reader_prepare(
    struct ledger *l, const char *sql, sqlite3_stmt **out, struct err *e)
{
	if (sqlite3_prepare_v2(l->store.reader, sql, -1, out, NULL) !=
	    SQLITE_OK) {
		return store_error(l->store.reader, e, "prepare a search");
	}
	return 0;
}

void
put_time(struct json_out *j, const char *key, int64_t time_us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time_us, text);
	json_field_text(j, key, text);
}

int
put_rows(struct ledger *l, struct json_out *j, sqlite3_stmt *st, put_row_fn put,
    struct err *e)
{
	int rc;

	json_open(j, '[');
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int bad = put(l, j, st, e);
		if (bad != 0) {
			return bad;
		}
	}
	json_close(j, ']');
	return rc == SQLITE_DONE ? 0
				 : store_error(l->store.reader, e, "be read");
}

/* Members of a row that a model may see: visible columns and what it proposed.
 */
static void
put_visible(struct json_out *j, const struct json_doc *doc, uint32_t row,
    const struct contract_capability *cap)
{
	json_open(j, '{');
	for (size_t i = 0; i < cap->visible_count; i++) {
		uint32_t value = json_get(doc, row, cap->visible_columns[i]);
		if (value != JSON_NONE) {
			json_field_raw(
			    j, cap->visible_columns[i], json_raw(doc, value));
		}
	}
	for (size_t i = 0; i < cap->patch_count; i++) {
		const char *column = cap->patch[i].column;
		uint32_t value = json_get(doc, row, column);
		if (value != JSON_NONE &&
		    !contract_has_column(cap->visible_columns,
			cap->visible_count, span_of(column))) {
			json_field_raw(j, column, json_raw(doc, value));
		}
	}
	json_close(j, '}');
}

/* The change set for a model: without guards and columns that are not shown. */
static void
put_change_set_for_model(
    struct ledger *l, struct json_out *j, const struct proposal *p)
{
	const struct contract_capability *cap =
	    contract_capability(l->contract, p->action);
	struct json_doc doc;
	uint32_t key = 1;

	if (cap == NULL ||
	    json_scan(&doc, p->change_set, l->scratch, NULL) != 0) {
		json_put_null(j);
		return;
	}
	json_open(j, '{');
	for (uint32_t i = 0; i < doc.nodes[0].count; i++) {
		struct span name = json_string(&doc, key, l->scratch);
		if (span_is(name, "before") || span_is(name, "after")) {
			json_key_span(j, name);
			put_visible(j, &doc, key + 1, cap);
		} else if (!span_is(name, "guards")) {
			json_key_span(j, name);
			json_put_raw(j, json_raw(&doc, key + 1));
		}
		key = doc.nodes[key + 1].next;
	}
	json_close(j, '}');
}

void
put_proposal(struct ledger *l, struct json_out *j, const struct proposal *p)
{
	json_open(j, '{');
	json_field_span(j, "proposal_id", p->proposal_id);
	json_field_int(j, "proposal_version", p->proposal_version);
	json_field_span(j, "proposal_hash", p->proposal_hash);
	json_field_span(j, "action", p->action);
	json_field_text(j, "state", state_name(p->state));
	json_field_span(j, "tenant_id", p->tenant_id);
	json_field_span(j, "principal", p->principal);
	json_field_span(j, "capability", p->action);
	json_field_span(j, "business_object", p->business_object);
	json_field_span(j, "object_id", p->object_id);
	json_field_span(j, "source_kind", p->source_kind);
	json_field_span(j, "source_id", p->source_id);
	json_field_span(j, "source_schema", p->source_schema);
	json_field_span(j, "source_table", p->source_table);
	json_field_bool(
	    j, "source_database_mutated", p->source_database_mutated);
	json_key(j, "change_set");
	if (l->visible_only) {
		put_change_set_for_model(l, j, p);
	} else {
		json_put_raw(j, p->change_set);
	}
	json_field_span(j, "contract_digest", p->contract_digest);
	json_field_bool(j, "retryable", p->retryable);
	put_time(j, "created_at", p->created_us);
	put_time(j, "updated_at", p->updated_us);
	json_close(j, '}');
}

/* What a list or a screen shows is what was hashed: check before showing. */
int
put_proposal_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct arena *a = arena_new();
	struct proposal p;
	struct change_set cs;
	int rc;

	proposal_from_row(st, a, &p);
	rc = proposal_check(&p, a, &cs, e);
	if (rc == 0) {
		put_proposal(l, j, &p);
	} else if (rc == CS_E_INTEGRITY) {
		/* One damaged row must not hide the others. */
		json_open(j, '{');
		json_field_span(j, "proposal_id", p.proposal_id);
		json_field_text(j, "state", "damaged");
		json_field_text(j, "error", err_reason(e));
		json_field_text(j, "message", e->msg);
		put_time(j, "created_at", p.created_us);
		json_close(j, '}');
		rc = 0;
	}
	arena_free(&a);
	return rc;
}

/* The writer's own bytes, as event and row have them, and what we know of
 * it. */
int
put_receipt_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	(void)l;
	(void)e;
	json_open(j, '{');
	json_field_int(j, "receipt_id", stmt_int(st, 0));
	json_field_span(j, "writeback_job_id", stmt_span(st, 1));
	json_field_span(j, "proposal_id", stmt_span(st, 2));
	json_field_span(j, "runner_id", stmt_span(st, 3));
	json_field_span(j, "status", stmt_span(st, 4));
	json_field_span(j, "idempotency_key", stmt_span(st, 5));
	json_field_bool(j, "source_database_mutated", stmt_int(st, 6) != 0);
	json_field_bool(j, "dry_run", stmt_int(st, 9) != 0);
	json_field_raw(j, "receipt", stmt_span(st, 7));
	put_time(j, "created_at", stmt_int(st, 8));
	json_close(j, '}');
	return 0;
}

/* Rows of `table` that belong to a proposal, oldest first, as member `key`. */
struct part {
	const char *key;
	const char *select; /* with one parameter: the proposal id */
	put_row_fn put;
};

static int
put_part(struct ledger *l, struct json_out *j, const struct part *part,
    struct span proposal_id, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = reader_prepare(l, part->select, &st, e);

	if (rc == 0) {
		(void)sqlite3_bind_text(st, 1, proposal_id.ptr,
		    (int)proposal_id.len, SQLITE_STATIC);
		json_key(j, part->key);
		rc = put_rows(l, j, st, part->put, e);
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* A statement is shown only when its signature verifies: nobody is to read
 * an approval that was written into the file. */
static int
put_decision_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct span signature = stmt_span(st, 1);
	struct span statement = stmt_span(st, 0);
	struct span ssh = stmt_span(st, 2);
	bool valid = signature.len == SIGNATURE_LEN &&
		     verify_dsse(sign_key_public(l->key), DSSE_TYPE_DECISION,
			 statement, (const uint8_t *)signature.ptr) == 0;

	(void)e;
	json_open(j, '{');
	json_field_bool(j, "signature_valid", valid);
	if (valid) {
		json_field_raw(j, "statement", statement);
	} else {
		json_field_null(j, "statement");
	}
	if (ssh.len > 0) {
		struct buf armored = BUF_INIT;
		sshsig_armor(ssh, &armored);
		json_field_span(j, "ssh_signature", buf_as_span(&armored));
		buf_clear(&armored);
	}
	json_close(j, '}');
	return 0;
}

#define OF_PROPOSAL " WHERE proposal_id = ?1"

static const struct part part_events = {"events",
    "SELECT " EVENT_COLUMNS " FROM events"
    " INDEXED BY events_by_proposal" OF_PROPOSAL
    " AND kind <> 'read_recorded' ORDER BY event_id",
    put_event_row};
static const struct part part_receipts = {"receipts",
    "SELECT " RECEIPT_COLUMNS " FROM receipts" OF_PROPOSAL
    " ORDER BY receipt_id",
    put_receipt_row};
static const struct part part_audit = {"query_audit",
    "SELECT " READ_COLUMNS
    " FROM events INDEXED BY events_by_proposal" OF_PROPOSAL
    " AND kind = 'read_recorded' ORDER BY event_id",
    put_audit_row};
static const struct part part_evidence = {"evidence",
    "SELECT " READ_COLUMNS
    " FROM events INDEXED BY events_by_proposal" OF_PROPOSAL
    " AND kind = 'read_recorded' ORDER BY event_id",
    put_evidence_row};
static const struct part part_decisions = {"decisions",
    "SELECT statement, signature, ssh_signature FROM decisions"
    " LEFT JOIN decision_signatures USING (decision_id)" OF_PROPOSAL
    " ORDER BY decision_id",
    put_decision_row};

/* Several lists of one proposal, each as a member of the open object. */
static int
put_parts(struct ledger *l, struct json_out *j, const struct part *const *parts,
    struct span proposal_id, struct err *e)
{
	for (; *parts != NULL; parts++) {
		int rc = put_part(l, j, *parts, proposal_id, e);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* Load a proposal for showing: damage is an error with its own code. */
static int
load_checked(
    struct ledger *l, struct span id, struct proposal *p, struct err *e)
{
	struct change_set cs;
	int rc = proposal_load(&l->store, id, l->scratch, p, e);

	return rc != 0 ? rc : proposal_check(p, l->scratch, &cs, e);
}

/* A proposal with all that is known about it, in one document: a reviewer
 * must not need a second look at a moment when things are different. */
static int
show_proposal(
    struct ledger *l, struct span id, struct json_out *j, struct err *e)
{
	static const struct part *const parts[] = {&part_events, &part_receipts,
	    &part_evidence, &part_decisions, NULL};
	struct proposal p;
	int rc = load_checked(l, id, &p, e);

	if (rc != 0) {
		return rc;
	}
	json_open(j, '{');
	json_key(j, "proposal");
	put_proposal(l, j, &p);
	rc = put_parts(l, j, parts, p.proposal_id, e);
	json_close(j, '}');
	return rc;
}

static int
show_replay(struct ledger *l, struct span id, struct json_out *j, struct err *e)
{
	static const struct part *const parts[] = {&part_events, &part_receipts,
	    &part_decisions, &part_audit, &part_evidence, NULL};
	static const char prefix[] = "replay_";
	struct proposal p;
	int rc;

	if (id.len > sizeof(prefix) - 1 &&
	    memcmp(id.ptr, prefix, sizeof(prefix) - 1) == 0) {
		id.ptr += sizeof(prefix) - 1;
		id.len -= sizeof(prefix) - 1;
	}
	rc = load_checked(l, id, &p, e);
	if (rc != 0) {
		return rc;
	}
	json_open(j, '{');
	json_field_text(j, "replay_id",
	    arena_printf(l->scratch, "replay_%.*s", SPAN_ARGS(p.proposal_id)));
	json_key(j, "proposal");
	put_proposal(l, j, &p);
	rc = put_parts(l, j, parts, p.proposal_id, e);
	put_time(j, "generated_at", clock_now_us());
	json_close(j, '}');
	return rc;
}

/* One row of a statement with one parameter. */
static int
show_one(struct ledger *l, struct json_out *j, const struct part *what,
    struct span id, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = reader_prepare(l, what->select, &st, e);

	if (rc == 0) {
		(void)sqlite3_bind_text(
		    st, 1, id.ptr, (int)id.len, SQLITE_STATIC);
		rc = sqlite3_step(st) == SQLITE_ROW
			 ? what->put(l, j, st, e)
			 : err_set(e, CS_E_NOT_FOUND, "RECORD_NOT_FOUND",
			       "%s not found: %.*s", what->key, SPAN_ARGS(id));
	}
	(void)sqlite3_finalize(st);
	return rc;
}

/* Found by the number inside its id; the whole id must then be the row's
 * own. */
static int
show_evidence(
    struct ledger *l, struct span id, struct json_out *j, struct err *e)
{
	static const struct part one = {"Evidence bundle",
	    "SELECT " READ_COLUMNS " FROM events"
	    " WHERE event_id = event_of(?1) AND evidence_id = ?1",
	    put_evidence_row};

	return show_one(l, j, &one, id, e);
}

static int
show_audit(struct ledger *l, struct span id, struct json_out *j, struct err *e)
{
	static const struct part one = {"Query audit",
	    "SELECT " READ_COLUMNS " FROM events"
	    " WHERE event_id = CAST(?1 AS INTEGER) AND kind = 'read_recorded'",
	    put_audit_row};

	return show_one(l, j, &one, id, e);
}

static int
show_receipt(
    struct ledger *l, struct span id, struct json_out *j, struct err *e)
{
	static const struct part one = {"Receipt",
	    "SELECT " RECEIPT_COLUMNS
	    " FROM receipts WHERE receipt_id = CAST(?1 AS INTEGER)",
	    put_receipt_row};

	return show_one(l, j, &one, id, e);
}

static int
put_envelope_row(
    struct ledger *l, struct json_out *j, sqlite3_stmt *st, struct err *e)
{
	struct span signature = stmt_span(st, 1);
	struct buf text = BUF_INIT;

	if (signature.len != SIGNATURE_LEN) {
		return err_set(e, CS_E_INTEGRITY, "JOB_SIGNATURE_INVALID",
		    "the recorded job has no signature");
	}
	job_envelope(stmt_span(st, 0), (const uint8_t *)signature.ptr,
	    sign_key_public(l->key), &text);
	json_put_raw(j, buf_as_span(&text));
	buf_clear(&text);
	return 0;
}

/* The last job that was made, in a form that other tools can verify. */
static int
show_job(struct ledger *l, struct span id, struct json_out *j, struct err *e)
{
	static const struct part one = {"Job",
	    "SELECT payload, signature FROM jobs" OF_PROPOSAL
	    " ORDER BY seq DESC LIMIT 1",
	    put_envelope_row};

	return show_one(l, j, &one, id, e);
}

/* Answering at all is the health; the rest helps to compare processes. */
static int
show_health(struct ledger *l, struct span id, struct json_out *j, struct err *e)
{
	const struct conn_list *conns = &l->conns;

	(void)id;
	(void)e;
	json_open(j, '{');
	json_field_bool(j, "ok", true);
	json_field_text(j, "version", CS_VERSION);
	json_field_text(j, "mode", contract_mode_name(l->contract->mode));
	json_field_text(j, "contract_digest", l->contract->digest_text);
	json_field_text(j, "owner", l->owner);
	json_field_bool(j, "reviewers_listed", l->contract->has_reviewers);
	json_field_int(j, "events", l->store.last_event_id);
	json_field_int(
	    j, "connections", TAILQ_EMPTY(conns) ? 0 : (int64_t)l->conn_count);
	json_close(j, '}');
	return 0;
}

typedef int (*show_fn)(
    struct ledger *l, struct span id, struct json_out *j, struct err *e);

/* By enum show_kind. Verification and counting are sliced over turns and start
 * elsewhere, and metrics are no JSON. */
static const show_fn shows[SHOW_KINDS] = {show_proposal, show_replay,
    show_evidence, show_receipt, show_audit, show_job, NULL, show_health, NULL,
    NULL};

int
document_show(
    struct ledger *l, const struct msg_show *m, struct buf *out, struct err *e)
{
	struct json_out j;

	cs_assert(m->kind < SHOW_KINDS && shows[m->kind] != NULL);
	json_begin(&j, out, 0);
	return shows[m->kind](l, m->id, &j, e);
}

static int
not_found(const struct msg_resource *m, struct err *e)
{
	return err_set(e, CS_E_NOT_FOUND, "RESOURCE_NOT_FOUND",
	    "Resource %.*s not found", SPAN_ARGS(m->id));
}

/* Does this evidence belong to the asking tenant and principal? */
static bool
owns_evidence(struct ledger *l, const struct msg_resource *m, struct err *e)
{
	sqlite3_stmt *st = NULL;
	bool owns = false;

	if (reader_prepare(l,
		"SELECT tenant, actor FROM events"
		" WHERE event_id = event_of(?1) AND evidence_id = ?1",
		&st, e) == 0) {
		(void)sqlite3_bind_text(
		    st, 1, m->id.ptr, (int)m->id.len, SQLITE_STATIC);
		owns = sqlite3_step(st) == SQLITE_ROW &&
		       span_equal(stmt_span(st, 0), m->tenant) &&
		       span_equal(stmt_span(st, 1), m->principal);
	}
	(void)sqlite3_finalize(st);
	return owns;
}

/* "latest" is for people: for a model it would name somebody else's. */
static bool
owns_proposal(struct ledger *l, const struct msg_resource *m, struct err *e)
{
	struct proposal p;
	struct span id = m->id;

	if (m->kind == RESOURCE_REPLAY && id.len > 7 &&
	    memcmp(id.ptr, "replay_", 7) == 0) {
		id.ptr += 7;
		id.len -= 7;
	}
	return !span_is(id, "latest") &&
	       proposal_load(&l->store, id, l->scratch, &p, e) == 0 &&
	       span_equal(p.tenant_id, m->tenant) &&
	       span_equal(p.principal, m->principal);
}

int
document_resource(struct ledger *l, const struct msg_resource *m,
    struct buf *out, struct err *e)
{
	static const enum show_kind kinds[] = {
	    SHOW_PROPOSAL, SHOW_EVIDENCE, SHOW_REPLAY};
	struct msg_show show = {.kind = kinds[m->kind], .id = m->id};
	bool owns = claims_fit(l, m->token, m->tenant, m->principal) &&
		    (m->kind == RESOURCE_EVIDENCE ? owns_evidence(l, m, e)
						  : owns_proposal(l, m, e));

	int rc = CS_E_NOT_FOUND;

	if (owns) {
		l->visible_only = true;
		rc = document_show(l, &show, out, e);
		l->visible_only = false;
	}
	if (rc != 0) {
		buf_reset(out);
		return not_found(m, e);
	}
	return 0;
}
