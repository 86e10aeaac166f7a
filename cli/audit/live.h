/*
 * Listing the tools of a server that runs: started by us, or over HTTP.
 */
#ifndef CS_CLI_AUDIT_LIVE_H
#define CS_CLI_AUDIT_LIVE_H

#include "cli/audit/audit.h"

#define LIVE_WORDS_MAX 64
#define LIVE_ENV_MAX   64

struct live_options {
	int64_t
	    timeout_ms; /* for a server as a whole; over HTTP, each request */
	const char *pass_env; /* names that a started server gets, or NULL */
	bool allow_plain;
};

/* A server to start. Texts are borrowed. */
struct live_command {
	const char *words[LIVE_WORDS_MAX + 1]; /* to a NULL */
	const char *env[LIVE_ENV_MAX + 1];     /* "NAME=value", to a NULL */
};

/*
 * Split a command line like a shell, but without expanding anything: quotes,
 * backslashes, blanks. CS_E_INVALID with AUDIT_TARGET_INVALID.
 */
int live_split(
    struct live_command *c, const char *line, struct arena *a, struct err *e);

/* PATH, HOME and a few like them, and what --pass-env names, of our own
 * environment; behind what is in c->env already. */
void live_environment(
    struct live_command *c, const struct live_options *o, struct arena *a);

/*
 * Start it in a process group of its own with that environment and nothing
 * else, list its tools into *audit, and end the group. Its standard error is
 * not shown. CS_E_UNAVAILABLE with AUDIT_SERVER_FAILED.
 */
int live_stdio(struct audit *audit, const struct live_command *c,
    const struct live_options *o, struct err *e);

struct http_field;

/*
 * The same over HTTP; `headers` (to a NULL name, or NULL) go with every
 * request. AUDIT_SERVER_FAILED, or the code of the exchange.
 */
int live_http(struct audit *audit, const char *url,
    const struct http_field *headers, const struct live_options *o,
    struct err *e);

#endif
