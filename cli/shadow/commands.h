#ifndef CS_CLI_SHADOW_COMMANDS_H
#define CS_CLI_SHADOW_COMMANDS_H

#include "cli/command.h"

int cmd_shadow_list(const struct args *a, struct err *e);
int cmd_shadow_record(const struct args *a, struct err *e);
int cmd_shadow_compare(const struct args *a, struct err *e);
int cmd_shadow_report(const struct args *a, struct err *e);

#endif
