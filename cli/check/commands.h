/* The functions behind this folder's commands. */
#ifndef CS_CLI_CHECK_COMMANDS_H
#define CS_CLI_CHECK_COMMANDS_H

#include "cli/command.h"

int cmd_config_validate(const struct args *a, struct err *e);
int cmd_writeback_migration(const struct args *a, struct err *e);
int cmd_writeback_grants(const struct args *a, struct err *e);
int cmd_source_doctor(const struct args *a, struct err *e);
int cmd_writeback_doctor(const struct args *a, struct err *e);

#endif
