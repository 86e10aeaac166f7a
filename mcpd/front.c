#include "mcpd/front.h"

#include <libgen.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/token/verifier.h"
#include "mcpd/transport/listener.h"
#include "mcpd/transport/stream.h"
#include "mcpd/transport/tls.h"

/* A service manager waits longer for a pipe's end than for a socket's. */
#define DRAIN_STDIO_SECONDS  15
#define DRAIN_SOCKET_SECONDS 4

const char *const front_listen_names[] = {"http", "unix", NULL};

static bool
is_http(const struct options *o)
{
	return o->transport == TRANSPORT_HTTP ||
	       o->transport == TRANSPORT_BRIDGE;
}

static void
add_credential(struct front *f, const char *name)
{
	if (name != NULL) {
		f->credentials[f->credential_count++].name = name;
	}
}

void
front_init(
    struct front *f, const struct options *o, const struct contract *contract)
{
	f->options = o;
	f->contract = contract;
	f->listen_fd = -1;
	if (!is_http(o)) {
		return;
	}
	if (!o->dev_no_auth) {
		add_credential(f, o->token_name);
		add_credential(f, o->previous_token_name);
	}
	add_credential(f, o->metrics_token_name);
	add_credential(f, o->tls_key_name);
}

static const struct secret *
credential(const struct front *f, const char *name)
{
	for (size_t i = 0; name != NULL && i < f->credential_count; i++) {
		if (strcmp(f->credentials[i].name, name) == 0) {
			return f->credentials[i].value;
		}
	}
	return NULL;
}

/* The metrics have a token of their own: a collector must not call tools. */
static int
take_metrics_token(struct front *f, bool is_local, struct err *e)
{
	const char *name = f->options->metrics_token_name;
	const struct secret *token = credential(f, name);

	if (name == NULL) {
		return 0;
	}
	if (token == NULL) {
		return err_set(e, CS_E_CONFIG, "HTTP_AUTH_TOKEN_MISSING",
		    "%s is not set (--metrics-token-env)", name);
	}
	return bearer_add(&f->metrics_bearer, name, token, is_local, e);
}

/* The rules of Landlock are for inodes, and a new certificate is a new one: so
 * the folder is opened, the one that the name leads to as well. */
static void
allow_folder_of(struct front *f, const char *path)
{
	char *real = realpath(path, NULL);
	char *paths[] = {xstrdup(path), real};

	for (size_t i = 0; i < 2 && paths[i] != NULL; i++) {
		/* Kept for as long as the process lives. */
		f->paths[f->path_count++] = (struct path_rule){
		    xstrdup(dirname(paths[i])), PATH_RO}; // NOLINT
		free(paths[i]);
	}
}

static int
open_tls(struct front *f, struct err *e)
{
	const struct options *o = f->options;
	const struct secret *key = credential(f, o->tls_key_name);

	if (o->tls_cert == NULL) {
		return o->tls_key_name == NULL && o->tls_client_ca == NULL
			   ? 0
			   : err_set(e, CS_E_CONFIG, "TLS_INVALID",
				 "--tls-cert is needed as well");
	}
	if (key == NULL) {
		return err_set(e, CS_E_CONFIG, "TLS_INVALID",
		    "--tls-key names the credential with the private key; %s "
		    "is not set",
		    o->tls_key_name == NULL ? "none" : o->tls_key_name);
	}
	allow_folder_of(f, o->tls_cert);
	if (o->tls_client_ca != NULL) {
		allow_folder_of(f, o->tls_client_ca);
	}
	return tls_new(o->tls_cert, key, o->tls_client_ca, &f->tls, e);
}

/* One way in: with a second one nobody could say who a caller is. */
static int
take_issuer(struct front *f, struct err *e)
{
	const struct options *o = f->options;
	const struct contract_auth *auth = f->contract->auth;
	int rc = 0;

	if (o->dev_no_auth || credential(f, o->token_name) != NULL ||
	    credential(f, o->previous_token_name) != NULL) {
		return err_set(e, CS_E_CONFIG, "HTTP_CHANNEL_CONFLICT",
		    "the contract's http_auth decides who calls: no "
		    "--dev-no-auth, and %s must not be set",
		    o->token_name);
	}
	rc = verifier_new(auth, &f->verifier, e);
	if (rc == 0) {
		f->claims = claims_new(f->contract, f->verifier);
		allow_folder_of(f, verifier_path(auth));
	}
	return rc;
}

