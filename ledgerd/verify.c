#include "ledgerd/verify.h"

#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/crypto/sshsig.h"
#include "ledgerd/documents.h"
#include "ledgerd/keep/erase.h"
#include "ledgerd/slices.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/tombstones.h"
#include "proto/decision.h"

struct walk;

#define STAGE_MAX 8

/* One table of the record: its rows in order, and what must hold for each. */
struct stage {
	const char *name;
	const char *select;
	int (*check)(struct walk *w, struct err *e);
};

/* One verification in progress. It reads through the read-only connection,
 * so writers go on; each stage sees the file as of its first row. */
struct walk {
	struct store *store;
	const uint8_t *key; /* the ledger's public one */
	struct err bad;     /* what does not hold, when code is not 0 */
	size_t stage;
	sqlite3_stmt *st;
	struct arena *arena;
	int64_t counts[STAGE_MAX];
	/* What somebody else kept: the entry must be there with this hash. */
	int64_t anchor_id; /* 0: nothing is compared */
	uint8_t anchor_hash[32];
	/* Events so far. */
	int64_t last_id;
	uint8_t last_hash[32];
};

static int
bad_row(struct err *e, const char *reason, const char *what)
{
	return err_set(e, CS_E_INTEGRITY, reason, "%s", what);
}

/* The previous hash, every column, and the body: one changed byte shows. */
static int
check_event(struct walk *w, struct err *e)
{
	sqlite3_stmt *st = w->st;
	struct span body = stmt_span(st, 10);
	struct span stored_digest = stmt_span(st, 11);
	struct span stored_hash = stmt_span(st, 12);
	struct event_row row = {.event_id = stmt_int(st, 0),
	    .at_us = stmt_int(st, 1),
	    .kind = (const char *)sqlite3_column_text(st, 2),
	    .actor = stmt_span(st, 3),
	    .tenant = stmt_span(st, 4),
	    .capability = stmt_span(st, 5),
	    .object_id = stmt_span(st, 6),
	    .proposal_id = stmt_span(st, 7),
	    .evidence_id = stmt_span(st, 8)};
	uint8_t digest[32];
	uint8_t hash[32];

	/* Numbers have no gaps but those that a signed tombstone explains, so a
	 * removed row shows even before the hash does. */
	while (row.event_id != w->last_id + 1) {
		if (tombstone_cross(w->store, w->key, &w->last_id, w->last_hash,
			w->arena, e) != 0) {
			return e->code;
		}
	}
	event_body_digest(stmt_span(st, 9), body, digest);
	/* A body that an event says was erased leaves its digest in the chain;
	 * any other has to fit it. */
	if (!span_equal(stored_digest,
		(struct span){(const char *)digest, sizeof(digest)}) &&
	    !(span_is(body, ERASED_BODY) &&
		erase_covers(w->store, row.event_id))) {
		return bad_row(e, "EVENT_BODY_EDITED",
		    "the body is not the one that was recorded");
	}
	if (stored_digest.len != 32) {
		return bad_row(e, "EVENT_EDITED", "the digest is damaged");
	}
	event_hash(
	    w->last_hash, &row, (const uint8_t *)stored_digest.ptr, hash);
	if (!span_equal(
		stored_hash, (struct span){(const char *)hash, sizeof(hash)})) {
		return bad_row(e, "EVENT_EDITED",
		    "the row is not the one that was recorded, or the row "
		    "before it is not");
	}
	w->last_id = row.event_id;
	memcpy(w->last_hash, hash, sizeof(hash));
	if (w->anchor_id == row.event_id &&
	    memcmp(w->anchor_hash, hash, sizeof(hash)) != 0) {
		return bad_row(e, "ANCHOR_MISMATCH",
		    "the entry is not the one that the anchor names: the "
		    "chain was rewritten");
	}
	return 0;
}

