/* The commands of this folder, with their flags. */
#include "cli/audit/commands.h"

static const struct args_spec audit_spec[] = {
    {"example", ARGS_VALUE, "a built-in example: dangerous-db-mcp"},
    {"url", ARGS_VALUE, "a server over HTTP"},
    {"stdio", ARGS_VALUE, "a command that serves on its standard streams"},
    {"mcp-config", ARGS_VALUE, "a client's configuration file"},
    {"live", ARGS_FLAG, "start the servers of a client's configuration"},
    {"format", ARGS_VALUE, "text, json, markdown or sarif"}, ARG_JSON,
    {"output", ARGS_VALUE, "write the report to this file"},
    {"force", ARGS_FLAG, "replace the file of --output"},
    {"fail-on", ARGS_VALUE,
	"exit 1 for findings of high, medium or low (never)"},
    {"timeout-ms", ARGS_VALUE, "how long a server may take (5000)"},
    {"bearer-env", ARGS_VALUE,
	"variable with the bearer token (SYNAPSOR_MCP_AUDIT_BEARER)"},
    {"pass-env", ARGS_VALUE, "variables that a started server gets, A,B"},
    {"allow-plain-http", ARGS_FLAG, "http beyond this machine"}, ARG_HELP,
    ARG_END};

const struct command audit_commands[] = {
    {"audit", NULL, "[file|url|stdio:command]",
	"Review the tools of an MCP server", audit_spec, cmd_audit},
    {"mcp", "audit", "[file|url|stdio:command]", "The same", audit_spec,
	cmd_audit},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