static int
take_tokens(struct front *f, bool is_local, struct err *e)
{
	const struct options *o = f->options;
	const char *names[] = {o->token_name, o->previous_token_name};
	int rc = 0;

	if (f->contract->auth != NULL) {
		return take_issuer(f, e);
	}
	f->bearer.is_open = o->dev_no_auth;
	if (o->dev_no_auth) {
		return 0;
	}
	if (credential(f, o->token_name) == NULL) {
		return err_set(e, CS_E_CONFIG, "HTTP_AUTH_TOKEN_MISSING",
		    "%s is not set: it holds the token that clients send "
		    "(--auth-token-env names another one)",
		    o->token_name);
	}
	for (size_t i = 0; i < 2 && rc == 0; i++) {
		const struct secret *token = credential(f, names[i]);

		if (token != NULL) {
			rc = bearer_add(
			    &f->bearer, names[i], token, is_local, e);
		}
	}
	return rc;
}

/* Whoever can reach the port must neither read nor forge what goes over it. */
static int
check_exposure(const struct front *f, bool is_local, struct err *e)
{
	const struct options *o = f->options;

	if (is_local) {
		return 0;
	}
	if (o->dev_no_auth) {
		return err_set(e, CS_E_CONFIG, "HTTP_DEV_NO_AUTH_UNSAFE_HOST",
		    "--dev-no-auth serves loopback addresses only");
	}
	if (o->tls_cert == NULL && !o->behind_tls_proxy) {
		return err_set(e, CS_E_CONFIG, "HTTP_REMOTE_CLEARTEXT_REFUSED",
		    "%s is no loopback address: tokens would travel in clear "
		    "text; --tls-cert and --tls-key, or --behind-tls-proxy",
		    o->host);
	}
	if (o->allowed_hosts.count == 0) {
		return err_set(e, CS_E_CONFIG, "HTTP_ALLOWED_HOSTS_REQUIRED",
		    "%s is no loopback address: name the hosts that clients "
		    "call with --allowed-host",
		    o->host);
	}
	return 0;
}

static void
fill_config(struct front *f, bool is_local)
{
	const struct options *o = f->options;

	f->http_config = (struct http_config){
	    .hosts = {o->allowed_hosts.items, o->allowed_hosts.count, is_local},
	    .origins = {o->allowed_origins.items, o->allowed_origins.count,
		is_local},
	    .cors_origin = o->cors_origin,
	    .bearer = &f->bearer,
	    .claims = f->claims,
	    .metrics =
		o->metrics_token_name != NULL ? &f->metrics_bearer : NULL,
	    .is_bridge = o->transport == TRANSPORT_BRIDGE,
	    .session_idle_ms =
		o->sessions ? (int64_t)o->session_idle_s * 1000 : 0,
	    .tls = f->tls,
	    .max_connections = o->max_connections,
	    .max_per_identity = o->max_per_identity,
	    .request_ms = o->request_timeout_s * 1000};
}

static int
open_http(struct front *f, const struct startup *s, struct err *e)
{
	const struct options *o = f->options;
	bool is_local;
	int rc = 0;

	f->listen_fd = listenfds_get(&s->listeners, "http");
	if (f->listen_fd < 0) {
		rc = listener_tcp(
		    o->host, o->port, o->reuse_port, &f->listen_fd, e);
	} else if (fd_set_nonblocking(f->listen_fd) != 0) {
		rc = err_sys(e, "the inherited listener");
	}
	if (rc != 0) {
		return rc;
	}
	is_local = listener_is_loopback(f->listen_fd);
	rc = check_exposure(f, is_local, e);
	if (rc == 0) {
		rc = take_tokens(f, is_local, e);
	}
	if (rc == 0) {
		rc = take_metrics_token(f, is_local, e);
	}
	if (rc == 0) {
		rc = open_tls(f, e);
	}
	fill_config(f, is_local);
	return rc;
}

