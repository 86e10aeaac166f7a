/*
 * The library behind libevent's evhttp. The handler blocks for as long as the
 * database does, so the loop reads and writes, and a few threads do the work.
 */
#ifndef SERVER_H
#define SERVER_H

#include <countersign-handler.h>

/* Listen on this port of 127.0.0.1 (0: any), print the address, serve for ever
 * at /synapsor/writeback. Returns an exit status when it cannot. */
int server_run(unsigned short port, const struct cs_handler *handler);

#endif
