#include "mcpd/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"

#define DEFAULT_TOKEN           "SYNAPSOR_RUNNER_HTTP_TOKEN"
#define DEFAULT_HOST            "127.0.0.1"
#define DEFAULT_PORT            8766
#define DEFAULT_BRIDGE_PORT     8765
#define DEFAULT_CONNECTIONS     1024
#define DEFAULT_PER_IDENTITY    512
#define DEFAULT_REQUEST_TIMEOUT 15
#define DEFAULT_SESSION_IDLE    1800
#define SESSION_IDLE_MAX        86400
#define CONNECTIONS_MAX         3500 /* of 4096 descriptors */

/* Functions of the table below: CS_E_INVALID for a bad value. */
static int
set_result_format(struct options *o, const char *value)
{
	if (strcmp(value, "1") != 0 && strcmp(value, "2") != 0) {
		return CS_E_INVALID;
	}
	o->result_format = value[0] - '0';
	return 0;
}

static int
set_name_style(struct options *o, const char *value)
{
	static const enum name_style styles[] = {
	    STYLE_CANONICAL, STYLE_OPENAI, STYLE_BOTH, STYLE_FLAT};

	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		if (strcmp(value, alias_style_name(styles[i])) == 0) {
			o->style = styles[i];
			return 0;
		}
	}
	return CS_E_INVALID;
}

/* The spellings of 0.1.1. */
static int
set_transport(struct options *o, const char *value)
{
	static const struct {
		const char *name;
		enum transport_kind kind;
	} names[] = {
	    {"stdio", TRANSPORT_STDIO},
	    {"streamable-http", TRANSPORT_HTTP},
	    {"http", TRANSPORT_HTTP},
	    {"json-rpc-http", TRANSPORT_BRIDGE},
	    {"jsonrpc-http", TRANSPORT_BRIDGE},
	    {"unix", TRANSPORT_UNIX},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i].name) == 0) {
			o->transport = names[i].kind;
			return 0;
		}
	}
	return CS_E_INVALID;
}

static int
set_port(struct options *o, const char *value)
{
	long long port = str_to_number(value, UINT16_MAX);

	o->port = (uint16_t)port;
	o->port_given = true;
	return port < 0 ? CS_E_INVALID : 0;
}

static int
set_number(unsigned *field, const char *value, long long max)
{
	long long number = str_to_number(value, max);

	*field = (unsigned)number;
	return number < 1 ? CS_E_INVALID : 0;
}

static int
set_max_connections(struct options *o, const char *value)
{
	return set_number(&o->max_connections, value, CONNECTIONS_MAX);
}

static int
set_max_per_identity(struct options *o, const char *value)
{
	return set_number(&o->max_per_identity, value, CONNECTIONS_MAX);
}

static int
set_request_timeout(struct options *o, const char *value)
{
	return set_number(&o->request_timeout_s, value, 3600);
}

static int
set_session_idle(struct options *o, const char *value)
{
	return set_number(&o->session_idle_s, value, SESSION_IDLE_MAX);
}

/* Empty elements are a mistake, not a wildcard. */
static int
set_list(struct option_list *l, const char *value)
{
	char *rest = NULL;
	char *item = NULL;

	free(l->text);
	l->count = 0;
	l->text = rest = xstrdup(value);
	while ((item = strsep(&rest, ",")) != NULL) {
		if (item[0] == '\0') {
			return CS_E_INVALID;
		}
		l->items =
		    xreallocarray(l->items, l->count + 1, sizeof(*l->items));
		l->items[l->count++] = item;
	}
	return 0;
}

static int
set_allowed_hosts(struct options *o, const char *value)
{
	return set_list(&o->allowed_hosts, value);
}

static int
set_allowed_origins(struct options *o, const char *value)
{
	return set_list(&o->allowed_origins, value);
}

static int
set_allowed_uids(struct options *o, const char *value)
{
	int rc = set_list(&o->allowed_uids, value);

	for (size_t i = 0; i < o->allowed_uids.count && rc == 0; i++) {
		if (str_to_number(o->allowed_uids.items[i], UINT32_MAX - 1LL) <
		    0) {
			rc = CS_E_INVALID;
		}
	}
	return rc;
}

enum option_kind {
	OPTION_FLAG,
	OPTION_TEXT,
	OPTION_NAME, /* of an environment variable */
	OPTION_OTHER /* parsed by a function */
};

/* Flags only ever narrow, or say something about the surroundings that the
 * operator knows and we do not. */
