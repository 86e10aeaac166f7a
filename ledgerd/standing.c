#include "ledgerd/standing.h"

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/json_out.h"
#include "ledgerd/claims.h"
#include "ledgerd/rules/approval.h"
#include "ledgerd/store/events.h"

/* Load, check the owner, then everything that a decision checks, too: a state
 * that was written into the file is not told to anybody. */
static int
load(struct ledger *l, const struct msg_status *m, struct proposal *p,
    struct change_set *cs, struct err *e)
{
	int rc = CS_E_NOT_FOUND;

	/* "latest" is for people: for a model it would be somebody else's. */
	if (!span_is(m->proposal_id, "latest") &&
	    claims_fit(l, m->token, m->tenant, m->principal)) {
		rc = proposal_load(&l->store, m->proposal_id, l->scratch, p, e);
	}
	if (rc == CS_E_NOT_FOUND ||
	    (rc == 0 && (!span_equal(p->tenant_id, m->tenant) ||
			    !span_equal(p->principal, m->principal)))) {
		return err_set(e, CS_E_NOT_FOUND, "RESOURCE_NOT_FOUND",
		    "proposal not found");
	}
	if (rc == 0) {
		rc = proposal_check(p, l->scratch, cs, e);
	}
	return rc != 0 ? rc : proposal_check_state(&l->store, p, e);
}

/* Approved once, but nothing would be written any more. */
static bool
is_expired(
    struct ledger *l, const struct proposal *p, const struct change_set *cs)
{
	struct approvals approvals;
	struct err e = {0};

	return p->state == STATE_APPROVED &&
	       approval_collect(l, cs, &approvals, &e) != 0 &&
	       strcmp(err_reason(&e), "APPROVAL_EXPIRED") == 0;
}

static void
fill(struct ledger *l, const struct proposal *p, const struct change_set *cs,
    struct msg_stated *out)
{
	*out = (struct msg_stated){.proposal_id = p->proposal_id,
	    .action = p->action,
	    .target = span_of(arena_printf(l->scratch, "%.*s:%.*s",
		SPAN_ARGS(p->business_object), SPAN_ARGS(p->object_id))),
	    .state = span_of(state_name(p->state)),
	    .created_at = cs->created_at,
	    .updated_at = clock_text(p->updated_us, l->scratch),
	    .expired = is_expired(l, p, cs),
	    .changed = p->source_database_mutated,
	    .retryable = p->retryable};
}

int
standing_find(struct ledger *l, const struct msg_status *m,
    struct msg_stated *out, struct err *e)
{
	struct proposal p = {0};
	struct change_set cs = {0};
	int rc = load(l, m, &p, &cs, e);

	if (rc == 0) {
		fill(l, &p, &cs, out);
	}
	return rc;
}

/* State and event, both or none. */
static int
cancel(struct ledger *l, struct proposal *p, const struct change_set *cs,
    struct err *e)
{
	struct proposal_moved move = {.from = p->state,
	    .to = STATE_CANCELED,
	    .now_us = event_next_time(&l->store)};
	int rc = store_request_begin(&l->store, e);

	if (rc != 0) {
		return rc;
	}
	rc = proposal_move(&l->store, p->proposal_id, &move, e);
	if (rc == 0) {
		rc = proposal_event(&l->store, cs,
		    state_event_name(EVENT_CANCEL), cs->principal,
		    span_of("{\"source_database_mutated\":false}"), e);
	}
	store_request_end(&l->store, rc == 0);
	if (rc == 0) {
		p->state = move.to;
		p->updated_us = move.now_us;
		l->head_wanted = true;
	}
	return rc;
}

int
standing_withdraw(struct ledger *l, const struct msg_status *m,
    struct msg_stated *out, struct err *e)
{
	enum proposal_state to = STATES;
	struct proposal p = {0};
	struct change_set cs = {0};
	int rc = load(l, m, &p, &cs, e);

	if (rc == 0 && state_next(p.state, EVENT_CANCEL, &to)) {
		rc = cancel(l, &p, &cs, e);
	}
	if (rc == 0) {
		fill(l, &p, &cs, out);
	}
	return rc;
}
