/*
 * mcpd - the process that a model talks to.
 *
 * It serves the reviewed tools of the contract over MCP: on stdin and stdout or
 * over HTTP. A
 * tool call becomes one prepared SELECT on the source database and one message
 * to ledgerd, which records what was seen or makes a proposal; the answer
 * leaves when ledgerd has stored it.
 *
 * SECURITY
 *
 * mcpd reads untrusted input all day, so it is built to have nothing worth
 * stealing: it holds the read URL of each source, a digest of the token that
 * HTTP clients send, and one socket to ledgerd, on which it can record, propose
 * and look up, but not approve, claim or apply. It contains no code that signs,
 * stores or writes. It trusts its contract file, the environment copy that
 * startup took, and the database's answers as data. It trusts neither the model
 * nor what the model sends: identifiers come from the contract only, values are
 * bound, tenant and principal never come from arguments. Descriptors, paths,
 * ports and system calls are confined before the first byte of input is read.
 *
 * DIAGNOSTICS
 *
 * stderr, one line per event. Fatal at start: wrong options (exit 100); a bad
 * contract, URL or SQLite file, another contract at ledgerd (exit 111). Not
 * fatal: a database that cannot be reached and a ledger that is gone; calls
 * answer TEMPORARILY_UNAVAILABLE then. With --ledger-socket the end of ledgerd
 * is the end of mcpd (111): a service manager starts it again. End of stdin,
 * SIGTERM and SIGINT finish the calls in flight; the exit code is 0.
 */
#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "mcpd/front.h"
#include "mcpd/mcp/rate.h"
#include "mcpd/metrics.h"
#include "mcpd/options.h"
#include "mcpd/server.h"
#include "mcpd/sources.h"

#define SIGNALS 3

/* Everything that main built and release frees again. */
struct daemon {
	struct startup startup;
	struct event_base *base;
	struct contract *contract;
	struct sources sources;
	struct server server;
	struct metrics metrics;
	struct arena *arena; /* plans */
	struct options options;
	struct front front;
	struct event *signals[SIGNALS];
	struct event *liveness;
	int exit_code;
};

/* The same file that ledgerd and the writers read. */
static int
load_contract(struct daemon *d, struct err *e)
{
	const char *path = NULL;
	int rc = contract_find(d->startup.config, &path, e);

	if (rc == 0) {
		rc = contract_load(path, &d->contract, e);
	}
	/* Refused here and not served as something less: who asked for it
	 * would think that it is in force. */
	if (rc == 0 && d->contract != NULL && d->contract->mode == MODE_CLOUD) {
		rc = err_set(e, CS_E_UNSUPPORTED, "MODE_UNSUPPORTED",
		    "%s: mode \"cloud\" is not supported; use read_only, "
		    "shadow or review",
		    path);
	}
	return rc;
}

static char *
lookup_env(void *arg, const char *name)
{
	return startup_env_dup(arg, name);
}

/* Everything that is known from the contract alone. */
static void
build_server(struct daemon *d)
{
	struct server *s = &d->server;
	/* The bridge never had aliases. */
	enum name_style style = d->options.transport == TRANSPORT_BRIDGE
				    ? STYLE_CANONICAL
				    : d->options.style;
	int format;

	cs_assert(d->contract != NULL);
	format = d->options.result_format != 0 ? d->options.result_format
					       : d->contract->result_format;

	s->contract = d->contract;
	s->mode = d->options.read_only ? MODE_READ_ONLY : d->contract->mode;
	s->format = format == 2 ? &result_v2 : &result_v1;
	s->tools = tools_new(
	    d->contract, &(struct tools_options){s->mode, style, format == 2});
	context_resolve(&s->contexts, d->contract, lookup_env, &d->startup);
	for (size_t i = 0; i < s->contexts.count; i++) {
		if (s->contexts.items[i].refusal != NULL &&
		    !d->options.list_tools) {
			log_event(LOG_LEVEL_WARN, "context_missing",
			    "reason=%s", s->contexts.items[i].refusal);
		}
	}
	d->arena = arena_new();
	s->plans = plans_build(d->contract, d->arena);
	s->readers = d->sources.readers;
	metrics_init(&d->metrics, d->contract);
	d->metrics.readers = d->sources.readers;
	s->metrics = &d->metrics;
	s->rate = rate_new();
}

/* libevent's own words, which are about descriptors and never about data. */
static void
on_library_says(int severity, const char *text)
{
	if (severity > EVENT_LOG_MSG) {
		log_event(LOG_LEVEL_WARN, "event_library", "text=\"%s\"", text);
	}
}

