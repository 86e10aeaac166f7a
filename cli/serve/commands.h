/* The functions behind this folder's commands. */
#ifndef CS_CLI_SERVE_COMMANDS_H
#define CS_CLI_SERVE_COMMANDS_H

#include "cli/command.h"

int cmd_mcp_serve(const struct args *a, struct err *e);
int cmd_mcp_serve_streamable(const struct args *a, struct err *e);
int cmd_mcp_serve_bridge(const struct args *a, struct err *e);
int cmd_up(const struct args *a, struct err *e);
int cmd_mcp_connect(const struct args *a, struct err *e);

#endif