/* Their uids are numbers by now: options.c has looked. */
static int
open_unix(struct front *f, const struct startup *s, struct err *e)
{
	const struct options *o = f->options;
	const struct option_list *l = &o->allowed_uids;

	f->uids = xcalloc(l->count + 1, sizeof(*f->uids));
	for (size_t i = 0; i < l->count; i++) {
		f->uids[i] = (uid_t)str_to_number(l->items[i], UINT32_MAX);
	}
	f->unix_config = (struct unix_config){.owner = geteuid(),
	    .allowed = f->uids,
	    .allowed_count = l->count,
	    .max_clients = o->max_connections,
	    .max_per_uid = o->max_per_identity};
	f->listen_fd = listenfds_get(&s->listeners, "unix");
	if (f->listen_fd >= 0) {
		return fd_set_nonblocking(f->listen_fd) == 0
			   ? 0
			   : err_sys(e, "the inherited listener");
	}
	if (o->socket == NULL) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--transport unix needs --socket PATH");
	}
	return listener_unix(o->socket, &f->listen_fd, e);
}

int
front_open(struct front *f, const struct startup *s, struct err *e)
{
	int rc = 0;

	if (is_http(f->options)) {
		rc = open_http(f, s, e);
	} else if (f->options->transport == TRANSPORT_UNIX) {
		rc = open_unix(f, s, e);
	}
	credentials_clear(f->credentials, f->credential_count);
	return rc;
}

bool
front_needs_poll(const struct front *f)
{
	return f->options->transport == TRANSPORT_STDIO &&
	       stream_needs_poll(STDIN_FILENO, STDOUT_FILENO);
}

static void
log_listening(const struct front *f)
{
	const struct options *o = f->options;
	struct buf where = BUF_INIT;

	listener_describe(f->listen_fd, &where);
	if (!is_http(o)) {
		log_event(LOG_LEVEL_NOTICE, "listening",
		    "socket=\"%s\" owner=%u", buf_text(&where),
		    f->unix_config.owner);
		buf_clear(&where);
		return;
	}
	log_event(LOG_LEVEL_NOTICE, "listening",
	    "url=%s://%s/mcp auth=\"%s%s\"",
	    o->tls_cert != NULL ? "https" : "http", buf_text(&where),
	    f->claims != NULL ? "tokens of "
	    : o->dev_no_auth  ? "none"
			      : "bearer token in ",
	    f->claims != NULL ? f->contract->auth->issuer
	    : o->dev_no_auth  ? ""
			      : o->token_name);
	buf_clear(&where);
}

void
front_start(struct front *f, struct event_base *base, struct server *server,
    void (*finished)(void *arg), void *arg)
{
	if (is_http(f->options)) {
		f->http = http_new(
		    base, server, &f->http_config, f->listen_fd, finished, arg);
		log_listening(f);
	} else if (f->options->transport == TRANSPORT_UNIX) {
		f->local = unix_new(
		    base, server, &f->unix_config, f->listen_fd, finished, arg);
		log_listening(f);
	} else {
		f->stdio = stream_new(
		    base, server, STDIN_FILENO, STDOUT_FILENO, finished, arg);
	}
}

void
front_reload(struct front *f)
{
	struct err e = {0};

	if (f->tls == NULL) {
		log_event(LOG_LEVEL_NOTICE, "reload", "nothing=to_do");
	} else if (tls_reload(f->tls, &e) != 0) {
		log_err(LOG_LEVEL_ERR, "reload_failed", &e);
	} else {
		log_event(LOG_LEVEL_NOTICE, "reloaded", "certificate=\"%s\"",
		    f->options->tls_cert);
	}
}

void
front_drain(struct front *f)
{
	if (f->http != NULL) {
		http_drain(f->http);
	}
	if (f->local != NULL) {
		unix_drain(f->local);
	}
	if (f->stdio != NULL) {
		stream_drain(f->stdio);
	}
}

int
front_drain_seconds(const struct front *f)
{
	return f->options->transport == TRANSPORT_STDIO ? DRAIN_STDIO_SECONDS
							: DRAIN_SOCKET_SECONDS;
}

void
front_clear(struct front *f)
{
	stream_free(&f->stdio);
	unix_free(&f->local);
	http_free(&f->http);
	tls_free(&f->tls);
	claims_free(&f->claims);
	verifier_free(&f->verifier);
	bearer_clear(&f->bearer);
	bearer_clear(&f->metrics_bearer);
	free(f->uids);
	credentials_clear(f->credentials, f->credential_count);
}
