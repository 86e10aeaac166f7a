/* mcp config, client-config, configure (cli-config.md §2.13). */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/check/boundary.h"
#include "cli/client/client_file.h"
#include "cli/client/commands.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "common/contract/contract.h"

#define DEFAULT_CONFIG "./countersign.json"
#define DEFAULT_STORE  "./.countersign/local.db"
#define DEFAULT_TOKEN  "SYNAPSOR_RUNNER_HTTP_TOKEN"

static const char *
text_or(const struct args *a, const char *name, const char *otherwise)
{
	const char *text = args_get(a, name);

	return text != NULL ? text : otherwise;
}

/* A path as it will be found from any folder. */
static const char *
absolute(const char *path, struct arena *arena)
{
	char folder[PATH_MAX];

	if (path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL) {
		return path;
	}
	return arena_printf(arena, "%s/%s", folder,
	    strncmp(path, "./", 2) == 0 ? path + 2 : path);
}

static int
choose_transport(struct snippet *s, const struct args *a, struct err *e)
{
	const char *transport = args_get(a, "transport");
	bool is_agents = s->client->shape == SHAPE_AGENTS;

	s->is_http = transport == NULL
			 ? is_agents
			 : strcmp(transport, "streamable-http") == 0;
	if (transport != NULL && !s->is_http &&
	    strcmp(transport, "stdio") != 0) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--transport is stdio or streamable-http, not %s",
		    transport);
	}
	if ((is_agents && !s->is_http) ||
	    (s->client->shape == SHAPE_MAP && s->is_http) ||
	    (s->socket != NULL && s->is_http)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "%s%s is configured over %s only", s->client->name,
		    s->socket != NULL ? " with --socket" : "",
		    is_agents && s->socket == NULL ? "streamable-http"
						   : "stdio");
	}
	return 0;
}

/* Names become keys and words of other programs' files. */
static int
check_words(const struct snippet *s, struct err *e)
{
	if (!str_is_env_name(span_of(s->token_env))) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--auth-token-env wants the name of a variable, not the "
		    "token");
	}
	if (!str_is_name(span_of(s->entry)) ||
	    str_to_number(s->port, 65535) <= 0 ||
	    s->host[strspn(s->host, "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ.:-[]")] !=
		'\0' ||
	    !utf8_is_valid(span_of(s->config)) ||
	    !utf8_is_valid(span_of(s->store))) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--name, --host, --port, --config or --store cannot be "
		    "used as it is");
	}
	return 0;
}

static int
fill(struct snippet *s, const struct args *a, const char *client, struct err *e)
{
	const char *found = NULL;
	int rc;

	/* Which one there is; that there is none is only a warning. */
	if (contract_find(NULL, &found, NULL) != 0) {
		found = DEFAULT_CONFIG;
	}
	*s = (struct snippet){.client = client_find(client),
	    .command = "countersign",
	    .config = text_or(a, "config", found),
	    .store = text_or(a, "store", DEFAULT_STORE),
	    .socket = args_get(a, "socket"),
	    .entry = text_or(a, "name", "countersign"),
	    .host = text_or(a, "host", "127.0.0.1"),
	    .port = text_or(a, "port", "8766"),
	    .token_env = text_or(a, "auth-token-env", DEFAULT_TOKEN),
	    .has_instructions = args_has(a, "include-instructions")};
	if (s->client == NULL) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "unsupported MCP client: %s", client);
	}
	rc = choose_transport(s, a, e);
	if (rc == 0) {
		rc = boundary_style(a, &s->alias, e);
	}
	/* The API behind it refuses dots. */
	if (rc == 0 && s->client->shape == SHAPE_AGENTS &&
	    args_get(a, "alias-mode") == NULL &&
	    args_get(a, "tool-name-style") == NULL) {
		s->alias = "openai";
	}

	return rc != 0 ? rc : check_words(s, e);
}