/* "7:sha256:…", as the source's receipt rows have it. */
static int
take_anchor(struct walk *w, struct span text, struct err *e)
{
	const char *colon =
	    text.len == 0 ? NULL : memchr(text.ptr, ':', text.len);
	struct span number = {
	    text.ptr, colon == NULL ? 0 : (size_t)(colon - text.ptr)};

	if (text.len == 0) {
		return 0;
	}
	if (colon == NULL || json_int64(number, &w->anchor_id) != 0 ||
	    w->anchor_id <= 0 ||
	    digest_parse((struct span){colon + 1, text.len - number.len - 1},
		w->anchor_hash) != 0) {
		return err_set(e, CS_E_INVALID, "ANCHOR_INVALID",
		    "an anchor is written NUMBER:sha256:HASH, as the column "
		    "ledger_head has it");
	}
	return 0;
}

/* A signed head must be signed by us and agree with the event it names. */
static int
check_head(struct walk *w, struct err *e)
{
	struct span statement = stmt_span(w->st, 1);
	struct span signature = stmt_span(w->st, 2);
	struct span hash = stmt_span(w->st, 3);
	char text[DIGEST_TEXT_SIZE];
	struct json_doc doc;

	if (signature.len != SIGNATURE_LEN ||
	    verify_dsse(w->key, DSSE_TYPE_HEAD, statement,
		(const uint8_t *)signature.ptr) != 0) {
		return bad_row(e, "HEAD_NOT_SIGNED",
		    "a signed head was not signed by this ledger");
	}
	if (hash.len != 32) {
		return bad_row(e, "EVENTS_TRUNCATED",
		    "the event that a signed head names is gone");
	}
	digest_format((const uint8_t *)hash.ptr, text);
	if (json_scan(&doc, statement, w->arena, e) != 0 ||
	    !span_is(json_get_string(&doc, 0, "hash", w->arena), text)) {
		return bad_row(e, "HEAD_MISMATCH",
		    "the chain was rewritten after this head was signed");
	}
	return 0;
}

/* Bytes against their hash, columns against bytes, state against events. */
static int
check_proposal(struct walk *w, struct err *e)
{
	struct proposal p;
	struct change_set cs;
	int rc;

	proposal_from_row(w->st, w->arena, &p);
	rc = proposal_check(&p, w->arena, &cs, e);
	if (rc == 0) {
		rc = proposal_check_state(w->store, &p, e);
	}
	if (rc != 0) {
		err_context(e, "%.*s", SPAN_ARGS(p.proposal_id));
	}
	return rc;
}

/* The reviewer's own signature, if there is one: that it is over this
 * statement. Whose key it was and is, the file of allowed signers says. */
static bool
ssh_signature_holds(struct span signature, struct span statement)
{
	struct err ignored = {0};
	struct ssh_key key;

	return signature.len == 0 ||
	       sshsig_verify(signature, statement, &key, &ignored) == 0;
}

/* Signed by this ledger's key, and about the proposal that it lies with. */
static int
check_decision(struct walk *w, struct err *e)
{
	struct span statement = stmt_span(w->st, 1);
	struct span signature = stmt_span(w->st, 2);
	struct decision d;

	if (signature.len != SIGNATURE_LEN ||
	    verify_dsse(w->key, DSSE_TYPE_DECISION, statement,
		(const uint8_t *)signature.ptr) != 0 ||
	    decision_parse(statement, w->arena, &d, e) != 0 ||
	    !span_equal(d.proposal_id, stmt_span(w->st, 3)) ||
	    !ssh_signature_holds(stmt_span(w->st, 4), statement)) {
		return bad_row(e, "APPROVAL_NOT_VERIFIED",
		    "a decision was not made by this ledger");
	}
	return 0;
}

/* As many rows as the chain has events of them: none was deleted or added. */
static int
check_counts(struct walk *w, struct err *e)
{
	static const struct {
		const char *reason;
		const char *what;
	} kinds[] = {{"DECISION_MISSING", "a decision was deleted or added"},
	    {"SIGNATURE_MISSING", "a reviewer's signature was deleted"},
	    {"RECEIPT_MISSING", "a receipt was deleted or added"}};

	for (int i = 0; i < 3; i++) {
		if (stmt_int(w->st, 2 * i + 1) != stmt_int(w->st, 2 * i + 2)) {
			return err_set(e, CS_E_INTEGRITY, kinds[i].reason,
			    "%.*s: %s", SPAN_ARGS(stmt_span(w->st, 0)),
			    kinds[i].what);
		}
	}
	return 0;
}

