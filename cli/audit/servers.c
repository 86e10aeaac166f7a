/*
 * A client's configuration beside its tools: a server that leads to a database
 * directly, a credential in clear text, a server nobody has looked at.
 */
#include <strings.h>

#include "cli/audit/audit.h"
#include "common/base/arena.h"
#include "common/base/str.h"

/* Well-known servers that give a model SQL; parts of their command line. */
static const char *const database_servers[] = {"server-postgres",
    "postgres-mcp", "mcp-postgres", "mcp-server-mysql", "mysql-mcp",
    "mcp-server-sqlite", "server-sqlite", "mssql-mcp", "mcp-mssql",
    "mcp-alchemy", "dbhub", "mcp-toolbox", "mongodb-mcp", NULL};
static const char *const url_schemes[] = {"postgres://", "postgresql://",
    "mysql://", "mariadb://", "mssql://", "mongodb://", "mongodb+srv://",
    "sqlserver://", "jdbc:", NULL};
static const char *const secret_words[] = {
    "password", "passwd", "secret", "token", "api_key", "apikey", NULL};

/* The first word of the list that the text holds, in any case of letters. */
static const char *
find_word(struct span text, const char *const *list)
{
	for (; *list != NULL; list++) {
		size_t len = strlen(*list);
		for (size_t i = 0; i + len <= text.len; i++) {
			if (strncasecmp(text.ptr + i, *list, len) == 0) {
				return *list;
			}
		}
	}
	return NULL;
}

/* "${NAME}", "$NAME", "${input:x}", "<placeholder>": not the value itself. */
static bool
is_reference(struct span value)
{
	return value.len == 0 || value.ptr[0] == '$' || value.ptr[0] == '<' ||
	       memmem(value.ptr, value.len, "${", 2) != NULL;
}

/* postgres://user:password@host */
static bool
has_url_password(struct span value)
{
	const char *host = memmem(value.ptr, value.len, "://", 3);
	bool colon = false;

	for (host = host == NULL ? NULL : host + 3;
	     host != NULL && host < value.ptr + value.len && *host != '/';
	     host++) {
		if (*host == '@') {
			return colon;
		}
		colon = colon || *host == ':';
	}
	return false;
}

/* Beyond the text: what a server's words and variables give away. */
struct look {
	const struct json_doc *doc;
	struct arena *arena;
	const char *database;   /* what leads to one, or NULL */
	const char *credential; /* where it is; never its value */
};

static void
look_at_word(struct look *l, struct span value)
{
	const char *found = find_word(value, url_schemes);

	found = found != NULL ? found : find_word(value, database_servers);
	if (found != NULL && l->database == NULL) {
		l->database =
		    arena_printf(l->arena, "its command line names %s", found);
	}
	if (has_url_password(value)) {
		l->credential = "a URL with a password in its command line";
	}
}

static void
look_at_variable(struct look *l, struct span name, struct span value)
{
	const char *found = find_word(value, url_schemes);

	if (found != NULL && l->database == NULL) {
		l->database = arena_printf(l->arena,
		    "its variable %.*s is a %s URL", SPAN_ARGS(name), found);
	}
	if (has_url_password(value) ||
	    (find_word(name, secret_words) != NULL && !is_reference(value) &&
		!(name.len > 4 &&
		    memcmp(name.ptr + name.len - 4, "_ENV", 4) == 0))) {
		l->credential = arena_printf(
		    l->arena, "its variable %.*s", SPAN_ARGS(name));
	}
}

static void
look_at_header(struct look *l, struct span name, struct span value)
{
	if ((str_equal_nocase(name, "authorization") ||
		find_word(name, secret_words) != NULL) &&
	    !is_reference(value)) {
		l->credential =
		    arena_printf(l->arena, "its header %.*s", SPAN_ARGS(name));
	}
}

/* Every string of an array, or the members of an object. */
static void
look_at_list(struct look *l, uint32_t list)
{
	const struct json_node *n = l->doc->nodes;

	if (list == JSON_NONE || n[list].type != JSON_ARRAY) {
		return;
	}
	for (uint32_t i = list + 1; i < n[list].next; i = n[i].next) {
		if (n[i].type == JSON_STRING) {
			look_at_word(l, json_string(l->doc, i, l->arena));
		}
	}
}

static void
look_at_members(struct look *l, uint32_t object,
    void (*fn)(struct look *l, struct span name, struct span value))
{
	const struct json_node *n = l->doc->nodes;

	if (object == JSON_NONE || n[object].type != JSON_OBJECT) {
		return;
	}
	for (uint32_t k = object + 1; k < n[object].next; k = n[k + 1].next) {
		if (n[k + 1].type == JSON_STRING) {
			fn(l, json_string(l->doc, k, l->arena),
			    json_string(l->doc, k + 1, l->arena));
		}
	}
}

static bool
is_verified(struct span name, const char *const *verified)
{
	for (; verified != NULL && *verified != NULL; verified++) {
		if (span_is(name, *verified)) {
			return true;
		}
	}
	return false;
}

static void
judge_server(struct audit *a, const struct json_doc *doc, struct span name,
    uint32_t server, const char *const *verified)
{
	struct look l = {doc, a->arena, NULL, NULL};
	uint32_t command = json_get_type(doc, server, "command", JSON_STRING);
	uint32_t url = json_get_type(doc, server, "url", JSON_STRING);
	const char *subject = arena_strndup(a->arena, name.ptr, name.len);

	if (command != JSON_NONE) {
		look_at_word(&l, json_string(doc, command, a->arena));
	}
	if (url != JSON_NONE) {
		look_at_word(&l, json_string(doc, url, a->arena));
	}
	look_at_list(&l, json_get(doc, server, "args"));
	look_at_members(&l, json_get(doc, server, "env"), look_at_variable);
	look_at_members(&l, json_get(doc, server, "headers"), look_at_header);
	if (l.database != NULL) {
		audit_add(a, audit_rule("DIRECT_DATABASE_PATH"), NULL, subject,
		    l.database);
	}
	if (l.credential != NULL) {
		audit_add(a, audit_rule("CREDENTIAL_IN_CLIENT_CONFIG"), NULL,
		    subject, l.credential);
	}
	if (!is_verified(name, verified) &&
	    json_get_type(doc, server, "tools", JSON_ARRAY) == JSON_NONE) {
		audit_add(a, audit_rule("TOOL_SURFACE_NOT_VERIFIED"), NULL,
		    subject, "its tools are not in this file");
	}
}

void
audit_judge_servers(
    struct audit *a, const struct json_doc *doc, const char *const *verified)
{
	static const char *const keys[] = {"mcpServers", "servers", NULL};
	const struct json_node *n = doc->nodes;

	for (size_t i = 0; keys[i] != NULL; i++) {
		uint32_t map = json_get_type(doc, 0, keys[i], JSON_OBJECT);
		if (map == JSON_NONE) {
			continue;
		}
		for (uint32_t k = map + 1; k < n[map].next; k = n[k + 1].next) {
			a->has_servers = true;
			if (n[k + 1].type == JSON_OBJECT) {
				judge_server(a, doc,
				    json_string(doc, k, a->arena), k + 1,
				    verified);
			}
		}
	}
}
