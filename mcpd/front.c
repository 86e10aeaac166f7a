#include "mcpd/front.h"

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/crypto/secret.h"
#include "mcpd/transport/listener.h"
#include "mcpd/transport/stdio.h"

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
front_init(struct front *f, const struct options *o)
{
	f->options = o;
	f->listen_fd = -1;
	if (!is_http(o)) {
		return;
	}
	if (!o->dev_no_auth) {
		add_credential(f, o->token_name);
		add_credential(f, o->previous_token_name);
	}
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

static int
take_tokens(struct front *f, bool is_local, struct err *e)
{
	const struct options *o = f->options;
	const char *names[] = {o->token_name, o->previous_token_name};
	int rc = 0;

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
	fill_config(f, is_local);
	return rc;
}

int
front_open(struct front *f, const struct startup *s, struct err *e)
{
	int rc = 0;

	if (is_http(f->options)) {
		rc = open_http(f, s, e);
	}
	credentials_clear(f->credentials, f->credential_count);
	return rc;
}

bool
front_needs_poll(const struct front *f)
{
	return f->options->transport == TRANSPORT_STDIO && stdio_needs_poll();
}

static void
log_listening(const struct front *f)
{
	const struct options *o = f->options;
	struct buf where = BUF_INIT;

	listener_describe(f->listen_fd, &where);
	log_event(LOG_LEVEL_NOTICE, "listening",
	    "url=%s://%s/mcp auth=\"%s%s\"",
	    o->tls_cert != NULL ? "https" : "http", buf_text(&where),
	    o->dev_no_auth ? "none" : "bearer token in ",
	    o->dev_no_auth ? "" : o->token_name);
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
	} else {
		f->stdio = stdio_new(base, server, finished, arg);
	}
}

void
front_drain(struct front *f)
{
	if (f->http != NULL) {
		http_drain(f->http);
	}
	if (f->stdio != NULL) {
		stdio_drain(f->stdio);
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
	stdio_free(&f->stdio);
	http_free(&f->http);
	bearer_clear(&f->bearer);
	credentials_clear(f->credentials, f->credential_count);
}
