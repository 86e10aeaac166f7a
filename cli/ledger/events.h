/*
 * The ledger's events in the order in which they happened, also those that are
 * still to come.
 */
#ifndef CS_CLI_LEDGER_EVENTS_H
#define CS_CLI_LEDGER_EVENTS_H

#include "cli/control_client.h"
#include "cli/render.h"

/* What is done with one event; an error ends the walk before it counts. */
typedef int (*feed_fn)(
    struct view *v, uint32_t event, void *arg, struct err *e);

struct feed {
	const struct args *args; /* whose filters apply */
	struct control c;
	bool is_open;
	int64_t last; /* number of the last event that was done */
	feed_fn each;
	void *arg;
};

/* One event as text. */
void event_print(struct view *v, uint32_t row, bool details);

/*
 * Set `last` so that the newest --limit events (20) are still to be done; with
 * an empty list, all that come from now on.
 */
int feed_start_newest(struct feed *f, struct err *e);

/*
 * Everything behind `last`, oldest first, however much that is; connects when
 * needed. After an error the connection may be gone: the next call makes a new
 * one and goes on behind the last event that was done.
 */
int feed_advance(struct feed *f, struct err *e);
void feed_close(struct feed *f);

/* --interval-ms: at least 250, else a second. */
int feed_interval(const struct args *a, int64_t *out, struct err *e);

/*
 * SIGINT and SIGTERM end feed_sleep and set feed_stopped; SIGPIPE is ignored.
 * Between the sleeps they wait, so that what is in hand is finished.
 */
void feed_catch_signals(void);
bool feed_stopped(void);
void feed_sleep(int64_t ms);

/* events tail --follow. */
int events_follow(const struct args *a, struct err *e);

#endif
