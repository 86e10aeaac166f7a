/* The commands of this folder, with their flags. */
#include "cli/serve/commands.h"

static const struct args_spec serve_spec[] = {ARG_STORE, ARG_CONFIG,
    {"transport", ARGS_VALUE, "stdio, streamable-http, json-rpc-http or unix"},
    {"host", ARGS_VALUE, "address to listen on (127.0.0.1)"},
    {"port", ARGS_VALUE, "port (8766; json-rpc-http 8765)"},
    {"auth-token-env", ARGS_VALUE,
	"variable with the bearer token (SYNAPSOR_RUNNER_HTTP_TOKEN)"},
    {"auth-token-previous-env", ARGS_VALUE,
	"variable with the token that is being replaced"},
    {"metrics-token-env", ARGS_VALUE, "variable with the token of /metrics"},
    {"dev-no-auth", ARGS_FLAG, "no token; loopback addresses only"},
    {"allowed-host", ARGS_VALUE, "names in Host, comma-separated"},
    {"allowed-origin", ARGS_VALUE, "origins, comma-separated"},
    {"cors-origin", ARGS_VALUE, "the origin that browsers may call from"},
    {"behind-tls-proxy", ARGS_FLAG, "a proxy in front speaks TLS"},
    {"tls-cert", ARGS_VALUE, "certificate chain, PEM"},
    {"tls-key", ARGS_VALUE, "variable or credential with the private key"},
    {"tls-client-ca", ARGS_VALUE, "clients need a certificate of this CA"},
    {"max-connections", ARGS_VALUE, "more are answered 503 (1024)"},
    {"max-per-identity", ARGS_VALUE, "requests in flight of one caller (512)"},
    {"request-timeout", ARGS_VALUE, "seconds for a request to arrive (15)"},
    {"sessions", ARGS_FLAG, "issue Mcp-Session-Id"},
    {"session-idle-s", ARGS_VALUE, "a session ends unused after (1800)"},
    {"reuse-port", ARGS_FLAG, "several servers on one port"},
    {"socket", ARGS_VALUE, "path of the Unix socket"},
    {"allow-uid", ARGS_VALUE, "uids besides your own, comma-separated"},
    {"local", ARGS_FLAG, "accepted, means nothing"},
    {"read-only", ARGS_FLAG, "offer only reads"},
    {"result-format", ARGS_VALUE, "1 or 2"},
    {"tool-name-style", ARGS_VALUE, "canonical, openai, both or flat"},
    {"alias-mode", ARGS_VALUE, "the same as --tool-name-style"},
    {"no-writer", ARGS_FLAG, "do not start writerd"},
    {"log-format", ARGS_VALUE, "kv or json, on standard error"},
    {"accept-reduced-isolation", ARGS_FLAG,
	"run although this system cannot give the whole sandbox"},
    ARG_HELP, ARG_END};

static const struct args_spec connect_spec[] = {
    {"socket", ARGS_VALUE, "path of the socket that mcpd serves"}, ARG_HELP,
    ARG_END};

const struct command serve_commands[] = {
    {"mcp", "serve", "", "Serve the contract's tools to an MCP client",
	serve_spec, cmd_mcp_serve},
    {"mcp", "serve-streamable-http", "", "Serve over Streamable HTTP",
	serve_spec, cmd_mcp_serve_streamable},
    {"mcp", "serve-http", "", "Serve 0.1.1's JSON-RPC bridge", serve_spec,
	cmd_mcp_serve_bridge},
    {"mcp", "connect", "", "Pipe an MCP client to a Unix socket", connect_spec,
	cmd_mcp_connect},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
