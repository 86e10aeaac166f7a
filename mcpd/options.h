/*
 * The command line of mcpd: what it offers, and over which transport.
 */
#ifndef CS_MCPD_OPTIONS_H
#define CS_MCPD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mcpd/mcp/alias.h"

struct err;

enum transport_kind {
	TRANSPORT_STDIO,
	TRANSPORT_HTTP,   /* Streamable HTTP */
	TRANSPORT_BRIDGE, /* 0.1.1's JSON-RPC bridge */
	TRANSPORT_UNIX
};

/* A comma-separated list; owns its texts. */
struct option_list {
	const char **items;
	size_t count;
	char *text;
};

/* Texts are borrowed from argv; NULL: not given. */
struct options {
	bool read_only;
	bool check;        /* look at the sources, print, and end */
	bool list_tools;   /* print what would be shown, and end */
	int result_format; /* 0: the contract's */
	enum name_style style;
	enum transport_kind transport;
	/* HTTP */
	const char *host;
	uint16_t port;
	bool port_given;
	bool reuse_port;
	bool dev_no_auth;
	bool behind_tls_proxy;
	const char *token_name; /* of a credential, like the next three */
	const char *previous_token_name;
	const char *metrics_token_name;
	const char *tls_key_name;
	const char *tls_cert; /* files */
	const char *tls_client_ca;
	const char *cors_origin;
	struct option_list allowed_hosts;
	struct option_list allowed_origins;
	unsigned max_connections;
	unsigned max_per_identity;
	unsigned request_timeout_s;
	bool sessions;
	unsigned session_idle_s;
	/* Unix socket */
	const char *socket;
	struct option_list allowed_uids; /* numbers, checked */
};

/* Read what startup left in argv. CS_E_INVALID with USAGE names the word;
 * options_clear is due in any case. */
int options_parse(struct options *o, int argc, char **argv, struct err *e);
void options_clear(struct options *o);

#endif
