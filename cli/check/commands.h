/* The functions behind this folder's commands. */
#ifndef CS_CLI_CHECK_COMMANDS_H
#define CS_CLI_CHECK_COMMANDS_H

#include "cli/command.h"

int cmd_config_validate(const struct args *a, struct err *e);
int cmd_writeback_migration(const struct args *a, struct err *e);
int cmd_writeback_grants(const struct args *a, struct err *e);
int cmd_config_show(const struct args *a, struct err *e);
int cmd_config_migrate(const struct args *a, struct err *e);
int cmd_config_explain(const struct args *a, struct err *e);
int cmd_tools_preview(const struct args *a, struct err *e);
int cmd_mcp_smoke(const struct args *a, struct err *e);
int cmd_smoke_call(const struct args *a, struct err *e);
int cmd_propose(const struct args *a, struct err *e);
int cmd_doctor(const struct args *a, struct err *e);
int cmd_source_doctor(const struct args *a, struct err *e);
int cmd_writeback_doctor(const struct args *a, struct err *e);

#endif