static int
check_job(struct walk *w, struct err *e)
{
	struct span signature = stmt_span(w->st, 1);

	return signature.len == SIGNATURE_LEN &&
		       verify_dsse(w->key, DSSE_TYPE_JOB, stmt_span(w->st, 0),
			   (const uint8_t *)signature.ptr) == 0
		   ? 0
		   : bad_row(e, "JOB_SIGNATURE_INVALID",
			 "a job was not signed by this ledger");
}

static int
check_receipt(struct walk *w, struct err *e)
{
	return stmt_int(w->st, 0) != 0
		   ? 0
		   : bad_row(e, "RECEIPT_EDITED",
			 "a receipt is not the one that was recorded");
}

#define EVENTS_OF                                                     \
	"SELECT count(*) FROM events e INDEXED BY events_by_proposal" \
	" WHERE e.proposal_id = p.proposal_id AND e.actor <> 'ledgerd'"
#define DECISION_EVENTS                                 \
	" AND e.kind IN ('proposal_approval_recorded'," \
	" 'proposal_approved', 'proposal_rejected',"    \
	" 'proposal_revocation_requested', 'apply_authorized')"

static const struct stage stages[] = {
    {"events",
	"SELECT event_id, at_us, kind, actor, tenant, capability, object_id,"
	" proposal_id, evidence_id, salt, body, body_digest, hash FROM events"
	" ORDER BY event_id",
	check_event},
    {"heads",
	"SELECT h.event_id, h.statement, h.signature, e.hash FROM heads h"
	" LEFT JOIN events e ON e.event_id = h.event_id ORDER BY h.event_id",
	check_head},
    {"proposals", "SELECT " PROPOSAL_COLUMNS " FROM proposals ORDER BY seq",
	check_proposal},
    {"decisions",
	"SELECT decision_id, statement, signature, proposal_id, ssh_signature"
	" FROM decisions LEFT JOIN decision_signatures USING (decision_id)"
	" ORDER BY decision_id",
	check_decision},
    {"jobs", "SELECT payload, signature FROM jobs ORDER BY seq", check_job},
    {"receipts",
	"SELECT EXISTS (SELECT 1 FROM events e INDEXED BY events_by_proposal"
	" WHERE e.proposal_id = r.proposal_id"
	" AND instr(e.body, r.receipt) > 0) FROM receipts r"
	" ORDER BY receipt_id",
	check_receipt},
    {"completeness",
	"SELECT p.proposal_id,"
	" (SELECT count(*) FROM decisions d"
	" WHERE d.proposal_id = p.proposal_id),"
	" (" EVENTS_OF DECISION_EVENTS "),"
	" (SELECT count(*) FROM decision_signatures JOIN decisions d"
	" USING (decision_id) WHERE d.proposal_id = p.proposal_id),"
	" (" EVENTS_OF DECISION_EVENTS
	" AND instr(e.body, '\"signed_with\":\"') > 0),"
	" (SELECT count(*) FROM receipts r"
	" WHERE r.proposal_id = p.proposal_id),"
	" (SELECT count(*) FROM events e INDEXED BY events_by_proposal"
	" WHERE e.proposal_id = p.proposal_id"
	" AND instr(e.body, '\"receipt_hash\":') > 0)"
	" FROM proposals p ORDER BY seq",
	check_counts},
};

#define STAGES (sizeof(stages) / sizeof(stages[0]))
_Static_assert(STAGES <= STAGE_MAX, "counts of all stages");

/* Counts and the first row that does not hold. What lies behind it was not
 * looked at: the chain means nothing from there on. */
