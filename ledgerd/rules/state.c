#include "ledgerd/rules/state.h"

#include "common/base/xalloc.h"

/* By enum, like event_names. The words are in the file and in 0.1.1's
 * documents: they do not change. */
static const char *const state_names[] = {"pending_review", "approved",
    "rejected", "canceled", "pending_worker", "applied", "conflict", "failed",
    "outcome_unknown"};

static const char *const event_names[] = {"proposal_created",
    "proposal_approval_recorded", "proposal_approved", "proposal_rejected",
    "proposal_pending_worker", "proposal_withdrawn", "writeback_applied",
    "writeback_already_applied", "writeback_conflict", "writeback_failed",
    "writeback_outcome_unknown", "proposal_revocation_requested",
    "proposal_canceled"};

/* A settling job that finds the receipt leads out of outcome_unknown. */
static const struct {
	enum proposal_state from;
	enum proposal_event event;
	enum proposal_state to;
} moves[] = {
    {STATE_PENDING_REVIEW, EVENT_ENDORSE, STATE_PENDING_REVIEW},
    {STATE_PENDING_REVIEW, EVENT_APPROVE, STATE_APPROVED},
    {STATE_PENDING_REVIEW, EVENT_REJECT, STATE_REJECTED},
    /* Only before somebody decided: after that it is no longer only the
     * proposer's. */
    {STATE_PENDING_REVIEW, EVENT_CANCEL, STATE_CANCELED},
    {STATE_APPROVED, EVENT_REJECT, STATE_REJECTED},
    {STATE_APPROVED, EVENT_RELEASE, STATE_PENDING_WORKER},
    {STATE_FAILED, EVENT_RELEASE, STATE_PENDING_WORKER},
    {STATE_FAILED, EVENT_REJECT, STATE_REJECTED},
    {STATE_PENDING_WORKER, EVENT_WITHDRAW, STATE_APPROVED},
    /* What the writer reports says whether that came in time. */
    {STATE_PENDING_WORKER, EVENT_REVOKE, STATE_PENDING_WORKER},
    {STATE_PENDING_WORKER, EVENT_APPLIED, STATE_APPLIED},
    {STATE_PENDING_WORKER, EVENT_ALREADY_APPLIED, STATE_APPLIED},
    {STATE_PENDING_WORKER, EVENT_CONFLICT, STATE_CONFLICT},
    {STATE_PENDING_WORKER, EVENT_FAILED, STATE_FAILED},
    {STATE_PENDING_WORKER, EVENT_LOST, STATE_OUTCOME_UNKNOWN},
    {STATE_OUTCOME_UNKNOWN, EVENT_APPLIED, STATE_APPLIED},
    {STATE_OUTCOME_UNKNOWN, EVENT_ALREADY_APPLIED, STATE_APPLIED},
    {STATE_OUTCOME_UNKNOWN, EVENT_CONFLICT, STATE_CONFLICT},
    {STATE_OUTCOME_UNKNOWN, EVENT_FAILED, STATE_FAILED},
    {STATE_OUTCOME_UNKNOWN, EVENT_LOST, STATE_OUTCOME_UNKNOWN},
    /* A retry looks the receipt up again; applied stays applied. */
    {STATE_APPLIED, EVENT_ALREADY_APPLIED, STATE_APPLIED},
    {STATE_APPLIED, EVENT_FAILED, STATE_APPLIED},
    {STATE_APPLIED, EVENT_LOST, STATE_APPLIED},
};

const char *
state_name(enum proposal_state state)
{
	cs_assert(state < STATES);
	return state_names[state];
}

bool
state_from_name(struct span name, enum proposal_state *out)
{
	for (unsigned i = 0; i < STATES; i++) {
		if (span_is(name, state_names[i])) {
			*out = (enum proposal_state)i;
			return true;
		}
	}
	return false;
}

const char *
state_event_name(enum proposal_event event)
{
	cs_assert(event < PROPOSAL_EVENTS);
	return event_names[event];
}

bool
state_event_from_name(struct span kind, enum proposal_event *out)
{
	for (unsigned i = 0; i < PROPOSAL_EVENTS; i++) {
		if (span_is(kind, event_names[i])) {
			*out = (enum proposal_event)i;
			return true;
		}
	}
	return false;
}

bool
state_next(enum proposal_state state, enum proposal_event event,
    enum proposal_state *out)
{
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		if (moves[i].from == state && moves[i].event == event) {
			*out = moves[i].to;
			return true;
		}
	}
	return false;
}

/* Failed is not among them: whoever proposes the same again wants a new try. */
bool
state_is_active(enum proposal_state state)
{
	return state == STATE_PENDING_REVIEW || state == STATE_APPROVED ||
	       state == STATE_PENDING_WORKER || state == STATE_OUTCOME_UNKNOWN;
}
