/*
 * store prune: first the proposals that are over and old, with their decisions,
 * jobs and receipts; then every old event that no proposal needs any more, run
 * by run, each run buried under a signed tombstone. What waits for a decision
 * or a writer stays, with all its events, however old it is.
 */
#include "common/base/clock.h"
#include "common/base/xalloc.h"
#include "ledgerd/documents.h"
#include "ledgerd/keep/keep.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/tombstones.h"

#define RUN_MAX   500 /* events of one transaction */
#define USER_SIZE 64

/* Over, and older than ?2. An unknown outcome is not over. */
#define IS_OVER                                                      \
	"(p.state IN ('applied', 'conflict', 'failed', 'rejected', " \
	"'canceled')"                                                \
	" AND p.updated_us < ?2)"

enum phase {
	PHASE_PROPOSALS,
	PHASE_EVENTS
};

/* What goes with a proposal. */
enum part {
	PART_APPROVALS,
	PART_JOBS,
	PART_RECEIPTS,
	PART_PROPOSALS,
	PARTS
};

static const struct {
	const char *key; /* 0.1.1's name */
	const char *count;
	const char *remove;
} parts[PARTS] = {
    {"approvals", "SELECT count(*) FROM decisions WHERE proposal_id = ?1",
	"DELETE FROM decisions WHERE proposal_id = ?1"},
    {"writeback_jobs", "SELECT count(*) FROM jobs WHERE proposal_id = ?1",
	"DELETE FROM jobs WHERE proposal_id = ?1"},
    {"writeback_receipts",
	"SELECT count(*) FROM receipts WHERE proposal_id = ?1",
	"DELETE FROM receipts WHERE proposal_id = ?1"},
    {"proposals", "SELECT count(*) FROM proposals WHERE proposal_id = ?1",
	"DELETE FROM proposals WHERE proposal_id = ?1"},
};

struct prune {
	struct ledger *ledger;
	enum phase phase;
	bool dry_run;
	int64_t cutoff_us;
	char cutoff[CLOCK_TEXT_SIZE];
	char by[USER_SIZE];
	int64_t at;          /* last seq or event that was looked at */
	uint8_t at_hash[32]; /* of that event */
	int64_t parts[PARTS];
	int64_t reads;
	int64_t events; /* of proposals */
	int64_t others;
	struct arena *arena;
};

/* Run a text of ours with a proposal id: rows changed, or the number. */
static int
run_for(struct prune *p, const char *sql, struct span id, int64_t *out,
    struct err *e)
{
	sqlite3 *db = p->ledger->store.db;
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(
		    st, 1, id.ptr, (int)id.len, SQLITE_STATIC);
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
		   : store_error(db, e, "be pruned");
}

/* One proposal with all that hangs on it. */
static int
remove_proposal(struct prune *p, struct span id, struct err *e)
{
	int64_t counts[PARTS] = {0};
	int rc = p->dry_run ? 0 : store_request_begin(&p->ledger->store, e);

	for (size_t i = 0; i < PARTS && rc == 0; i++) {
		rc = run_for(p, p->dry_run ? parts[i].count : parts[i].remove,
		    id, &counts[i], e);
	}
	if (!p->dry_run) {
		store_request_end(&p->ledger->store, rc == 0);
	}
	for (size_t i = 0; i < PARTS && rc == 0; i++) {
		p->parts[i] += counts[i];
	}
	return rc;
}

/* The next proposal that is over: 1, or 0 when there is none. */
static int
step_proposals(struct prune *p, struct err *e)
{
	sqlite3 *db = p->ledger->store.db;
	sqlite3_stmt *st = NULL;
	struct span id = {NULL, 0};
	int rc = sqlite3_prepare_v2(db,
	    "SELECT p.seq, p.proposal_id FROM proposals p WHERE p.seq > ?1"
	    " AND " IS_OVER " ORDER BY p.seq LIMIT 1",
	    -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, p->at);
		(void)sqlite3_bind_int64(st, 2, p->cutoff_us);
		rc = sqlite3_step(st);
	}
	if (rc == SQLITE_ROW) {
		p->at = stmt_int(st, 0);
		id = arena_span(p->arena, stmt_span(st, 1));
	}
	(void)sqlite3_finalize(st);
	if (rc == SQLITE_DONE) {
		return 0;
	}
	if (rc != SQLITE_ROW) {
		return store_error(db, e, "be read");
	}
	rc = remove_proposal(p, id, e);
	return rc == 0 ? 1 : rc;
}

