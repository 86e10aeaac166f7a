#include <limits.h>
#include <unistd.h>

#include "cli/control_client.h"
#include "cli/serve/commands.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/contract/contract.h"

#define DEFAULT_TOKEN "SYNAPSOR_RUNNER_HTTP_TOKEN"

/* Four words for each flag of mcpd's, and room for our own. */
#define ARGUMENTS_MAX (4 * ARGS_MAX + 32)

/* An argv in the making. */
struct argv_list {
	/* execv wants writable words and writes none. */
	union {
		const char *items[ARGUMENTS_MAX];
		char *argv[ARGUMENTS_MAX];
	};
	size_t count;
};

/* The array is larger than all flags together; values are borrowed. */
static void
add(struct argv_list *l, const char *flag, const char *value)
{
	l->items[l->count++] = flag;
	if (value != NULL) {
		l->items[l->count++] = value;
	}
}

/* A flag of mcpd's travels through countersign-run. */
static void
add_mcpd(struct argv_list *l, const char *flag, const char *value)
{
	add(l, "--mcpd-arg", flag);
	if (value != NULL && value[0] != '\0') {
		add(l, "--mcpd-arg", value);
	}
}

/* Flags that mcpd knows under the same name, and whether they have a value. */
static const struct {
	const char *name;
	const char *option;
	bool has_value;
} passed_on[] = {
    {"read-only", "--read-only", false},
    {"result-format", "--result-format", true},
    {"transport", "--transport", true},
    {"host", "--host", true},
    {"port", "--port", true},
    {"reuse-port", "--reuse-port", false},
    {"auth-token-env", "--auth-token-env", true},
    {"auth-token-previous-env", "--auth-token-previous-env", true},
    {"metrics-token-env", "--metrics-token-env", true},
    {"dev-no-auth", "--dev-no-auth", false},
    {"allowed-host", "--allowed-host", true},
    {"allowed-origin", "--allowed-origin", true},
    {"cors-origin", "--cors-origin", true},
    {"behind-tls-proxy", "--behind-tls-proxy", false},
    {"tls-cert", "--tls-cert", true},
    {"tls-key", "--tls-key", true},
    {"tls-client-ca", "--tls-client-ca", true},
    {"max-connections", "--max-connections", true},
    {"max-per-identity", "--max-per-identity", true},
    {"request-timeout", "--request-timeout", true},
    {"sessions", "--sessions", false},
    {"session-idle-s", "--session-idle-s", true},
    {"socket", "--socket", true},
    {"allow-uid", "--allow-uid", true},
};

/* 0.1.1 also took v1 and v2. */
static const char *
value_of(const struct args *a, const char *name)
{
	const char *value = args_get(a, name);

	return value != NULL && value[0] == 'v' &&
		       strcmp(name, "result-format") == 0
		   ? value + 1
		   : value;
}

static void
pass_on(struct argv_list *l, const struct args *a)
{
	const char *style = args_get(a, "tool-name-style");

	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++) {
		if (args_has(a, passed_on[i].name)) {
			add_mcpd(l, passed_on[i].option,
			    passed_on[i].has_value
				? value_of(a, passed_on[i].name)
				: NULL);
		}
	}
	style = style != NULL ? style : args_get(a, "alias-mode");
	style = args_has(a, "openai-tool-aliases") ? "openai" : style;
	if (style != NULL) {
		add_mcpd(l, "--tool-name-style", style);
	}
}

static const char *
transport_of(const struct args *a)
{
	const char *transport = args_get(a, "transport");

	return transport == NULL ? "stdio" : transport;
}

/* Names of variables whose values countersign-run hands to mcpd. */
static void
add_credentials(struct argv_list *l, const struct args *a)
{
	static const char *const flags[] = {
	    "auth-token-previous-env", "metrics-token-env", "tls-key"};
	const char *token = args_get(a, "auth-token-env");

	if (!args_has(a, "dev-no-auth") &&
	    strcmp(transport_of(a), "unix") != 0) {
		add(l, "--mcpd-credential",
		    token != NULL ? token : DEFAULT_TOKEN);
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (args_has(a, flags[i])) {
			add(l, "--mcpd-credential", args_get(a, flags[i]));
		}
	}
}

