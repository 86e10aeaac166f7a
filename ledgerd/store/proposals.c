#include "ledgerd/store/proposals.h"

#include "common/base/arena.h"
#include "ledgerd/store/events.h"

void
proposal_from_row(sqlite3_stmt *st, struct arena *a, struct proposal *out)
{
	/* Columns 7 to 15, in the order of PROPOSAL_COLUMNS. */
	struct span *texts[] = {&out->tenant_id, &out->principal, &out->action,
	    &out->business_object, &out->object_id, &out->source_kind,
	    &out->source_id, &out->source_schema, &out->source_table};

	*out = (struct proposal){.state = STATES};
	out->proposal_id = arena_span(a, stmt_span(st, 0));
	out->proposal_version = stmt_int(st, 1);
	out->proposal_hash = arena_span(a, stmt_span(st, 2));
	out->contract_digest = arena_span(a, stmt_span(st, 3));
	/* The CHECK of the schema keeps unknown names out; a file that was
	 * edited with another tool fails proposal_check_state. */
	if (!state_from_name(stmt_span(st, 4), &out->state)) {
		out->state = STATE_CANCELED;
	}
	out->retryable = stmt_int(st, 5) != 0;
	out->attempt = stmt_int(st, 6);
	for (int i = 0; i < 9; i++) {
		*texts[i] = arena_span(a, stmt_span(st, 7 + i));
	}
	out->source_database_mutated = stmt_int(st, 16) != 0;
	out->evidence_id = arena_span(a, stmt_span(st, 17));
	out->change_set = arena_span(a, stmt_span(st, 18));
	out->created_us = stmt_int(st, 19);
	out->updated_us = stmt_int(st, 20);
}

/* For people who just proposed something and look at it. */
static int
resolve_latest(struct store *s, struct arena *a, struct span *id, struct err *e)
{
	int rc = stmt_run(s, STMT_PROPOSAL_LATEST, e, "");

	if (rc == SQLITE_ROW) {
		*id =
		    arena_span(a, stmt_span(s->stmts[STMT_PROPOSAL_LATEST], 0));
	}
	stmt_done(s, STMT_PROPOSAL_LATEST);
	if (rc == SQLITE_DONE) {
		return err_set(e, CS_E_NOT_FOUND, "PROPOSAL_NOT_FOUND",
		    "no proposals found in the local store");
	}
	return rc == SQLITE_ROW ? 0 : CS_E_UNAVAILABLE;
}

int
proposal_load(struct store *s, struct span id, struct arena *a,
    struct proposal *out, struct err *e)
{
	int rc;

	if (span_is(id, "latest")) {
		rc = resolve_latest(s, a, &id, e);
		if (rc != 0) {
			return rc;
		}
	}
	rc = stmt_run(s, STMT_PROPOSAL_GET, e, "t", id);
	if (rc == SQLITE_ROW) {
		proposal_from_row(s->stmts[STMT_PROPOSAL_GET], a, out);
	}
	stmt_done(s, STMT_PROPOSAL_GET);
	if (rc == SQLITE_DONE) {
		return err_set(e, CS_E_NOT_FOUND, "PROPOSAL_NOT_FOUND",
		    "proposal not found: %.*s", SPAN_ARGS(id));
	}
	return rc == SQLITE_ROW ? 0 : CS_E_UNAVAILABLE;
}

int
proposal_check(const struct proposal *p, struct arena *a, struct change_set *cs,
    struct err *e)
{
	int rc = change_set_parse(p->change_set, a, cs, e);
	const struct {
		struct span row;
		struct span document;
		const char *name;
	} pairs[] = {
	    {p->proposal_id, cs->proposal_id, "proposal_id"},
	    {p->proposal_hash, cs->hash, "proposal_hash"},
	    {p->tenant_id, cs->tenant, "tenant_id"},
	    {p->principal, cs->principal, "principal"},
	    {p->action, cs->action, "action"},
	    {p->business_object, cs->business_object, "business_object"},
	    {p->object_id, cs->object_id, "object_id"},
	    {p->source_kind, cs->source_kind, "source_kind"},
	    {p->source_id, cs->source_id, "source_id"},
	    {p->source_schema, cs->schema, "source_schema"},
	    {p->source_table, cs->table, "source_table"},
	    {p->evidence_id, cs->evidence_id, "evidence_id"},
	};

