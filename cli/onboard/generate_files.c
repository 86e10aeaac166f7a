/* The smaller files, and the starter contract. */
#include "cli/onboard/generate.h"

#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/json_out.h"

/* A variable that is not needed has no line. */
static void
env_line(
    struct buf *out, const char *comment, const char *name, const char *value)
{
	if (name != NULL) {
		if (comment != NULL) {
			buf_printf(out, "# %s\n", comment);
		}
		buf_printf(out, "%s=\"%s\"\n", name, value);
	}
}

void
generate_env(const struct selection *s, struct buf *out)
{
	const char *engine = s->text[SEL_ENGINE];
	char read[64];
	char write[64];

	(void)snprintf(read, sizeof(read), "<%s-read-url>", engine);
	(void)snprintf(write, sizeof(write), "<%s-write-url>", engine);
	buf_puts(out,
	    "# Copy to .env, fill in, keep it out of version control.\n"
	    "# Load it with: set -a; . ./.env; set +a\n");
	env_line(out, NULL, s->text[SEL_READ_URL_ENV], read);
	if (selection_proposes(s) && selection_is(s, SEL_MODE, "review")) {
		env_line(out, NULL, s->text[SEL_WRITE_URL_ENV], write);
		env_line(out, "Where the application takes approved changes.",
		    s->text[SEL_HANDLER_URL_ENV],
		    "http://127.0.0.1:8787/synapsor/writeback");
		env_line(out, "What the application knows this caller by.",
		    s->text[SEL_HANDLER_TOKEN_ENV], "<handler-bearer-token>");
		env_line(out, "Shared with the application, to sign requests.",
		    s->text[SEL_HANDLER_SECRET_ENV],
		    "<handler-hmac-signing-secret>");
		env_line(out, "The command that makes approved changes.",
		    s->text[SEL_HANDLER_COMMAND_ENV],
		    "/usr/bin/node /srv/app/synapsor-command-handler.mjs "
		    "/srv/app/database-url");
	}
	env_line(out, NULL, s->text[SEL_TENANT_ENV], "acme");
	env_line(out, NULL, s->text[SEL_PRINCIPAL_ENV], "local_operator");
}

static const struct {
	const char *file;
	const char *parent; /* NULL: the entry is the whole file */
	bool says_type;
} clients[MCP_CLIENTS] = {
    [MCP_GENERIC] = {"generic-stdio.json", NULL, false},
    [MCP_CLAUDE_DESKTOP] = {"claude-desktop.json", "mcpServers", false},
    [MCP_CURSOR] = {"cursor.json", "mcpServers", false},
    [MCP_VSCODE] = {"vscode.json", "servers", true},
};

const char *
mcp_client_file(enum mcp_client client)
{
	return clients[client].file;
}

void
generate_client(enum mcp_client client, const char *config, const char *store,
    struct buf *out)
{
	const char *words[] = {
	    "mcp", "serve", "--config", config, "--store", store};
	const char *parent = clients[client].parent;
	struct json_out j;

	json_begin(&j, out, 2);
	json_open(&j, '{');
	if (parent != NULL) {
		json_key(&j, parent);
		json_open(&j, '{');
		json_key(&j, "countersign");
		json_open(&j, '{');
	}
	if (clients[client].says_type) {
		json_field_text(&j, "type", "stdio");
	}
	json_field_text(&j, "command", "countersign");
	json_key(&j, "args");
	json_open(&j, '[');
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		json_put_text(&j, words[i]);
	}
	json_close(&j, ']');
	if (parent != NULL) {
		json_close(&j, '}');
		json_close(&j, '}');
	}
	json_close(&j, '}');
	buf_putc(out, '\n');
}

static const struct {
	const char *engine, *source, *schema, *read, *write;
} starters[] = {
    {"postgres", "app_postgres", "public", "APP_POSTGRES_READ_URL",
	"APP_POSTGRES_WRITE_URL"},
    {"mysql", "app_mysql", "app", "APP_MYSQL_READ_URL", "APP_MYSQL_WRITE_URL"},
    {"sqlite", "app_sqlite", "main", "APP_SQLITE_READ_URL",
	"APP_SQLITE_WRITE_URL"},
};