static const struct option_row {
	const char *name;
	enum option_kind kind;
	size_t offset;
	int (*set)(struct options *o, const char *value);
} rows[] = {
#define FIELD(name) offsetof(struct options, name), NULL
    {"--read-only", OPTION_FLAG, FIELD(read_only)},
    {"--check", OPTION_FLAG, FIELD(check)},
    {"--list-tools", OPTION_FLAG, FIELD(list_tools)},
    {"--result-format", OPTION_OTHER, 0, set_result_format},
    {"--tool-name-style", OPTION_OTHER, 0, set_name_style},
    {"--transport", OPTION_OTHER, 0, set_transport},
    {"--host", OPTION_TEXT, FIELD(host)},
    {"--port", OPTION_OTHER, 0, set_port},
    {"--reuse-port", OPTION_FLAG, FIELD(reuse_port)},
    {"--auth-token-env", OPTION_NAME, FIELD(token_name)},
    {"--auth-token-previous-env", OPTION_NAME, FIELD(previous_token_name)},
    {"--metrics-token-env", OPTION_NAME, FIELD(metrics_token_name)},
    {"--dev-no-auth", OPTION_FLAG, FIELD(dev_no_auth)},
    {"--allowed-host", OPTION_OTHER, 0, set_allowed_hosts},
    {"--allowed-origin", OPTION_OTHER, 0, set_allowed_origins},
    {"--cors-origin", OPTION_TEXT, FIELD(cors_origin)},
    {"--behind-tls-proxy", OPTION_FLAG, FIELD(behind_tls_proxy)},
    {"--tls-cert", OPTION_TEXT, FIELD(tls_cert)},
    {"--tls-key", OPTION_NAME, FIELD(tls_key_name)},
    {"--tls-client-ca", OPTION_TEXT, FIELD(tls_client_ca)},
    {"--max-connections", OPTION_OTHER, 0, set_max_connections},
    {"--max-per-identity", OPTION_OTHER, 0, set_max_per_identity},
    {"--request-timeout", OPTION_OTHER, 0, set_request_timeout},
    {"--sessions", OPTION_FLAG, FIELD(sessions)},
    {"--session-idle-s", OPTION_OTHER, 0, set_session_idle},
    {"--socket", OPTION_TEXT, FIELD(socket)},
    {"--allow-uid", OPTION_OTHER, 0, set_allowed_uids},
#undef FIELD
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int
apply(struct options *o, const struct option_row *row, const char *value)
{
	void *field = (char *)o + row->offset;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_NAME:
		if (!str_is_env_name(span_of(value))) {
			return CS_E_INVALID;
		}
		*(const char **)field = value;
		return 0;
	case OPTION_TEXT:
		*(const char **)field = value;
		return value[0] == '\0' ? CS_E_INVALID : 0;
	case OPTION_OTHER:
		break;
	}
	return row->set(o, value);
}

static void
set_defaults(struct options *o)
{
	o->host = DEFAULT_HOST;
	o->token_name = DEFAULT_TOKEN;
	o->max_connections = DEFAULT_CONNECTIONS;
	o->max_per_identity = DEFAULT_PER_IDENTITY;
	o->request_timeout_s = DEFAULT_REQUEST_TIMEOUT;
	o->session_idle_s = DEFAULT_SESSION_IDLE;
}

int
options_parse(struct options *o, int argc, char **argv, struct err *e)
{
	set_defaults(o);
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i];
		const char *value = NULL;
		size_t k = 0;

		while (k < ROWS && strcmp(name, rows[k].name) != 0) {
			k++;
		}
		if (k < ROWS && rows[k].kind != OPTION_FLAG && i + 1 < argc) {
			value = argv[++i];
		}
		if (k == ROWS ||
		    (rows[k].kind != OPTION_FLAG && value == NULL) ||
		    apply(o, &rows[k], value) != 0) {
			return err_set(e, CS_E_INVALID, "USAGE",
			    "%s: not an option of mcpd, or a bad value", name);
		}
	}
	if (!o->port_given) {
		o->port = o->transport == TRANSPORT_BRIDGE ? DEFAULT_BRIDGE_PORT
							   : DEFAULT_PORT;
	}
	return 0;
}

static void
clear_list(struct option_list *l)
{
	free(l->items);
	free(l->text);
	*l = (struct option_list){NULL, 0, NULL};
}

void
options_clear(struct options *o)
{
	clear_list(&o->allowed_hosts);
	clear_list(&o->allowed_origins);
	clear_list(&o->allowed_uids);
}
