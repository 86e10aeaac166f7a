/*
 * What the review screen knows of the ledger: the queue, and the proposal that
 * is open. All of it lives in one connection's arena until the next refresh.
 */
#ifndef CS_CLI_SCREEN_QUEUE_H
#define CS_CLI_SCREEN_QUEUE_H

#include "cli/control_client.h"
#include "cli/render.h"

enum filter_name {
	FILTER_WAITING,
	FILTER_APPROVED,
	FILTER_ALL,
	FILTER_NAMES
};

struct queue {
	const struct args *args;
	struct control control;
	bool connected;
	enum filter_name filter;
	struct view list;
	uint32_t *rows; /* nodes of the proposals */
	uint32_t count;
	/* The open one: its document, and its text, a line each. */
	struct view shown;
	const char **lines;
	size_t line_count;
};

/* For people: "waiting", "approved", "all". */
const char *queue_filter_name(enum filter_name filter);

/* Ask for the list again, connecting if need be. On errors the queue is empty
 * and *e says why. */
int queue_refresh(struct queue *q, struct err *e);
void queue_close(struct queue *q);

/* One line of the list: age, id, action, object, tenant. In the arena. */
const char *queue_line(struct queue *q, uint32_t index);

/* Fetch a proposal of the list; its text is rendered from the bytes whose hash
 * a decision names. */
int queue_open(struct queue *q, uint32_t index, struct err *e);

/* Decide about the proposal that is open; *said is what to tell, in the arena.
 */
int queue_decide(struct queue *q, enum decision_action action,
    const char *reason, const char **said, struct err *e);

#endif
