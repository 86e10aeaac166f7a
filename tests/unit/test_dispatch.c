/*
 * ledgerd's dispatch tables and the authority matrix say the same: there is a
 * handler for everything that a role may send, and nothing else to reach.
 */
#include "tests/unit/check.h"

#include "ledgerd/dispatch.h"

static const enum proto_role roles[] = {
    ROLE_MCPD, ROLE_WRITER, ROLE_HANDLER, ROLE_CONTROL};

/* HELLO and PING are answered before the tables are asked. */
static bool
needs_handler(const struct msg_info *info, enum proto_role role)
{
	return (info->senders & role) != 0 && info->type != MSG_HELLO &&
	       info->type != MSG_PING;
}

static void
every_message_of_a_role_has_a_handler_and_no_other(void **state)
{
	unsigned count = 0;
	const struct msg_info *table = msg_table(&count);

	(void)state;
	for (size_t r = 0; r < COUNT(roles); r++) {
		for (unsigned i = 0; i < count; i++) {
			bool found =
			    dispatch_find(roles[r], table[i].type) != NULL;
			if (found != needs_handler(&table[i], roles[r])) {
				fail_msg("%s %s", proto_role_name(roles[r]),
				    table[i].name);
			}
		}
	}
}

static void
no_other_number_has_a_handler(void **state)
{
	(void)state;
	for (size_t r = 0; r < COUNT(roles); r++) {
		for (unsigned type = 0; type <= UINT16_MAX; type++) {
			if (msg_info((uint16_t)type) == NULL) {
				assert_true(dispatch_find(roles[r],
						(uint16_t)type) == NULL);
			}
		}
	}
}

/* The sentence of the design, as code: mcpd's table has no approve and no
 * claim in it to reach. */
static void
the_model_facing_role_can_neither_decide_nor_claim(void **state)
{
	static const uint16_t never[] = {
	    MSG_DECIDE, MSG_APPLY, MSG_CLAIM, MSG_REPORT, MSG_QUERY, MSG_SHOW};

	(void)state;
	for (size_t i = 0; i < COUNT(never); i++) {
		assert_true(dispatch_find(ROLE_MCPD, never[i]) == NULL);
	}
	assert_true(dispatch_find(ROLE_WRITER, MSG_DECIDE) == NULL);
	assert_true(dispatch_find(ROLE_WRITER, MSG_PROPOSE) == NULL);
	assert_true(dispatch_find(ROLE_HANDLER, MSG_DECIDE) == NULL);
	assert_true(dispatch_find(ROLE_HANDLER, MSG_OBSERVED) == NULL);
	assert_true(dispatch_find(ROLE_CONTROL, MSG_CLAIM) == NULL);
	assert_true(dispatch_find(ROLE_CONTROL, MSG_PROPOSE) == NULL);
}

static void
no_message_stands_twice_in_a_table(void **state)
{
	static const struct dispatch_row *const tables[] = {
	    dispatch_mcpd, dispatch_writer, dispatch_handler, dispatch_control};

	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++) {
		const struct dispatch_row *row = tables[t];
		for (; row->handler != NULL; row++) {
			const struct dispatch_row *other = row + 1;
			for (; other->handler != NULL; other++) {
				assert_int_not_equal(row->type, other->type);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		every_message_of_a_role_has_a_handler_and_no_other),
	    cmocka_unit_test(no_other_number_has_a_handler),
	    cmocka_unit_test(
		the_model_facing_role_can_neither_decide_nor_claim),
	    cmocka_unit_test(no_message_stands_twice_in_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
