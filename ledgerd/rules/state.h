/*
 * The state machine of a proposal, as one table: which event may move it from
 * where to where. Nothing else changes a state.
 */
#ifndef CS_LEDGERD_RULES_STATE_H
#define CS_LEDGERD_RULES_STATE_H

#include "common/base/span.h"

enum proposal_state {
	STATE_PENDING_REVIEW,
	STATE_APPROVED,
	STATE_REJECTED,
	STATE_CANCELED,
	STATE_PENDING_WORKER,
	STATE_APPLIED,
	STATE_CONFLICT,
	STATE_FAILED,
	STATE_OUTCOME_UNKNOWN,
	STATES
};

enum proposal_event {
	EVENT_CREATE,
	EVENT_ENDORSE, /* one of several approvals that are needed */
	EVENT_APPROVE,
	EVENT_REJECT,
	EVENT_RELEASE,  /* job handed to a writer */
	EVENT_WITHDRAW, /* released, but never reached a writer */
	EVENT_APPLIED,  /* receipts */
	EVENT_ALREADY_APPLIED,
	EVENT_CONFLICT,
	EVENT_FAILED,
	EVENT_LOST,   /* the writer went away while it had the job */
	EVENT_REVOKE, /* rejected while a writer has it: it is told to stop */
	EVENT_CANCEL, /* taken back by whoever proposed it */
	PROPOSAL_EVENTS
};

/* What the ledger and 0.1.1's documents call them. */
const char *state_name(enum proposal_state state);
bool state_from_name(struct span name, enum proposal_state *out);

/* The name under which an event is recorded: "proposal_approved" … */
const char *state_event_name(enum proposal_event event);
/* EVENT of a recorded kind; false for kinds that move nothing. */
bool state_event_from_name(struct span kind, enum proposal_event *out);

/* Where `event` leads from `state`; false when it is not possible, and then
 * *out is as it was. */
bool state_next(enum proposal_state state, enum proposal_event event,
    enum proposal_state *out);

/* Is the proposal still waiting for something, so that an equal one is a
 * repetition of it? */
bool state_is_active(enum proposal_state state);

#endif