/* epoll cannot wait for files, which stdin is in tests and pipelines. */
static int
new_base(struct daemon *d, struct err *e)
{
	struct event_config *config = event_config_new();

	event_set_log_callback(on_library_says);
	if (config != NULL && front_needs_poll(&d->front)) {
		(void)event_config_avoid_method(config, "epoll");
	}
	if (config != NULL) {
		d->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	return d->base != NULL
		   ? 0
		   : err_set(e, CS_E_IO, NULL, "cannot make an event loop");
}

/* From here on no file, port or socket but those named. */
static int
confine(struct daemon *d, struct err *e)
{
	const struct sources *s = &d->sources;
	const struct front *f = &d->front;
	size_t count = s->path_count + f->path_count;
	struct path_rule *paths = xcalloc(count + 1, sizeof(*paths));
	struct confine c = {.paths = paths,
	    .path_count = count,
	    .accepts = f->listen_fd >= 0,
	    .is_db_client = s->port_count > 0,
	    .tcp_ports = s->ports,
	    .tcp_port_count = s->port_count,
	    .needs_unix_socket = s->needs_unix_socket};
	int rc;

	for (size_t i = 0; i < count; i++) {
		paths[i] = i < s->path_count ? s->paths[i]
					     : f->paths[i - s->path_count];
	}
	rc = startup_confine(&d->startup, &c, e);
	free(paths);
	return rc;
}

/* They arrive in one go, so the lists of sources and front are one for that
 * time. A name for both is refused: a token is sent around, a URL is not. */
static int
take_credentials(struct daemon *d, struct err *e)
{
	struct sources *s = &d->sources;
	struct front *f = &d->front;
	size_t count = s->credential_count + f->credential_count;
	struct credential *all = xcalloc(count + 1, sizeof(*all));
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		all[i].name =
		    i < s->credential_count
			? s->credentials[i].name
			: f->credentials[i - s->credential_count].name;
		for (size_t j = 0; j < i && rc == 0; j++) {
			if (strcmp(all[i].name, all[j].name) == 0) {
				rc = err_set(e, CS_E_CONFIG,
				    "CREDENTIAL_SHARED",
				    "%s is used for two purposes", all[i].name);
			}
		}
	}
	if (rc == 0) {
		rc = startup_credentials(&d->startup, all, count, e);
	}
	for (size_t i = 0; i < count; i++) {
		if (i < s->credential_count) {
			s->credentials[i].value = all[i].value;
		} else {
			f->credentials[i - s->credential_count].value =
			    all[i].value;
		}
	}
	free(all);
	return rc;
}

/* Steps of common/proc/startup.h, in its order. */
static int
start(struct daemon *d, int argc, char **argv, struct err *e)
{
	int rc = options_parse(&d->options, argc, argv, e);

	if (rc == 0 && d->startup.ledger_fd < 0 && !d->options.check &&
	    !d->options.list_tools) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "--ledger-fd or --ledger-socket is needed: mcpd is started "
		    "by countersign-run or a service manager");
	}
	if (rc == 0) {
		rc = load_contract(d, e);
	}
	if (rc != 0) {
		return rc;
	}
	/* Names first: startup_credentials fills in these and no others. */
	sources_init(&d->sources, d->contract);
	build_server(d);
	if (d->options.list_tools) {
		return 0;
	}
	front_init(&d->front, &d->options, d->contract);
	rc = take_credentials(d, e);
	if (rc == 0) {
		rc = new_base(d, e);
	}
	if (rc == 0) {
		rc = sources_open(&d->sources, d->base, e);
	}
	if (rc == 0 && !d->options.check) {
		rc = front_open(&d->front, &d->startup, e);
	}
	return rc != 0 ? rc : confine(d, e);
}

/* The transport is done, or there is nobody left to serve. */
static void
stop_loop(void *arg)
{
	struct daemon *d = arg;

	event_base_loopbreak(d->base);
}

/* A contract that ledgerd does not share: nothing could be recorded, and a
 * restart is needed anyway, so say it loudly. */
static void
on_mismatch(void *arg, const struct err *e)
{
	struct daemon *d = arg;

	log_err(LOG_LEVEL_ERR, "handshake_failed", e);
	d->exit_code = CS_EXIT_ENVIRONMENT;
	stop_loop(d);
}

/* What the databases have not answered by now is given up, so that there is
 * time to say so and to record it. */
static void
on_patience_end(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	sources_stop(&d->sources);
}

/* Answer what was begun, but not for ever. The limit first, for draining may
 * end the loop at once. */
static void
drain(struct daemon *d)
{
	struct timeval limit = {front_drain_seconds(&d->front), 0};
	struct timeval patience = {limit.tv_sec - 1, 0};

	event_base_loopexit(d->base, &limit);
	event_base_once(d->base, -1, EV_TIMEOUT, on_patience_end, d, &patience);
	front_drain(&d->front);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	if (number == SIGHUP) {
		front_reload(&d->front);
		return;
	}
	log_event(LOG_LEVEL_NOTICE, "draining", "signal=%d", (int)number);
	drain(d);
}

/* The supervisor never writes here: readable means that it is gone, or closed
 * its end to have us go. */
static void
on_liveness(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	event_del(d->liveness);
	log_event(LOG_LEVEL_NOTICE, "supervisor_gone", "action=exit");
	drain(d);
}

/* Behind the sandbox there is no way to connect again: the service manager
 * starts us anew. Callers that wait were told by now. */
