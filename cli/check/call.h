/*
 * One tool call through the whole of it: the daemons that serve an MCP client
 * are started, asked once over standard input and output, and ended.
 */
#ifndef CS_CLI_CHECK_CALL_H
#define CS_CLI_CHECK_CALL_H

#include "cli/args.h"
#include "cli/render.h"

struct call {
	const struct contract_capability *cap; /* NULL: not one of them */
	const char *tool;
	struct span input; /* a JSON object */
	struct view view;  /* the answer's document */
	bool failed;       /* the tool answered with an error */
	const char *store; /* absolute path */
	const char *config;
	const char *place; /* flags for commands that are printed */
};

/* What an answer of either result format says. Escaped; in the view's arena;
 * "" where it says nothing. */
const char *call_evidence(struct call *c);
const char *call_proposal(struct call *c);
const char *call_error(struct call *c);
bool call_source_changed(struct call *c);

/*
 * Make the call that `c->tool` and `c->input` describe. CS_E_UNAVAILABLE with
 * SERVER_FAILED if the server did not answer. Everything lives in the arena.
 */
int call_tool(
    struct call *c, const struct args *a, struct arena *arena, struct err *e);

#endif
