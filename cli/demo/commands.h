#ifndef CS_CLI_DEMO_COMMANDS_H
#define CS_CLI_DEMO_COMMANDS_H

#include "cli/command.h"

int cmd_demo(const struct args *a, struct err *e);
int cmd_demo_inspect(const struct args *a, struct err *e);

#endif
