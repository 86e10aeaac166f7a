/*
 * The few MCP messages that list a server's tools, in each era of the protocol,
 * and the reading of their answers.
 */
#ifndef CS_CLI_AUDIT_MESSAGES_H
#define CS_CLI_AUDIT_MESSAGES_H

#include "common/base/buf.h"
#include "common/base/json_scan.h"

struct arena;
struct err;

#define HANDSHAKE_VERSION "2025-11-25"
#define ENVELOPE_VERSION  "2026-07-28"
/* More pages than that are not asked for. */
#define LIST_PAGES_MAX 64

enum era {
	ERA_HANDSHAKE, /* initialize first */
	ERA_ENVELOPE,  /* every request says its version */
	ERA_BARE       /* neither: 0.1.1's bridge and other plain servers */
};

/* Append one message, without a line end. `cursor` may be empty. */
void message_initialize(struct buf *out, int id);
void message_initialized(struct buf *out);
void message_list(struct buf *out, int id, enum era era, struct span cursor);

/*
 * Is `text` (untrusted) the answer to request `id`? Opens it; *result is the
 * node of its result, or JSON_NONE when it is an error. The text must outlive
 * the document.
 */
bool message_is_answer(struct json_doc *doc, uint32_t *result, struct span text,
    int id, struct arena *a);

/* The cursor of the next page, empty when there is none. */
struct span message_next(
    const struct json_doc *doc, uint32_t result, struct arena *a);

#endif
