/*
 * Where a proposal stands: asked of ledgerd, told in words. The status tool
 * and the tasks of 2026-07-28 are two faces of it.
 */
#ifndef CS_MCPD_MCP_STANDING_H
#define CS_MCPD_MCP_STANDING_H

#include "mcpd/mcp/content.h"
#include "mcpd/mcp/session.h"

/* How a state is told. Texts are static. */
struct standing_words {
	const char *task;    /* status of a task */
	const char *message; /* "waits for a person to review it" */
	bool is_final;       /* nothing will change any more */
	bool is_failure;     /* final, and not what was proposed */
};

/* A question to ledgerd; lives in its request's arena. */
struct standing {
	/* Set by the caller. */
	struct request *request;
	struct span id; /* the client's, untrusted */
	bool withdraw;  /* take it back first, if it is still possible */
	void (*done)(struct standing *s);

	/* The answer. */
	const char *error; /* NULL, RESOURCE_NOT_FOUND or another reason */
	struct msg_stated stated;
	struct standing_words words;

	size_t next_context; /* contexts asked so far */
};

/*
 * Ask under each context of the caller; `done` is called exactly once, perhaps
 * before this returns. Somebody else's proposal is not found.
 */
void standing_ask(struct standing *s);

/* The value of a status, in the server's result format: content_put_fn over a
 * struct standing. `action` of the result is the status tool's name. */
void standing_put(struct json_out *j, const void *standing);

/* tools/call of the status tool; `arguments` is an object node or JSON_NONE. */
void status_call(struct request *r, uint32_t arguments);

#endif
