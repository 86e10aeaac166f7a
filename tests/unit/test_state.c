/*
 * The state machine of a proposal, cell by cell: what is not written down here
 * must not be possible.
 */
#include "tests/unit/check.h"

#include "ledgerd/rules/state.h"

#define NO STATES

/* Rows: from, in the order of the enum; columns: events, the same. */
static const enum proposal_state expected[STATES][PROPOSAL_EVENTS] = {
    /* create, approve, reject, release, withdraw,
     * applied, already applied, conflict, failed, lost, cancel */
    /* By event, in their order: create, endorse, approve, reject, release,
     * withdraw, applied, already applied, conflict, failed, lost, revoke,
     * cancel. */
    [STATE_PENDING_REVIEW] = {NO, STATE_PENDING_REVIEW, STATE_APPROVED,
	STATE_REJECTED, NO, NO, NO, NO, NO, NO, NO, NO, STATE_CANCELED},
    [STATE_APPROVED] = {NO, NO, NO, STATE_REJECTED, STATE_PENDING_WORKER, NO,
	NO, NO, NO, NO, NO, NO, NO},
    [STATE_REJECTED] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO},
    [STATE_CANCELED] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO},
    [STATE_PENDING_WORKER] = {NO, NO, NO, NO, NO, STATE_APPROVED, STATE_APPLIED,
	STATE_APPLIED, STATE_CONFLICT, STATE_FAILED, STATE_OUTCOME_UNKNOWN,
	STATE_PENDING_WORKER, NO},
    /* Applied stays applied, whatever a later look-up says. */
    [STATE_APPLIED] = {NO, NO, NO, NO, NO, NO, NO, STATE_APPLIED, NO,
	STATE_APPLIED, STATE_APPLIED, NO, NO},
    [STATE_CONFLICT] = {NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO},
    [STATE_FAILED] = {NO, NO, NO, STATE_REJECTED, STATE_PENDING_WORKER, NO, NO,
	NO, NO, NO, NO, NO, NO},
    /* Never released again: only a look-up leads out. */
    [STATE_OUTCOME_UNKNOWN] = {NO, NO, NO, NO, NO, NO, STATE_APPLIED,
	STATE_APPLIED, STATE_CONFLICT, STATE_FAILED, STATE_OUTCOME_UNKNOWN, NO,
	NO},
};

static void
only_the_written_moves_are_possible(void **state)
{
	(void)state;
	for (unsigned s = 0; s < STATES; s++) {
		for (unsigned ev = 0; ev < PROPOSAL_EVENTS; ev++) {
			enum proposal_state to = NO;
			bool can = state_next((enum proposal_state)s,
			    (enum proposal_event)ev, &to);
			if (can != (expected[s][ev] != NO) ||
			    to != expected[s][ev]) {
				fail_msg("%s + %s",
				    state_name((enum proposal_state)s),
				    state_event_name((enum proposal_event)ev));
			}
		}
	}
}

static void
approval_is_the_only_way_to_a_writer(void **state)
{
	(void)state;
	for (unsigned s = 0; s < STATES; s++) {
		enum proposal_state to = NO;
		bool can =
		    state_next((enum proposal_state)s, EVENT_RELEASE, &to);
		assert_int_equal(can, s == STATE_APPROVED || s == STATE_FAILED);
	}
}

static const char *const state_words[STATES] = {"pending_review", "approved",
    "rejected", "canceled", "pending_worker", "applied", "conflict", "failed",
    "outcome_unknown"};
static const char *const event_words[PROPOSAL_EVENTS] = {"proposal_created",
    "proposal_approval_recorded", "proposal_approved", "proposal_rejected",
    "proposal_pending_worker", "proposal_withdrawn", "writeback_applied",
    "writeback_already_applied", "writeback_conflict", "writeback_failed",
    "writeback_outcome_unknown", "proposal_revocation_requested",
    "proposal_canceled"};

static void
names_are_those_of_0_1_1_and_read_back(void **state)
{
	enum proposal_state s;
	enum proposal_event ev;

	(void)state;
	for (unsigned i = 0; i < STATES; i++) {
		assert_string_equal(
		    state_name((enum proposal_state)i), state_words[i]);
		assert_true(state_from_name(span_of(state_words[i]), &s));
		assert_int_equal(s, i);
	}
	for (unsigned i = 0; i < PROPOSAL_EVENTS; i++) {
		assert_string_equal(
		    state_event_name((enum proposal_event)i), event_words[i]);
		assert_true(
		    state_event_from_name(span_of(event_words[i]), &ev));
		assert_int_equal(ev, i);
	}
	assert_false(state_from_name(LITERAL("Approved"), &s));
	assert_false(state_from_name(LITERAL(""), &s));
	assert_false(state_event_from_name(LITERAL("read_recorded"), &ev));
}

static void
an_equal_proposal_repeats_one_that_still_waits(void **state)
{
	static const bool active[STATES] = {[STATE_PENDING_REVIEW] = true,
	    [STATE_APPROVED] = true,
	    [STATE_PENDING_WORKER] = true,
	    [STATE_OUTCOME_UNKNOWN] = true};

	(void)state;
	for (unsigned i = 0; i < STATES; i++) {
		assert_int_equal(
		    state_is_active((enum proposal_state)i), active[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_the_written_moves_are_possible),
	    cmocka_unit_test(approval_is_the_only_way_to_a_writer),
	    cmocka_unit_test(names_are_those_of_0_1_1_and_read_back),
	    cmocka_unit_test(an_equal_proposal_repeats_one_that_still_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
