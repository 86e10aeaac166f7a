/* The commands of this folder, with their flags. */
#include "cli/client/commands.h"

static const struct args_spec client_spec[] = {ARG_STORE, ARG_CONFIG,
    {"client", ARGS_VALUE,
	"generic, claude-desktop, claude-code, cursor, vscode or "
	"openai-agents"},
    {"name", ARGS_VALUE, "the entry's name (countersign)"},
    {"socket", ARGS_VALUE, "connect to mcpd's Unix socket instead"},
    {"absolute-paths", ARGS_FLAG, "no path depends on the folder"},
    {"transport", ARGS_VALUE, "stdio or streamable-http"},
    {"alias-mode", ARGS_VALUE, "canonical, openai, both or flat"},
    {"tool-name-style", ARGS_VALUE, "the same"},
    {"openai-tool-aliases", ARGS_FLAG, "the same as --alias-mode openai"},
    {"host", ARGS_VALUE, "where the HTTP server listens (127.0.0.1)"},
    {"port", ARGS_VALUE, "its port (8766)"},
    {"auth-token-env", ARGS_VALUE,
	"variable with its token (SYNAPSOR_RUNNER_HTTP_TOKEN)"},
    {"include-instructions", ARGS_FLAG, "add a prompt for the agent"},
    {"write", ARGS_FLAG, "write it into the client's file"},
    {"destination", ARGS_VALUE, "that file, if not where the client has it"},
    {"undo", ARGS_FLAG, "take back what was written last"},
    {"yes", ARGS_FLAG, "do not ask"},
    {"json", ARGS_FLAG, "accepted: it is JSON"}, ARG_HELP, ARG_END};

const struct command client_commands[] = {
    {"mcp", "config", "[client]", "Print what an MCP client wants to be told",
	client_spec, cmd_mcp_config},
    {"mcp", "client-config", "", "The same, for --client", client_spec,
	cmd_mcp_client_config},
    {"mcp", "configure", "[client]", "Write it into the client's own file",
	client_spec, cmd_mcp_configure},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
