#ifndef CS_CLI_AUDIT_COMMANDS_H
#define CS_CLI_AUDIT_COMMANDS_H

#include "cli/command.h"

int cmd_audit(const struct args *a, struct err *e);

#endif