static void
on_ledger_gone(void *arg)
{
	struct daemon *d = arg;

	log_event(LOG_LEVEL_NOTICE, "draining", "next=\"to be started again\"");
	d->exit_code = CS_EXIT_ENVIRONMENT;
	drain(d);
}

/* After the first turn of the loop: a connection attempt must not delay the
 * answer to a first tools/list. */
static void
on_running(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	sources_start(&d->sources);
}

static int
serve(struct daemon *d, struct err *e)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
	struct timeval soon = {0, 0};
	int fd = startup_liveness_fd(&d->startup);

	for (size_t i = 0; i < SIGNALS; i++) {
		d->signals[i] = evsignal_new(d->base, numbers[i], on_signal, d);
		event_add(d->signals[i], NULL);
	}
	if (fd >= 0) {
		d->liveness = event_new(d->base, fd, EV_READ, on_liveness, d);
		event_add(d->liveness, NULL);
	}
	/* Before stdin is read: the first call finds a HELLO on its way. */
	d->server.ledger = ledger_client_new(
	    d->base, d->startup.ledger_fd, d->contract, on_mismatch, d);
	if (d->startup.ledger_socket != NULL) {
		ledger_client_watch(d->server.ledger, on_ledger_gone);
	}
	front_start(&d->front, d->base, &d->server, stop_loop, d);
	event_base_once(d->base, -1, EV_TIMEOUT, on_running, d, &soon);
	if (startup_ready(&d->startup, e) != 0) {
		return e->code;
	}
	log_event(LOG_LEVEL_INFO, "serving", "contract=%s mode=%s",
	    d->contract->digest_text, contract_mode_name(d->server.mode));
	if (event_base_dispatch(d->base) < 0) {
		return err_set(e, CS_E_IO, NULL, "the event loop failed");
	}
	sources_settle(&d->sources, d->base);
	return 0;
}

/* Findings go to standard output: status 1 if one of them is not well. */
static int
check(struct daemon *d, struct err *e)
{
	struct buf lines = BUF_INIT;
	int rc = startup_ready(&d->startup, e);

	if (rc == 0) {
		d->exit_code = sources_check(&d->sources, d->base, &lines)
				   ? CS_EXIT_OK
				   : CS_EXIT_FAILED;
		rc = fd_write_all(STDOUT_FILENO, lines.data, lines.len, -1);
		rc = rc == 0 ? 0 : err_sys(e, "cannot print");
	}
	buf_clear(&lines);
	return rc;
}

/* What tools/list would say, from the contract alone: nothing is opened, and
 * no variable or credential is needed. */
static int
list_tools(struct daemon *d, struct err *e)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	int rc;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_key(&j, "tools");
	tools_put(&j, d->server.tools, ERA_LEGACY, NULL);
	json_key(&j, "names");
	tools_put_names(&j, d->server.tools, d->options.style);
	json_key(&j, "reads");
	json_open(&j, '{');
	for (size_t i = 0; i < d->contract->capability_count; i++) {
		json_field_text(
		    &j, d->server.plans[i].cap->name, d->server.plans[i].sql);
	}
	json_close(&j, '}');
	json_close(&j, '}');
	buf_putc(&text, '\n');
	rc = fd_write_all(STDOUT_FILENO, text.data, text.len, -1);
	buf_clear(&text);
	return rc == 0 ? 0 : err_sys(e, "cannot print");
}

/* Everything, so that leak checkers see real leaks only. */
static void
release(struct daemon *d)
{
	front_clear(&d->front);
	ledger_client_free(&d->server.ledger);
	sources_clear(&d->sources);
	tools_free(&d->server.tools);
	rate_free(&d->server.rate);
	metrics_clear(&d->metrics);
	context_clear(&d->server.contexts);
	server_clear(&d->server);
	arena_free(&d->arena);
	for (size_t i = 0; i < SIGNALS; i++) {
		if (d->signals[i] != NULL) {
			event_free(d->signals[i]);
		}
	}
	if (d->liveness != NULL) {
		event_free(d->liveness);
	}
	if (d->base != NULL) {
		event_base_free(d->base);
	}
	contract_free(&d->contract);
	options_clear(&d->options);
	startup_clear(&d->startup);
}

int
main(int argc, char **argv)
{
	static struct daemon d = {.startup = {.role = PROC_MCPD,
				      .program = "mcpd",
				      .listen_names = front_listen_names}};
	struct err e = {0};
	int rc = 0;

	if (startup_harden(&d.startup, &argc, argv, &e) != 0) {
		return startup_fail(&d.startup, &e);
	}
	crypto_init();
	rc = start(&d, argc, argv, &e);
	if (rc == 0) {
		rc = d.options.list_tools ? list_tools(&d, &e)
		     : d.options.check    ? check(&d, &e)
					  : serve(&d, &e);
	}
	if (rc != 0) {
		return startup_fail(&d.startup, &e);
	}
	release(&d);
	return d.exit_code;
}