/* What does not depend on where the client is started. */
static int
make_absolute(struct snippet *s, struct arena *arena, struct err *e)
{
	char program[PATH_MAX];
	int rc = sibling_program("countersign", program, sizeof(program), e);

	if (rc == 0) {
		s->command = arena_strndup(arena, program, strlen(program));
		s->config = absolute(s->config, arena);
		s->store = absolute(s->store, arena);
		s->socket =
		    s->socket == NULL ? NULL : absolute(s->socket, arena);
	}
	return rc;
}

static void
print_snippet(const struct snippet *s, bool is_relative)
{
	struct buf out = BUF_INIT;
	struct json_out j;

	if (s->socket == NULL && access(s->config, F_OK) != 0) {
		(void)fprintf(
		    stderr, "warning: there is no %s yet\n", s->config);
	}
	if (is_relative && !s->is_http && s->socket == NULL) {
		(void)fprintf(stderr,
		    "warning: these paths depend on the folder in which the "
		    "client starts it; --absolute-paths\n");
	}
	(void)fprintf(stderr,
	    "Paste this into the configuration of %s. It "
	    "holds command lines only, no credentials.\n",
	    s->client->name);
	json_begin(&j, &out, 2);
	snippet_put(s, &j);
	buf_putc(&out, '\n');
	(void)fd_write_all(STDOUT_FILENO, out.data, out.len, -1);
	buf_clear(&out);
}

/* A file of the client's own is read from any folder. */
static int
edit_file(
    struct snippet *s, const struct args *a, struct arena *arena, struct err *e)
{
	const char *path = NULL;
	int rc = 0;

	if (s->client->shape != SHAPE_AGENTS || args_has(a, "undo")) {
		rc = client_file_path(
		    s->client, args_get(a, "destination"), &path, arena, e);
	}
	if (rc == 0 &&
	    (s->client->shape == SHAPE_MAP || args_has(a, "absolute-paths"))) {
		rc = make_absolute(s, arena, e);
	}
	if (rc != 0) {
		return rc;
	}
	return args_has(a, "undo")
		   ? client_file_undo(s, path, args_has(a, "yes"), arena, e)
		   : client_file_write(s, path, args_has(a, "yes"), arena, e);
}

static int
run(const struct args *a, const char *client, bool writes, struct err *e)
{
	struct arena *arena = arena_new();
	struct snippet s;
	bool is_absolute = args_has(a, "absolute-paths");
	int rc = fill(&s, a, client, e);

	if (rc == 0 && (writes || args_has(a, "undo"))) {
		rc = edit_file(&s, a, arena, e);
	} else if (rc == 0) {
		rc = is_absolute ? make_absolute(&s, arena, e) : 0;
		if (rc == 0) {
			print_snippet(&s, !is_absolute);
		}
	}
	arena_free(&arena);
	return rc;
}

int
cmd_mcp_config(const struct args *a, struct err *e)
{
	const char *client =
	    a->word_count > 0 ? a->words[0] : args_get(a, "client");

	/* 0.1.1 ignored --client here. */
	return run(a, client != NULL ? client : "claude-desktop",
	    args_has(a, "write"), e);
}

static int
named_client(const struct args *a, const char **out, struct err *e)
{
	*out = a->word_count > 0 ? a->words[0] : args_get(a, "client");
	return *out != NULL
		   ? 0
		   : err_set(e, CS_E_INVALID, "USAGE", "--client is needed");
}

int
cmd_mcp_client_config(const struct args *a, struct err *e)
{
	const char *client = NULL;
	int rc = named_client(a, &client, e);

	return rc != 0 ? rc : run(a, client, args_has(a, "write"), e);
}

/* Without a person and without --write or --yes it prints, as 0.1.1 did. */
int
cmd_mcp_configure(const struct args *a, struct err *e)
{
	const char *client = NULL;
	int rc = named_client(a, &client, e);
	bool writes = args_has(a, "write") || args_has(a, "yes") ||
		      args_has(a, "destination") || isatty(STDIN_FILENO) != 0;

	return rc != 0 ? rc : run(a, client, writes, e);
}