/* Which events may go: old ones of no proposal that stays. Contracts stay,
 * because reads that stay are explained by them; what was pruned before, too.
 */
#define MAY_GO                                                                 \
	"(kind NOT IN ('contract_activated', 'ledger_pruned',"                 \
	" 'ledger_backed_up', 'frozen', 'thawed', 'erased') AND (proposal_id " \
	"IS NULL OR NOT EXISTS (SELECT"                                        \
	" 1 FROM proposals p WHERE p.proposal_id = events.proposal_id"         \
	" AND NOT " IS_OVER ")))"

/* What one look at the events found. */
struct found {
	struct tombstone run; /* last 0: none */
	int64_t reads, events, others;
	bool any;
};

/* One event: does it begin or lengthen the run? False ends the look. */
static bool
take_event(struct prune *p, sqlite3_stmt *st, struct found *f)
{
	int64_t id = stmt_int(st, 0);
	struct span hash = stmt_span(st, 1);
	bool may_go = stmt_int(st, 2) != 0;
	bool is_next = f->run.last != 0 && id == f->run.last + 1;
	struct tombstone before;

	if (hash.len != 32) {
		return false;
	}
	/* The end of a run; the event is looked at again in the next step. */
	if (f->run.last != 0 && (!may_go || !is_next)) {
		return false;
	}
	if (may_go && f->run.last == 0) {
		f->run.first = id;
		memcpy(f->run.before, p->at_hash, sizeof(f->run.before));
		if (id != p->at + 1) {
			if (!tombstone_ending(
				&p->ledger->store, id - 1, p->arena, &before)) {
				/* A gap that nothing explains is damage, and
				 * not buried. */
				return false;
			}
			memcpy(
			    f->run.before, before.after, sizeof(f->run.before));
		}
	}
	p->at = id;
	memcpy(p->at_hash, hash.ptr, sizeof(p->at_hash));
	f->any = true;
	if (may_go) {
		f->run.last = id;
		memcpy(f->run.after, hash.ptr, sizeof(f->run.after));
		f->reads += stmt_int(st, 3);
		f->events += stmt_int(st, 4);
		f->others += !stmt_int(st, 3) && !stmt_int(st, 4);
	}
	return true;
}

static int
look_at_events(struct prune *p, struct found *f, struct err *e)
{
	sqlite3 *db = p->ledger->store.db;
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db,
	    "SELECT event_id, hash, " MAY_GO ", kind = 'read_recorded',"
	    " kind <> 'read_recorded' AND proposal_id IS NOT NULL FROM events"
	    " WHERE event_id > ?1 AND at_us < ?2 ORDER BY event_id LIMIT ?3",
	    -1, &st, NULL);

	if (rc != SQLITE_OK) {
		return store_error(db, e, "be read");
	}
	(void)sqlite3_bind_int64(st, 1, p->at);
	(void)sqlite3_bind_int64(st, 2, p->cutoff_us);
	(void)sqlite3_bind_int(st, 3, RUN_MAX);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && take_event(p, st, f)) {
	}
	(void)sqlite3_finalize(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		return store_error(db, e, "be read");
	}
	if (!f->any && rc == SQLITE_ROW) {
		return err_set(e, CS_E_INTEGRITY, "EVENT_MISSING",
		    "an event behind number %lld was removed, or has no hash: "
		    "run 'countersign ledger verify'; nothing behind it was "
		    "pruned",
		    (long long)p->at);
	}
	return 0;
}

