/*
 * The library behind libevent's evhttp. It blocks for as long as the database
 * does, so there are a few threads, each with a loop of its own, on one socket.
 */
#ifndef SERVER_H
#define SERVER_H

#include <countersign-handler.h>
#include <event2/http.h>

#define SERVER_PATH "/synapsor/writeback"

/* What server_run calls for every request; `context` as it was given. */
typedef void (*server_answer)(struct evhttp_request *request, void *context);

/* Hand the request to the handler (`context`) and send what it answers. */
void server_handle(struct evhttp_request *request, void *context);

/* Listen on this port of 127.0.0.1, print the address, serve for ever. 0: any
 * port. Returns only when it cannot. */
int server_run(unsigned short port, server_answer answer, void *context);

#endif