static const char starter_capability[] =
    "{\"name\": \"records.inspect_record\", \"kind\": \"read\","
    " \"source\": \"%s\","
    " \"target\": {\"schema\": \"%s\", \"table\": \"records\","
    " \"primary_key\": \"id\", \"tenant_key\": \"tenant_id\"},"
    " \"args\": {\"record_id\": {\"type\": \"string\", \"required\": true,"
    " \"max_length\": 128}}, \"lookup\": {\"id_from_arg\": \"record_id\"},"
    " \"visible_columns\": [\"id\", \"tenant_id\", \"updated_at\"],"
    " \"evidence\": \"required\", \"max_rows\": 1}";

static const char starter_text[] =
    "{\"version\": 1, \"mode\": \"%s\", \"storage\": {\"sqlite_path\": \"\"},"
    " \"sources\": {\"%s\": {\"engine\": \"%s\", \"read_url_env\": \"%s\","
    " \"write_url_env\": \"%s\", \"statement_timeout_ms\": 3000}},"
    " \"trusted_context\": {\"provider\": \"environment\", \"values\":"
    " {\"tenant_id_env\": \"SYNAPSOR_TENANT_ID\","
    " \"principal_env\": \"SYNAPSOR_PRINCIPAL\"}},"
    " \"capabilities\": [%s]}";

static const char starter_cloud[] =
    "{\"version\": 1, \"mode\": \"cloud\", \"storage\": {\"sqlite_path\":"
    " \"\"}, \"trusted_context\": {\"provider\": \"cloud_session\"},"
    " \"cloud\": {\"base_url_env\": \"SYNAPSOR_CLOUD_BASE_URL\","
    " \"runner_token_env\": \"SYNAPSOR_RUNNER_TOKEN\","
    " \"runner_id\": \"synapsor_runner_local\","
    " \"runner_version\": \"0.1.0\", \"project_id\": \"token_scope\","
    " \"adapter_id\": \"mcp.your_adapter\","
    " \"source_id\": \"src_replace_me\","
    " \"engines\": [\"postgres\", \"mysql\"],"
    " \"capabilities\": [\"adapter:read\", \"adapter:invoke\","
    " \"writeback:claim\", \"writeback:complete\"], \"session\": {}}}";

/* Pretty, with the store in its place. */
static void
put_starter(const char *text, const char *store, struct buf *out)
{
	struct arena *a = arena_new();
	struct json_doc doc;
	struct json_out j;

	if (json_scan(&doc, span_of(text), a, NULL) == 0) {
		json_begin(&j, out, 2);
		json_open(&j, '{');
		for (uint32_t n = 1; n < doc.count; n = doc.nodes[n + 1].next) {
			struct span key = json_string(&doc, n, a);

			json_key_span(&j, key);
			if (span_is(key, "storage")) {
				json_open(&j, '{');
				json_field_text(&j, "sqlite_path", store);
				json_close(&j, '}');
			} else {
				json_rewrite(&j, &doc, n + 1, a);
			}
		}
		json_close(&j, '}');
		buf_putc(out, '\n');
	}
	arena_free(&a);
}

int
generate_starter(const char *engine, const char *mode, const char *store,
    struct buf *out, struct err *e)
{
	const char *known[] = {"read_only", "shadow", "review", "cloud"};
	const struct names modes = {known, 4};
	size_t i = 0;
	char capability[1024];
	char text[2048];

	if (!names_have(&modes, mode)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--mode must be read_only, shadow, review or cloud");
	}
	while (i < sizeof(starters) / sizeof(starters[0]) &&
	       strcmp(starters[i].engine, engine) != 0) {
		i++;
	}
	if (i == sizeof(starters) / sizeof(starters[0])) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--engine must be postgres, mysql or sqlite");
	}
	if (strcmp(mode, "cloud") == 0) {
		put_starter(starter_cloud, store, out);
		return 0;
	}
	(void)snprintf(capability, sizeof(capability), starter_capability,
	    starters[i].source, starters[i].schema);
	(void)snprintf(text, sizeof(text), starter_text, mode,
	    starters[i].source, starters[i].engine, starters[i].read,
	    starters[i].write, capability);
	put_starter(text, store, out);
	return 0;
}