	if (rc != 0) {
		return rc;
	}
	/* The columns are there to be searched. They are not hashed, so an
	 * edit of one of them has to show here. */
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (!span_equal(pairs[i].row, pairs[i].document)) {
			return err_set(e, CS_E_INTEGRITY,
			    i == 1 ? "PROPOSAL_HASH_MISMATCH"
				   : "PROPOSAL_ROW_MISMATCH",
			    "the ledger's row says another %s than the change "
			    "set: it was edited",
			    pairs[i].name);
		}
	}
	return p->proposal_version == cs->proposal_version
		   ? 0
		   : err_set(e, CS_E_INTEGRITY, "PROPOSAL_VERSION_MISMATCH",
			 "the ledger's row says another version than the "
			 "change set");
}

int
proposal_check_state(struct store *s, const struct proposal *p, struct err *e)
{
	enum proposal_state state = STATES;
	int rc = stmt_run(s, STMT_EVENT_STATES, e, "t", p->proposal_id);
	bool sound = true;

	for (; rc == SQLITE_ROW; rc = stmt_next(s, STMT_EVENT_STATES, e)) {
		enum proposal_event event;
		if (!state_event_from_name(
			stmt_span(s->stmts[STMT_EVENT_STATES], 0), &event)) {
			continue;
		}
		/*
		 * Walk the same table as the daemon did. A creation in the
		 * middle, or an event that is not possible, is an edit as well.
		 */
		if (event == EVENT_CREATE && state == STATES) {
			state = STATE_PENDING_REVIEW;
		} else if (!state_next(state, event, &state)) {
			sound = false;
		}
	}
	stmt_done(s, STMT_EVENT_STATES);
	if (rc != SQLITE_DONE) {
		return CS_E_UNAVAILABLE;
	}
	if (!sound || state != p->state) {
		return err_set(e, CS_E_INTEGRITY, "PROPOSAL_STATE_MISMATCH",
		    "the ledger's row says %s, but its recorded events lead to "
		    "%s: it was edited",
		    state_name(p->state),
		    state < STATES ? state_name(state) : "nothing");
	}
	return 0;
}

int
proposal_add(struct store *s, const struct change_set *cs,
    const char *contract_digest, int64_t now_us, struct err *e)
{
	int rc = stmt_change(s, STMT_PROPOSAL_ADD, e,
	    "ttstttttttttt"
	    "bi",
	    cs->proposal_id, cs->hash, contract_digest, cs->tenant,
	    cs->principal, cs->action, cs->business_object, cs->object_id,
	    cs->source_kind, cs->source_id, cs->schema, cs->table,
	    cs->evidence_id, cs->stored, now_us);

	s->counts.moved[STATE_PENDING_REVIEW] += rc == 0 ? 1 : 0;
	return rc;
}

int
proposal_event(struct store *s, const struct change_set *cs, const char *kind,
    struct span actor, struct span body, struct err *e)
{
	return event_append(s,
	    &(struct event_row){.kind = kind,
		.actor = actor,
		.tenant = cs->tenant,
		.capability = cs->action,
		.object_id = cs->object_id,
		.proposal_id = cs->proposal_id,
		.body = body},
	    e);
}

int
proposal_move(struct store *s, struct span id,
    const struct proposal_moved *move, struct err *e)
{
	int rc = stmt_change(s, STMT_PROPOSAL_MOVE, e, "tssiii", id,
	    state_name(move->from), state_name(move->to), move->now_us,
	    (int64_t)move->retryable, (int64_t)move->mutated);

	s->counts.moved[move->to] += rc == 0 ? 1 : 0;
	return rc;
}
