#include "cli/command.h"

#include <stddef.h>

/* Each folder lists its own commands; this is the order of the help. */
extern const struct command onboard_commands[];
extern const struct command serve_commands[];
extern const struct command check_commands[];
extern const struct command ledger_commands[];
extern const struct command client_commands[];
extern const struct command audit_commands[];
extern const struct command demo_commands[];
extern const struct command shadow_commands[];
extern const struct command benchmark_commands[];
extern const struct command help_commands[];

const struct command *const command_tables[] = {
    onboard_commands,
    serve_commands,
    check_commands,
    ledger_commands,
    client_commands,
    audit_commands,
    demo_commands,
    shadow_commands,
    benchmark_commands,
    help_commands,
    NULL,
};

const struct command *
command_next(const struct command *c)
{
	size_t table = 0;

	if (c == NULL) {
		return command_tables[0];
	}
	if (c[1].group != NULL) {
		return c + 1;
	}
	/* The end of one table: which one was it? */
	while (command_tables[table] != NULL) {
		const struct command *end = command_tables[table++];
		while (end->group != NULL) {
			end++;
		}
		if (end == c + 1) {
			return command_tables[table];
		}
	}
	return NULL;
}
