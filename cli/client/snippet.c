#include "cli/client/snippet.h"

static const struct client clients[] = {
    {"generic", NULL, NULL, SHAPE_PLAIN, IN_NOTHING, false},
    {"generic-stdio", NULL, NULL, SHAPE_PLAIN, IN_NOTHING, false},
    {"claude-desktop", "mcpServers", "Claude/claude_desktop_config.json",
	SHAPE_MAP, IN_CONFIG, false},
    {"claude", "mcpServers", "Claude/claude_desktop_config.json", SHAPE_MAP,
	IN_CONFIG, false},
    {"claude-code", "mcpServers", ".mcp.json", SHAPE_MAP, IN_PROJECT, true},
    {"cursor", "mcpServers", ".cursor/mcp.json", SHAPE_MAP, IN_HOME, false},
    {"vscode", "servers", "Code/User/mcp.json", SHAPE_MAP, IN_CONFIG, true},
    {"openai-agents", NULL, NULL, SHAPE_AGENTS, IN_NOTHING, false},
};

static const char prompt[] =
    "Work propose-first. Inspect evidence before you propose a change. A "
    "proposal does not commit anything: a person approves it outside of MCP, "
    "and a writer applies it. You cannot approve or apply through MCP. Never "
    "say that something was committed unless a result says "
    "source_database_changed: true. On VERSION_CONFLICT inspect again before "
    "you propose again. Evidence and replay handles are for audit; repeat "
    "them to the user. ";

const struct client *
client_find(const char *name)
{
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		if (strcmp(clients[i].name, name) == 0) {
			return &clients[i];
		}
	}
	return NULL;
}

static void
put_arg(struct json_out *j, const char *flag, const char *value)
{
	json_put_text(j, flag);
	if (value != NULL) {
		json_put_text(j, value);
	}
}

static void
put_args(const struct snippet *s, struct json_out *j)
{
	json_key(j, "args");
	json_open(j, '[');
	json_put_text(j, "mcp");
	if (s->socket != NULL) {
		json_put_text(j, "connect");
		put_arg(j, "--socket", s->socket);
	} else {
		json_put_text(
		    j, s->is_http ? "serve-streamable-http" : "serve");
		put_arg(j, "--config", s->config);
		put_arg(j, "--store", s->store);
		if (s->is_http) {
			put_arg(j, "--host", s->host);
			put_arg(j, "--port", s->port);
			put_arg(j, "--auth-token-env", s->token_env);
		}
		if (strcmp(s->alias, "canonical") != 0) {
			put_arg(j, "--alias-mode", s->alias);
		}
	}
	json_close(j, ']');
}

/* The members of {command, args}. */
static void
put_command(const struct snippet *s, struct json_out *j)
{
	json_field_text(j, "command", s->command);
	put_args(s, j);
}

void
snippet_put_entry(const struct snippet *s, struct json_out *j)
{
	json_open(j, '{');
	if (s->client->has_type) {
		json_field_text(j, "type", "stdio");
	}
	put_command(s, j);
	json_close(j, '}');
}

static bool
shows_aliases(const struct snippet *s)
{
	return strcmp(s->alias, "canonical") != 0;
}

static void
put_instructions(const struct snippet *s, struct json_out *j)
{
	static const char *const checklist[] = {
	    "Call the inspect tool before the propose tool.",
	    "Tell the user the proposal id and that it waits for review.",
	    "Say that the source database is unchanged until it is applied.",
	    "After VERSION_CONFLICT inspect again; never repeat blindly."};
	struct buf text = BUF_INIT;

	buf_printf(&text, "%sTool names: %s.", prompt,
	    shows_aliases(s) ? "billing.inspect_invoice shows as "
			       "billing__inspect_invoice"
			     : "as in the contract, billing.inspect_invoice");
	json_key(j, "agent_instructions");
	json_open(j, '{');
	json_field_text(j, "target_client", s->client->name);
	json_field_text(j, "alias_mode", s->alias);
	json_field_text(j, "recommended_system_prompt", buf_text(&text));
	json_key(j, "checklist");
	json_open(j, '[');
	for (size_t i = 0; i < sizeof(checklist) / sizeof(checklist[0]); i++) {
		json_put_text(j, checklist[i]);
	}
	json_close(j, ']');
	json_close(j, '}');
	buf_clear(&text);
}

static void
put_sdk(const struct snippet *s, const char *url, struct json_out *j)
{
	struct buf text = BUF_INIT;

	json_key(j, "openai_agents_sdk");
	json_open(j, '{');
	json_field_text(j, "package", "openai-agents");
	json_field_text(j, "url", url);
	json_key(j, "headers_from_env");
	json_open(j, '{');
	buf_printf(&text, "Bearer $%s", s->token_env);
	json_field_text(j, "Authorization", buf_text(&text));
	json_close(j, '}');
	buf_reset(&text);
	buf_printf(&text,
	    "import os\n"
	    "from agents.mcp import MCPServerStreamableHttp\n\n"
	    "server = MCPServerStreamableHttp(params={\n"
	    "    \"url\": \"%s\",\n"
	    "    \"headers\": {\"Authorization\": "
	    "\"Bearer \" + os.environ[\"%s\"]},\n"
	    "})\n",
	    url, s->token_env);
	json_field_text(j, "python", buf_text(&text));
	json_close(j, '}');
	buf_clear(&text);
}

static void
put_agents(const struct snippet *s, struct json_out *j)
{
	static const char *const notes[] = {
	    "Start the server first; the SDK connects to its URL.",
	    "Set the token in both environments; it is in no file.",
	    "Tool names with a dot are refused by the API: keep the aliases.",
	    "Proposals wait for a person; nothing commits through MCP."};
	struct buf url = BUF_INIT;

	buf_printf(&url, "http://%s:%s/mcp", s->host, s->port);
	json_field_text(j, "transport", "streamable-http");
	json_key(j, "start_server");
	json_open(j, '{');
	put_command(s, j);
	json_key(j, "env");
	json_open(j, '{');
	json_field_text(j, s->token_env, "<set-a-random-local-token>");
	json_close(j, '}');
	json_close(j, '}');
	put_sdk(s, buf_text(&url), j);
	json_key(j, "tool_names");
	json_open(j, '{');
	json_field_text(j, "canonical", "billing.inspect_invoice");
	json_field_text(j, "model_visible_with_alias_mode_openai",
	    "billing__inspect_invoice");
	json_field_text(j, "alias_mode", s->alias);
	json_close(j, '}');
	json_key(j, "notes");
	json_open(j, '[');
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		json_put_text(j, notes[i]);
	}
	json_close(j, ']');
	buf_clear(&url);
}

void
snippet_put(const struct snippet *s, struct json_out *j)
{
	json_open(j, '{');
	if (s->client->shape == SHAPE_AGENTS) {
		put_agents(s, j);
	} else if (s->client->shape == SHAPE_MAP) {
		json_key(j, s->client->map);
		json_open(j, '{');
		json_key(j, s->entry);
		snippet_put_entry(s, j);
		json_close(j, '}');
	} else {
		put_command(s, j);
	}
	if (s->has_instructions) {
		put_instructions(s, j);
	}
	json_close(j, '}');
}
