/*
 * Stop signals of a process that does one job after another: taken only while
 * it waits for the next one.
 */
#ifndef CS_WRITERD_STOP_H
#define CS_WRITERD_STOP_H

#include <stdbool.h>

struct ledger_link;

/* Catch SIGTERM and SIGINT, and let them interrupt the link's waiting. */
void stop_catch(struct ledger_link *link);

bool stop_was_asked(void);

#endif
