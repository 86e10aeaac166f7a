/*
 * From a database's URL to tools.
 */
#ifndef CS_CLI_ONBOARD_COMMANDS_H
#define CS_CLI_ONBOARD_COMMANDS_H

#include <stdbool.h>

#include "cli/command.h"

struct selection;

int cmd_inspect(const struct args *a, struct err *e);
int cmd_init(const struct args *a, struct err *e);
int cmd_onboard_db(const struct args *a, struct err *e);
int cmd_start(const struct args *a, struct err *e);
int cmd_recipes_list(const struct args *a, struct err *e);
int cmd_recipes_show(const struct args *a, struct err *e);
int cmd_recipes_init(const struct args *a, struct err *e);
int cmd_handler_template(const struct args *a, struct err *e);

/* Do the flags say that nobody shall be asked? */
bool init_is_scripted(const struct args *a);

enum init_asks {
	INIT_ASK_ON_TERMINAL, /* countersign init */
	INIT_ASK,
	INIT_NEVER_ASK
};

/* Fill the selection in its arena and write what follows from it. */
int init_run(const struct args *a, enum init_asks asks, struct selection *s,
    struct err *e);

#endif
