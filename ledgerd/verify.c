#include "ledgerd/verify.h"

#include "common/base/clock.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "ledgerd/documents.h"
#include "ledgerd/store/events.h"
#include "proto/decision.h"

/* How long one slice may keep the loop. */
#define SLICE_MS 10

struct walk;

/* One table of the record: its rows in order, and what must hold for each. */
struct stage {
	const char *name;
	const char *select;
	int (*check)(struct walk *w, struct err *e);
};

/* One verification in progress. It reads through the read-only connection,
 * so writers go on; each stage sees the file as of its first row. */
struct walk {
	struct ledger *ledger;
	uint32_t request_id;
	struct conn *conn; /* NULL once it went away */
	struct event *timer;
	size_t stage;
	sqlite3_stmt *st;
	struct arena *arena;
	int64_t counts[4];
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

	/* Numbers have no gaps, so a removed row shows even before the hash
	 * does. */
	if (row.event_id != w->last_id + 1) {
		return bad_row(
		    e, "EVENT_MISSING", "an event before this one was removed");
	}
	event_body_digest(stmt_span(st, 9), body, digest);
	/* A body that is NULL was erased on purpose; its digest stays in the
	 * chain, so only a body that is there can be false. */
	if (sqlite3_column_type(st, 10) != SQLITE_NULL &&
	    !span_equal(stored_digest,
		(struct span){(const char *)digest, sizeof(digest)})) {
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
	    verify_dsse(sign_key_public(w->ledger->key), DSSE_TYPE_HEAD,
		statement, (const uint8_t *)signature.ptr) != 0) {
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
		rc = proposal_check_state(&w->ledger->store, &p, e);
	}
	if (rc != 0) {
		err_context(e, "%.*s", SPAN_ARGS(p.proposal_id));
	}
	return rc;
}

/* Signed by this ledger's key, and about the proposal that it lies with. */
static int
check_decision(struct walk *w, struct err *e)
{
	struct span statement = stmt_span(w->st, 1);
	struct span signature = stmt_span(w->st, 2);
	struct decision d;

	if (signature.len != SIGNATURE_LEN ||
	    verify_dsse(sign_key_public(w->ledger->key), DSSE_TYPE_DECISION,
		statement, (const uint8_t *)signature.ptr) != 0 ||
	    decision_parse(statement, w->arena, &d, e) != 0 ||
	    !span_equal(d.proposal_id, stmt_span(w->st, 3))) {
		return bad_row(e, "APPROVAL_NOT_VERIFIED",
		    "a decision was not made by this ledger");
	}
	return 0;
}

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
	"SELECT decision_id, statement, signature, proposal_id FROM decisions"
	" ORDER BY decision_id",
	check_decision},
};

#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* Is the connection that asked still there? */
static bool
still_there(const struct walk *w)
{
	const struct conn *c;

	TAILQ_FOREACH (c, &w->ledger->conns, link) {
		if (c == w->conn) {
			return true;
		}
	}
	return false;
}

/* Counts and the first row that does not hold. What lies behind it was not
 * looked at: the chain means nothing from there on. */
static void
put_result(const struct walk *w, struct json_out *j, const struct err *bad)
{
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

/* Answer if somebody still waits, and free the walk. */
static void
finish(struct walk *w, const struct err *bad)
{
	struct buf document = BUF_INIT;
	struct json_out j;

	if (still_there(w)) {
		json_begin(&j, &document, 0);
		put_result(w, &j, bad);
		conn_document(w->conn, w->request_id, buf_as_span(&document));
		buf_clear(&document);
	}
	(void)sqlite3_finalize(w->st);
	event_free(w->timer);
	arena_free(&w->arena);
	free(w);
}

/* The next row: 1 checked, 0 no more stages, negative in *e. */
static int
step(struct walk *w, struct err *e)
{
	int rc;

	if (w->st == NULL && reader_prepare(w->ledger, stages[w->stage].select,
				 &w->st, e) != 0) {
		return CS_E_UNAVAILABLE;
	}
	rc = sqlite3_step(w->st);
	if (rc == SQLITE_ROW) {
		/* Memory for one row, however long the record is. */
		arena_reset(w->arena);
		rc = stages[w->stage].check(w, e);
		if (rc == 0) {
			w->counts[w->stage]++;
		}
		return rc == 0 ? 1 : rc;
	}
	if (rc != SQLITE_DONE) {
		return store_error(w->ledger->store.reader, e, "be read");
	}
	(void)sqlite3_finalize(w->st);
	w->st = NULL;
	return ++w->stage < STAGES ? 1 : 0;
}

static void
on_slice(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = {0, 1};
	struct walk *w = arg;
	int64_t until = clock_mono_ms() + SLICE_MS;
	struct err e = {0};
	int rc = 1;

	(void)fd;
	(void)what;
	while (rc == 1 && clock_mono_ms() < until) {
		rc = step(w, &e);
	}
	if (rc == 1 && still_there(w)) {
		(void)event_add(w->timer, &soon);
		return;
	}
	finish(w, rc < 0 ? &e : NULL);
}

void
verify_start(struct conn *c, uint32_t id)
{
	static const struct timeval now = {0, 0};
	struct walk *w = xcalloc(1, sizeof(*w));

	w->ledger = c->ledger;
	w->conn = c;
	w->request_id = id;
	w->arena = arena_new();
	w->timer = evtimer_new(c->ledger->base, on_slice, w);
	cs_assert(w->timer != NULL);
	(void)event_add(w->timer, &now);
}