static bool
is_logging_json(const struct args *a)
{
	const char *format = args_get(a, "log-format");

	return format != NULL && strcmp(format, "json") == 0;
}

/* Where it will be, on standard error; mcpd says when it is there. */
static void
announce(const struct args *a, const struct control *c)
{
	const char *token = args_get(a, "auth-token-env");
	struct buf out = BUF_INIT;

	/* Whoever reads JSON reads nothing else; mcpd says the same there. */
	if (is_logging_json(a)) {
		return;
	}
	buf_printf(&out, "Countersign %s, transport %s\n", CS_VERSION,
	    transport_of(a));
	if (strcmp(transport_of(a), "unix") != 0) {
		buf_printf(&out, "Auth: %s%s\n",
		    args_has(a, "dev-no-auth") ? "none (development)"
					       : "bearer token in ",
		    args_has(a, "dev-no-auth") ? ""
		    : token != NULL            ? token
					       : DEFAULT_TOKEN);
	}
	buf_printf(&out, "Config: %s\nStore: %s\nPress Ctrl+C to stop.\n",
	    c->config, c->store);
	(void)fd_write_all(STDERR_FILENO, out.data, out.len, -1);
	buf_clear(&out);
}

/*
 * Become countersign-run: this process keeps the client's standard input and
 * output, which mcpd inherits.
 */
int
cmd_mcp_serve(const struct args *a, struct err *e)
{
	char program[PATH_MAX];
	struct argv_list l = {0};
	struct control c;
	bool is_stdio = strcmp(transport_of(a), "stdio") == 0;
	/* Everything that can fail is tried before execv: afterwards
	 * standard output belongs to the protocol. */
	int rc =
	    sibling_program("countersign-run", program, sizeof(program), e);

	if (rc == 0) {
		rc = control_locate(&c, a, e);
	}
	if (rc == 0 && c.config == NULL) {
		rc = contract_find(NULL, &c.config, e);
	}
	if (rc != 0) {
		return rc;
	}
	add(&l, program, NULL);
	if (args_has(a, "log-format")) {
		add(&l, "--log-format", args_get(a, "log-format"));
	}
	add(&l, "--config", c.config);
	add(&l, "--store", c.store);
	add(&l, "--roles",
	    args_has(a, "no-writer") ? "ledgerd,mcpd"
				     : "ledgerd,writerd,writerd-handler,mcpd");
	if (args_has(a, "accept-reduced-isolation")) {
		add(&l, "--accept-reduced-isolation", NULL);
	}
	if (!is_stdio) {
		add(&l, "--no-stdio", NULL);
		add_credentials(&l, a);
		if (args_has(a, "tls-cert")) {
			add(&l, "--forward-hangup", NULL);
		}
		announce(a, &c);
	}
	pass_on(&l, a);
	/* Returns only when it failed. */
	(void)execv(program, l.argv);
	return err_sys(e, "cannot run %s", program);
}

/* 0.1.1's own commands for the two HTTP transports. */
static int
serve_as(const struct args *a, const char *transport, struct err *e)
{
	struct args with = *a;
	size_t i = 0;

	while (strcmp(with.spec[i].name, "transport") != 0) {
		i++;
	}
	if (with.values[i] == NULL) {
		with.values[i] = transport;
	}
	return cmd_mcp_serve(&with, e);
}

int
cmd_mcp_serve_streamable(const struct args *a, struct err *e)
{
	return serve_as(a, "streamable-http", e);
}

int
cmd_mcp_serve_bridge(const struct args *a, struct err *e)
{
	static const char warning[] =
	    "warning: serve-http is the JSON-RPC bridge of 0.1.1, kept for "
	    "its callers; MCP clients want\n  countersign mcp serve "
	    "--transport streamable-http\n";

	if (!is_logging_json(a)) {
		(void)fd_write_all(
		    STDERR_FILENO, warning, sizeof(warning) - 1, -1);
	}
	return serve_as(a, "json-rpc-http", e);
}
