#ifndef CS_CLI_CLIENT_COMMANDS_H
#define CS_CLI_CLIENT_COMMANDS_H

#include "cli/command.h"

int cmd_mcp_config(const struct args *a, struct err *e);
int cmd_mcp_client_config(const struct args *a, struct err *e);
int cmd_mcp_configure(const struct args *a, struct err *e);

#endif