static void
put_result(void *work, struct json_out *j)
{
	const struct walk *w = work;
	const struct err *bad = w->bad.code != 0 ? &w->bad : NULL;

	json_open(j, '{');
	json_field_bool(j, "ok", bad == NULL);
	for (size_t i = 0; i < STAGES; i++) {
		json_field_int(j, stages[i].name, w->counts[i]);
	}
	json_key(j, "first_bad");
	if (bad == NULL) {
		json_put_null(j);
	} else {
		json_open(j, '{');
		json_field_text(j, "table", stages[w->stage].name);
		json_field_int(
		    j, "row", w->st == NULL ? 0 : w->counts[w->stage] + 1);
		json_field_text(j, "code", err_reason(bad));
		json_field_text(j, "message", bad->msg);
		json_close(j, '}');
	}
	json_close(j, '}');
}

/* The next row: 1 checked, 0 no more of them or one that does not hold. */
static int
step(void *work, struct err *e)
{
	struct walk *w = work;
	int rc;

	if (w->st == NULL &&
	    sqlite3_prepare_v2(w->store->reader, stages[w->stage].select, -1,
		&w->st, NULL) != SQLITE_OK) {
		return store_error(w->store->reader, e, "be read");
	}
	rc = sqlite3_step(w->st);
	if (rc == SQLITE_ROW) {
		/* Memory for one row, however long the record is. */
		arena_reset(w->arena);
		rc = stages[w->stage].check(w, &w->bad);
		if (rc == 0) {
			w->counts[w->stage]++;
		}
		return rc == 0 ? 1 : 0;
	}
	if (rc != SQLITE_DONE) {
		return store_error(w->store->reader, e, "be read");
	}
	(void)sqlite3_finalize(w->st);
	w->st = NULL;
	if (w->stage == 0 && w->anchor_id > w->last_id) {
		(void)bad_row(&w->bad, "ANCHOR_MISSING",
		    "the entry that the anchor names is gone: the end of the "
		    "chain was cut off");
		return 0;
	}
	return ++w->stage < STAGES ? 1 : 0;
}

/* By events, which are most of it. */
static unsigned
percent(const void *work, const char **phase)
{
	const struct walk *w = work;

	*phase = "verifying";
	return w->store->last_event_id == 0
		   ? 100
		   : (unsigned)(w->last_id * 100 / w->store->last_event_id);
}

static void
free_walk(void *work)
{
	struct walk *w = work;

	(void)sqlite3_finalize(w->st);
	arena_free(&w->arena);
	free(w);
}

static struct walk *
walk_new(struct store *store, const uint8_t *key)
{
	struct walk *w = xcalloc(1, sizeof(*w));

	w->store = store;
	w->key = key;
	w->arena = arena_new();
	return w;
}

void
verify_start(struct conn *c, uint32_t id, struct span anchor)
{
	static const struct slice_ops ops = {
	    step, put_result, percent, free_walk};
	struct walk *w =
	    walk_new(&c->ledger->store, sign_key_public(c->ledger->key));
	struct err e = {0};

	if (take_anchor(w, anchor, &e) != 0) {
		conn_fail(c, id, &e, false);
		free_walk(w);
		return;
	}
	slices_start(c, id, &ops, w);
}

struct verify_copy *
verify_copy_new(struct store *copy, const struct sign_key *key)
{
	/* The same walk; the name keeps its inside to this file. */
	return (struct verify_copy *)walk_new(copy, sign_key_public(key));
}

int
verify_copy_step(struct verify_copy *v, struct err *e)
{
	struct walk *w = (struct walk *)v;
	int rc = step(w, e);

	if (rc == 0 && w->bad.code != 0) {
		*e = w->bad;
		return w->bad.code;
	}
	return rc;
}

void
verify_copy_free(struct verify_copy **v)
{
	if (*v != NULL) {
		free_walk(*v);
	}
	*v = NULL;
}

int
verify_file(struct store *file, const uint8_t key[PUBLIC_KEY_LEN],
    struct span anchor, struct buf *out, bool *holds, struct err *e)
{
	struct walk *w = walk_new(file, key);
	struct json_out j;
	int rc = take_anchor(w, anchor, e);

	if (rc == 0) {
		do {
			rc = step(w, e);
		} while (rc > 0);
	}
	if (rc == 0) {
		json_begin(&j, out, 0);
		put_result(w, &j);
		*holds = w->bad.code == 0;
	}
	free_walk(w);
	return rc;
}
