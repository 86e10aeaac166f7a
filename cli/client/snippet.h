/*
 * What each MCP client wants to be told (cli-config.md §4.8). Command lines
 * only: no URL with a credential, no password, no token.
 */
#ifndef CS_CLI_CLIENT_SNIPPET_H
#define CS_CLI_CLIENT_SNIPPET_H

#include "cli/args.h"
#include "common/base/json_out.h"

struct err;

enum client_shape {
	SHAPE_PLAIN, /* {command, args} */
	SHAPE_MAP,   /* {<map>: {<name>: {command, args}}} */
	SHAPE_AGENTS /* OpenAI Agents SDK */
};

struct client {
	const char *name;
	const char *map;  /* member that holds the servers, or NULL */
	const char *file; /* below the home or the working folder, or NULL */
	enum client_shape shape;
	enum {
		IN_NOTHING,
		IN_CONFIG, /* XDG_CONFIG_HOME */
		IN_HOME,
		IN_PROJECT
	} base;
	bool has_type; /* "type": "stdio" */
};

/* Everything that a snippet says. Texts are borrowed. */
struct snippet {
	const struct client *client;
	const char *command;
	const char *config;
	const char *store;
	const char *socket; /* not NULL: mcp connect, and nothing else */
	const char *entry;  /* name of the server */
	const char *alias;
	const char *host, *port, *token_env;
	bool is_http;
	bool has_instructions;
};

/* NULL when there is no such client. */
const struct client *client_find(const char *name);

/* The whole document that is printed, and the entry alone that is written. */
void snippet_put(const struct snippet *s, struct json_out *j);
void snippet_put_entry(const struct snippet *s, struct json_out *j);

#endif
