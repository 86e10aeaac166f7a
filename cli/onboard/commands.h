/*
 * From a database's URL to tools.
 */
#ifndef CS_CLI_ONBOARD_COMMANDS_H
#define CS_CLI_ONBOARD_COMMANDS_H

#include <stdbool.h>

#include "cli/command.h"

int cmd_inspect(const struct args *a, struct err *e);
int cmd_init(const struct args *a, struct err *e);
int cmd_onboard_db(const struct args *a, struct err *e);
int cmd_start(const struct args *a, struct err *e);
int cmd_recipes_list(const struct args *a, struct err *e);
int cmd_recipes_show(const struct args *a, struct err *e);
int cmd_recipes_init(const struct args *a, struct err *e);

/* Do the flags say that nobody shall be asked? */
bool init_is_scripted(const struct args *a);

#endif
