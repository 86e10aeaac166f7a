/* The commands of this folder, with their flags. */
#include "cli/benchmark/commands.h"

static const struct args_spec benchmark_spec[] = {ARG_JSON, ARG_HELP, ARG_END};

const struct command benchmark_commands[] = {
    {"benchmark", "mcp-efficiency", "",
	"Measure two fixed tool surfaces for one task", benchmark_spec,
	cmd_benchmark_mcp},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
