/*
 * Files that follow from a selection (cli-config.md §4.2, §4.6, §4.8). None of
 * them holds a credential.
 */
#ifndef CS_CLI_ONBOARD_GENERATE_H
#define CS_CLI_ONBOARD_GENERATE_H

#include "cli/onboard/selection.h"

#define DEFAULT_STORE  "./.countersign/local.db"
#define DEFAULT_OUTPUT "countersign.json"
#define SNIPPETS       ".countersign/mcp"

/* The contract of a checked selection, with a newline at its end. */
void generate_contract(
    const struct selection *s, const char *store, struct buf *out);

/* .env.example: names, with what to put there in words. */
void generate_env(const struct selection *s, struct buf *out);

/* The starter contract, or CS_E_INVALID for an unknown engine or mode. */
int generate_starter(const char *engine, const char *mode, const char *store,
    struct buf *out, struct err *e);

/* Arguments of a first call for the row `id`; of a proposal with values that
 * its own bounds and guards allow, as far as a table is not looked into. */
void generate_input(
    const struct selection *s, const char *id, bool proposal, struct buf *out);

/* Entries for MCP clients. */
enum mcp_client {
	MCP_GENERIC,
	MCP_CLAUDE_DESKTOP,
	MCP_CURSOR,
	MCP_VSCODE,
	MCP_CLIENTS
};

const char *mcp_client_file(enum mcp_client client);

/* `config` and `store` as the client shall give them. */
void generate_client(enum mcp_client client, const char *config,
    const char *store, struct buf *out);

#endif