static int
step_events(struct prune *p, struct err *e)
{
	struct store *s = &p->ledger->store;
	struct found f = {.any = false};
	int rc = look_at_events(p, &f, e);

	if (rc == 0 && f.run.last != 0 && !p->dry_run) {
		rc = store_request_begin(s, e);
		if (rc == 0) {
			f.run.cutoff = p->cutoff;
			f.run.by = p->by;
			rc = tombstone_bury(
			    s, p->ledger->key, &f.run, p->arena, e);
			store_request_end(s, rc == 0);
		}
	}
	if (rc != 0) {
		return rc;
	}
	p->reads += f.reads;
	p->events += f.events;
	p->others += f.others;
	return f.any ? 1 : 0;
}

static int
step(void *work, struct err *e)
{
	struct prune *p = work;
	int rc;

	arena_reset(p->arena);
	rc = p->phase == PHASE_PROPOSALS ? step_proposals(p, e)
					 : step_events(p, e);
	if (rc == 0 && p->phase == PHASE_PROPOSALS) {
		p->phase = PHASE_EVENTS;
		p->at = 0;
		memset(p->at_hash, 0, sizeof(p->at_hash));
		return 1;
	}
	/* The end of the chain is signed with the last of it. */
	if (rc == 0 && !p->dry_run) {
		p->ledger->head_wanted = true;
	}
	return rc;
}

static void
put(void *work, struct json_out *j)
{
	struct prune *p = work;

	json_open(j, '{');
	json_field_text(j, "cutoff", p->cutoff);
	json_field_bool(j, "dry_run", p->dry_run);
	json_key(j, "deleted");
	json_open(j, '{');
	for (size_t i = 0; i < PARTS; i++) {
		json_field_int(j, parts[i].key, p->parts[i]);
	}
	json_field_int(j, "proposal_events", p->events);
	json_field_int(j, "evidence_bundles", p->reads);
	json_field_int(j, "evidence_items", p->reads);
	json_field_int(j, "query_audit", p->reads);
	json_field_int(j, "other_events", p->others);
	json_field_int(j, "replay_records", p->parts[PART_PROPOSALS]);
	json_close(j, '}');
	json_close(j, '}');
}

static unsigned
percent(const void *work, const char **phase)
{
	const struct prune *p = work;

	*phase = p->phase == PHASE_PROPOSALS ? "pruning proposals"
					     : "pruning events";
	return p->phase == PHASE_PROPOSALS
		   ? 0
		   : (unsigned)(p->at * 100 /
				(p->ledger->store.last_event_id + 1));
}

static void
free_prune(void *work)
{
	struct prune *p = work;

	arena_free(&p->arena);
	free(p);
}

/* That it is done is in the record before anything of it is. */
static int
record(struct prune *p, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc;

	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_text(&j, "cutoff", p->cutoff);
	json_close(&j, '}');
	rc = event_append(&p->ledger->store,
	    &(struct event_row){.kind = "ledger_pruned",
		.actor = span_of(p->by),
		.body = buf_as_span(&body)},
	    e);
	buf_clear(&body);
	return rc;
}

void
prune_start(struct conn *c, uint32_t id, const struct person *person,
    const struct msg_keep *m)
{
	static const struct slice_ops ops = {step, put, percent, free_prune};
	struct prune *p = xcalloc(1, sizeof(*p));
	struct err e = {0};

	p->ledger = c->ledger;
	p->dry_run = m->dry_run;
	p->cutoff_us = clock_now_us() - (int64_t)m->older_than_s * 1000000;
	clock_format(p->cutoff_us, p->cutoff);
	(void)snprintf(p->by, sizeof(p->by), "%s", person->user);
	p->arena = arena_new();
	if (!p->dry_run && record(p, &e) != 0) {
		conn_fail(c, id, &e, true);
		free_prune(p);
		return;
	}
	slices_start(c, id, &ops, p);
}
