#ifndef CS_CLI_BENCHMARK_COMMANDS_H
#define CS_CLI_BENCHMARK_COMMANDS_H

#include "cli/command.h"

int cmd_benchmark_mcp(const struct args *a, struct err *e);

#endif
