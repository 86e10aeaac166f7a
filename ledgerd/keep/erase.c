#include "ledgerd/keep/erase.h"

#include "common/base/xalloc.h"
#include "ledgerd/slices.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/schema.h"

/* Events erased in one slice, and so in one event that says which they were;
 * and events looked at for them. */
#define BATCH  200
#define WINDOW 2000

struct erase {
	struct ledger *ledger;
	struct arena *arena;
	char *tenant;
	char *object_id;
	char *reason;
	char by[64];
	bool dry_run;
	bool proposals_done;
	int64_t at; /* last event that was looked at */
	int64_t events;
	int64_t proposals;
};

/* One statement with tenant and object; the first column of its last row, or
 * how many rows it changed, is added to *out. */
static int
run(struct erase *w, const char *sql, int64_t *out, struct err *e)
{
	sqlite3 *db = w->ledger->store.db;
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(st, 1, w->tenant, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(st, 2, w->object_id, -1, SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	if (rc == SQLITE_ROW) {
		*out += sqlite3_column_int64(st, 0);
	} else if (rc == SQLITE_DONE) {
		*out += sqlite3_changes(db);
	}
	(void)sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE
		   ? 0
		   : store_error(db, e, "be erased from");
}

#define OF_OBJECT "tenant_id = ?1 AND object_id = ?2"
#define THEIRS(table)                                                     \
	("DELETE FROM " table " WHERE proposal_id IN (SELECT proposal_id" \
	 " FROM proposals WHERE " OF_OBJECT ")")

/* Nobody may be waiting for one of them; and how many there are. */
static int
count_proposals(struct erase *w, struct err *e)
{
	int64_t waiting = 0;
	int rc = run(w,
	    "SELECT count(*) FROM proposals WHERE " OF_OBJECT
	    " AND state NOT IN ('applied', 'conflict', 'failed', 'rejected',"
	    " 'canceled')",
	    &waiting, e);

	if (rc == 0 && waiting > 0) {
		return err_set(e, CS_E_STATE, "ERASE_NOT_OVER",
		    "%lld proposal(s) about it wait for somebody; reject or "
		    "settle them first. Nothing was erased",
		    (long long)waiting);
	}
	return rc != 0
		   ? rc
		   : run(w, "SELECT count(*) FROM proposals WHERE " OF_OBJECT,
			 &w->proposals, e);
}

/* Those with a body in the next window, as ",12,15,". */
static int
find_events(struct erase *w, struct buf *ids, struct err *e)
{
	sqlite3 *db = w->ledger->store.db;
	sqlite3_stmt *st = NULL;
	int64_t end = w->at + WINDOW;
	int found = 0;
	int rc = sqlite3_prepare_v2(db,
	    "SELECT event_id FROM events WHERE event_id > ?3"
	    " AND event_id <= ?5 AND tenant = ?1"
	    " AND object_id = ?2 AND body IS NOT NULL"
	    " AND body <> CAST('" ERASED_BODY "' AS BLOB)"
	    " ORDER BY event_id LIMIT ?4",
	    -1, &st, NULL);

	if (rc != SQLITE_OK) {
		return store_error(db, e, "be read");
	}
	(void)sqlite3_bind_text(st, 1, w->tenant, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 2, w->object_id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 3, w->at);
	(void)sqlite3_bind_int(st, 4, BATCH);
	(void)sqlite3_bind_int64(st, 5, end);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		w->at = stmt_int(st, 0);
		found++;
		buf_printf(
		    ids, "%s%lld,", ids->len == 0 ? "," : "", (long long)w->at);
	}
	(void)sqlite3_finalize(st);
	if (rc != SQLITE_DONE) {
		return store_error(db, e, "be read");
	}
	w->at = found < BATCH ? end : w->at;
	w->events += found;
	return 0;
}

/* The event that says so comes first; then the proposals, or the bodies, which
 * would be damage without it. */
static int
record(struct erase *w, const struct buf *ids, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc;

	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_text(&j, "tenant", w->tenant);
	json_field_text(&j, "reason", w->reason);
	json_field_int(&j, "proposals", w->proposals);
	json_field_span(&j, "events", buf_as_span(ids));
	json_close(&j, '}');
	rc = event_append(&w->ledger->store,
	    &(struct event_row){.kind = "erased",
		.actor = span_of(w->by),
		.proposal_id = span_of(ERASURES_ID),
		.body = buf_as_span(&body)},
	    e);
	buf_clear(&body);
	return rc;
}

static int
overwrite(struct erase *w, const struct buf *ids, struct err *e)
{
	sqlite3 *db = w->ledger->store.db;
	struct buf sql = BUF_INIT;
	int rc;

	/* The list has our own numbers only. */
	buf_printf(&sql,
	    "DROP TRIGGER IF EXISTS events_are_never_changed;"
	    "UPDATE events SET salt = x'', body = CAST('" ERASED_BODY
	    "' AS BLOB) WHERE event_id IN (%.*s);",
	    (int)ids->len - 2, ids->data + 1);
	rc = sqlite3_exec(db, sql.data, NULL, NULL, NULL) == SQLITE_OK &&
		     sqlite3_exec(db, ledger_schema, NULL, NULL, NULL) ==
			 SQLITE_OK
		 ? 0
		 : store_error(db, e, "be erased from");
	buf_clear(&sql);
	return rc;
}

static int
step_events(struct erase *w, struct err *e)
{
	struct buf ids = BUF_INIT;
	int rc = find_events(w, &ids, e);

	if (rc == 0 && ids.len > 0 && !w->dry_run) {
		rc = store_request_begin(&w->ledger->store, e);
		if (rc == 0) {
			rc = record(w, &ids, e);
			rc = rc == 0 ? overwrite(w, &ids, e) : rc;
			store_request_end(&w->ledger->store, rc == 0);
		}
		w->ledger->head_wanted = true;
	}
	buf_clear(&ids);
	return rc != 0 ? rc : w->at < w->ledger->store.last_event_id;
}

/* The documents about the object: they hold its values. */
static int
erase_proposals(struct erase *w, struct err *e)
{
	static const char *const removals[] = {THEIRS("decisions"),
	    THEIRS("jobs"), THEIRS("receipts"), THEIRS("proposals")};
	struct buf none = BUF_INIT;
	int64_t ignored = 0;
	int rc = record(w, &none, e);

	for (size_t i = 0;
	     i < sizeof(removals) / sizeof(removals[0]) && rc == 0; i++) {
		rc = run(w, removals[i], &ignored, e);
	}
	return rc;
}

/* Pages that fall free are overwritten, too. */
static int
step_proposals(struct erase *w, struct err *e)
{
	struct store *s = &w->ledger->store;
	int rc = count_proposals(w, e);

	if (rc != 0 || w->dry_run) {
		return rc;
	}
	if (sqlite3_exec(s->db, "PRAGMA secure_delete = ON", NULL, NULL,
		NULL) != SQLITE_OK) {
		return store_error(s->db, e, "be erased from");
	}
	rc = store_request_begin(s, e);
	if (rc == 0) {
		rc = erase_proposals(w, e);
		store_request_end(s, rc == 0);
	}
	return rc;
}

static int
step(void *work, struct err *e)
{
	struct erase *w = work;
	int rc;

	if (w->proposals_done) {
		return step_events(w, e);
	}
	w->proposals_done = true;
	rc = step_proposals(w, e);
	return rc != 0 ? rc : 1;
}

static void
put(void *work, struct json_out *j)
{
	const struct erase *w = work;

	json_open(j, '{');
	json_field_text(j, "tenant", w->tenant);
	json_field_text(j, "object_id", w->object_id);
	json_field_bool(j, "dry_run", w->dry_run);
	json_field_int(j, "proposals", w->proposals);
	json_field_int(j, "events", w->events);
	json_close(j, '}');
}

static unsigned
percent(const void *work, const char **phase)
{
	const struct erase *w = work;

	*phase = "erasing";
	return (unsigned)(w->at * 100 /
			  (w->ledger->store.last_event_id + WINDOW + 1));
}

static void
free_erase(void *work)
{
	struct erase *w = work;

	free(w->tenant);
	free(w->object_id);
	free(w->reason);
	arena_free(&w->arena);
	free(w);
}

void
erase_start(struct conn *c, uint32_t id, const struct person *person,
    const struct msg_erase *m)
{
	static const struct slice_ops ops = {step, put, percent, free_erase};
	struct erase *w;
	struct err e = {0};

	if (m->tenant.len == 0 || m->object_id.len == 0 || m->reason.len == 0) {
		(void)err_set(&e, CS_E_INVALID, "ERASE_INCOMPLETE",
		    "tenant, object and reason are wanted; nothing was erased");
		conn_fail(c, id, &e, false);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->ledger = c->ledger;
	w->arena = arena_new();
	w->tenant = xspandup(m->tenant);
	w->object_id = xspandup(m->object_id);
	w->reason = xspandup(m->reason);
	w->dry_run = m->dry_run;
	(void)snprintf(w->by, sizeof(w->by), "%s", person->user);
	slices_start(c, id, &ops, w);
}

bool
erase_covers(struct store *s, int64_t event_id)
{
	sqlite3_stmt *st = NULL;
	char id[32];
	bool covered = false;

	(void)snprintf(id, sizeof(id), ",%lld,", (long long)event_id);
	if (sqlite3_prepare_v2(s->reader,
		"SELECT 1 FROM events WHERE proposal_id = '" ERASURES_ID
		"' AND kind = 'erased' AND event_id > ?2"
		" AND instr(json_extract(CAST(body AS TEXT), '$.events'), ?1)"
		" > 0",
		-1, &st, NULL) == SQLITE_OK) {
		(void)sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 2, event_id);
		covered = sqlite3_step(st) == SQLITE_ROW;
	}
	(void)sqlite3_finalize(st);
	return covered;
}
