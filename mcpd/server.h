/*
 * What all conversations of this process share. Built in main.c, constant
 * once the loop runs, except for the scratch memory.
 */
#ifndef CS_MCPD_SERVER_H
#define CS_MCPD_SERVER_H

#include "mcpd/auth/context.h"
#include "mcpd/ledger_client.h"
#include "mcpd/mcp/result.h"
#include "mcpd/mcp/tools.h"
#include "mcpd/read/reader.h"

struct metrics;
struct rate;

#define SPARE_ARENAS 32U

struct server {
	const struct contract *contract;
	enum contract_mode mode; /* --read-only is already in it */
	const struct result_format *format;
	struct tool_list *tools;
	struct context_set contexts;
	struct plan *plans;      /* by capability index */
	struct reader **readers; /* by source index; NULL: not configured */
	struct ledger_client *ledger;
	struct metrics *metrics;      /* NULL: nobody counts */
	struct rate *rate;            /* NULL: no limits */
	unsigned long long last_call; /* calls are numbered for the log */
	/* Scratch: one reply is written at a time. */
	struct buf line;
	struct buf text;
	struct json_out json;
	struct arena *spare[SPARE_ARENAS];
	unsigned spare_count;
};

/* {"name":…,"version":…}: who we are, in every era. */
void server_put_info(struct json_out *j);

/* An empty arena, and back again: giving it back ends everything in it. */
struct arena *server_take_arena(struct server *s);
void server_give_arena(struct server *s, struct arena *a);

/* The reader of a capability's source; NULL when it has no credential here
 * or no driver in this build. */
struct reader *server_reader(
    const struct server *s, const struct contract_capability *cap);

/* Free the scratch memory only; main.c frees the parts. */
void server_clear(struct server *s);

#endif
