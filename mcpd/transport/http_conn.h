/*
 * The connections below the HTTP server: how many there are, and how long each
 * may take for a request. evhttp owns them; this keeps a second reference to
 * each, so that one that never sends a whole request is seen as well.
 */
#ifndef CS_MCPD_TRANSPORT_HTTP_CONN_H
#define CS_MCPD_TRANSPORT_HTTP_CONN_H

#include <stdbool.h>

struct bufferevent;
struct event_base;
struct evconnlistener;
struct evhttp_request;
struct http_conn;
struct http_conns;

/*
 * At most `max` connections are served and some more are told so; then nothing
 * is accepted. A request must be complete `request_ms` after its first byte (or
 * after the connection), whatever trickles in.
 */
struct http_conns *http_conns_new(struct event_base *base,
    struct evconnlistener *listener, unsigned max, unsigned request_ms);
void http_conns_free(struct http_conns **conns);

/* Watch a connection that evhttp is about to take over; its bufferevent closes
 * the descriptor when it is freed. */
void http_conns_add(struct http_conns *conns, struct bufferevent *bev);

/* The connection of a request whose work begins; from here on it may take its
 * time. Never NULL inside evhttp's callback. */
struct http_conn *http_conn_begin(
    struct http_conns *conns, struct evhttp_request *req);

/* Be told when it is gone, as long as `on_gone` is not NULL. */
void http_conn_watch(
    struct http_conn *c, void (*on_gone)(void *arg), void *arg);

/* The answer is written: the next request may come. */
void http_conn_end(struct http_conn *c);

/* Was it accepted above the limit? Then its requests are answered 503. */
bool http_conn_is_surplus(const struct http_conn *c);

unsigned http_conns_count(const struct http_conns *conns);

/* The listener goes away; from here on only work in hand keeps a connection. */
void http_conns_stop(struct http_conns *conns);
/* After that: look once more. How many are left? */
unsigned http_conns_left(struct http_conns *conns);

#endif
