/*
 * Credentials stay in their secrets: each URL is looked at inside secret_with,
 * and only ports and paths leave it.
 */
#include "mcpd/sources.h"

#include <event2/event.h>
#include <sqlite3.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/db/lite.h"
#include "common/db/my_url.h"
#include "common/db/pg_url.h"
#include "mcpd/read/probe.h"

/* A source never needs more rules than its certificate files or its folder. */
#define PATHS_PER_SOURCE PG_URL_FILES

/* Half a second. */
#define SETTLE_TURNS   25
#define SETTLE_TURN_US 20000

/* What the callbacks inside secret_with need: they see one URL and leave
 * behind a port, a path or a reader. */
struct opening {
	struct sources *sources;
	struct event_base *base;
	const struct contract_source *source;
	const struct secret *secret;
	struct link *link;
	struct err *e;
};

/* Sources may share a URL: one credential then serves them all. */
static struct credential *
find_credential(struct sources *s, const char *name)
{
	for (size_t i = 0; i < s->credential_count; i++) {
		if (strcmp(s->credentials[i].name, name) == 0) {
			return &s->credentials[i];
		}
	}
	return NULL;
}

void
sources_init(struct sources *s, const struct contract *c)
{
	size_t n = c->source_count + 1;

	memset(s, 0, sizeof(*s));
	s->contract = c;
	s->arena = arena_new();
	s->credentials = xcalloc(n, sizeof(*s->credentials));
	s->readers = xcalloc(n, sizeof(struct reader *));
	s->paths = xcalloc(n * PATHS_PER_SOURCE, sizeof(*s->paths));
	s->ports = xcalloc(n, sizeof(*s->ports));
	for (size_t i = 0; i < c->source_count; i++) {
		const char *name = c->sources[i].read_url_env;

		if (name != NULL && find_credential(s, name) == NULL) {
			s->credentials[s->credential_count++].name = name;
		}
	}
}

/* The text is copied, for it may come out of a secret. */
static void
allow_path(struct sources *s, const char *path, enum path_access access)
{
	s->paths[s->path_count++] = (struct path_rule){
	    arena_strndup(s->arena, path, strlen(path)), access};
}

/* The port and the certificate files that libpq will want. */
static int
allow_pg(struct span text, void *context)
{
	struct opening *o = context;
	struct sources *s = o->sources;
	const char *files[PG_URL_FILES] = {NULL};
	struct pg_url url;
	int rc = pg_url_parse(text, &url, o->e);

	/* Port 0 means a socket path: the sandbox allows AF_UNIX then. */
	if (rc == 0 && pg_url_port(&url) == 0) {
		s->needs_unix_socket = true;
	} else if (rc == 0) {
		s->ports[s->port_count++] = (uint16_t)pg_url_port(&url);
	}
	if (rc == 0) {
		pg_url_files(&url, files);
	}
	for (size_t i = 0; i < PG_URL_FILES; i++) {
		if (files[i] != NULL) {
			allow_path(s, files[i], PATH_RO);
		}
	}
	pg_url_clear(&url);
	return rc;
}

/* Look at the URL for the sandbox, then hand the secret itself to the
 * reader, which needs it at every new connection. */
static int
open_pg(struct opening *o)
{
	int rc = secret_with(o->secret, allow_pg, o);

	if (rc != 0) {
		err_context(o->e, "source %s", o->source->name);
		return rc;
	}
	return pg_link_new(o->base, o->source, o->secret,
	    o->sources->contract->capability_count, &o->link, o->e);
}

/* The port and the certificate that libmariadb will want. */
static int
allow_my(struct span text, void *context)
{
	struct opening *o = context;
	struct sources *s = o->sources;
	struct my_url url;
	int rc = my_url_parse(text, &url, o->e);

	if (rc == 0) {
		s->ports[s->port_count++] = (uint16_t)url.port;
	}
	if (rc == 0 && url.part[MY_URL_SSLROOTCERT] != NULL) {
		allow_path(s, url.part[MY_URL_SSLROOTCERT], PATH_RO);
	}
	my_url_clear(&url);
	return rc;
}

static int
open_my(struct opening *o)
{
	int rc = secret_with(o->secret, allow_my, o);

	if (rc != 0) {
		err_context(o->e, "source %s", o->source->name);
		return rc;
	}
	return my_link_new(o->base, o->source, o->secret,
	    o->sources->contract->capability_count, &o->link, o->e);
}

/*
 * The files, not their folder: a ledger may lie in it or below it. The
 * connection was opened and has read, so in WAL mode -wal and -shm exist by
 * now, and they stay as long as it does; a reader writes to -shm only.
 */
static void
allow_lite(struct sources *s, const char *path)
{
	const char *shm = arena_printf(s->arena, "%s-shm", path);

	allow_path(s, path, PATH_RO);
	allow_path(s, arena_printf(s->arena, "%s-wal", path), PATH_RO);
	if (access(shm, F_OK) == 0) {
		allow_path(s, shm, PATH_RW);
	}
}

/* Opened now: once the sandbox is closed only the rules of its files decide. */
static int
open_lite_path(struct span url, void *context)
{
	struct opening *o = context;
	struct sources *s = o->sources;
	const char *path = NULL;
	int rc = lite_url_path(url, s->arena, &path, o->e);

	if (rc != 0) {
		err_context(o->e, "source %s", o->source->name);
		return rc;
	}
	rc = lite_link_new(
	    o->source, path, s->contract->capability_count, &o->link, o->e);
	if (rc == 0) {
		allow_lite(s, path);
	}
	return rc;
}

static int
open_lite(struct opening *o)
{
	return secret_with(o->secret, open_lite_path, o);
}

static int (*const openers[])(struct opening *o) = {
    [ENGINE_POSTGRES] = open_pg,
    [ENGINE_MYSQL] = open_my,
    [ENGINE_SQLITE] = open_lite,
};

int
sources_open(struct sources *s, struct event_base *base, struct err *e)
{
	for (size_t i = 0; i < s->contract->source_count; i++) {
		struct opening o = {.sources = s,
		    .base = base,
		    .source = &s->contract->sources[i],
		    .e = e};
		const struct credential *c = NULL;
		int rc = 0;

		if (o.source->read_url_env != NULL) {
			c = find_credential(s, o.source->read_url_env);
		}
		/* Not fatal: the other sources work, and the model is told
		 * which kind of trouble it is. */
		if (c == NULL || c->value == NULL) {
			log_event(LOG_LEVEL_WARN, "credential_missing",
			    "source=%s name=%s", o.source->name,
			    c == NULL ? "none" : c->name);
			continue;
		}
		o.secret = c->value;
		rc = openers[o.source->engine](&o);
		if (rc != 0) {
			return rc;
		}
		s->readers[i] = gate_new(base, s->contract, o.source, o.link);
	}
	return 0;
}

void
sources_start(struct sources *s)
{
	for (size_t i = 0; i < s->contract->source_count; i++) {
		struct reader *r = s->readers[i];

		if (r != NULL && r->ops->start != NULL) {
			r->ops->start(r);
		}
	}
}

void
sources_stop(struct sources *s)
{
	for (size_t i = 0; i < s->contract->source_count; i++) {
		if (s->readers[i] != NULL) {
			s->readers[i]->ops->stop(s->readers[i]);
		}
	}
}

static bool
is_ending(const struct sources *s)
{
	for (size_t i = 0; i < s->contract->source_count; i++) {
		const struct reader *r = s->readers[i];

		if (r != NULL && r->ops->is_ending(r)) {
			return true;
		}
	}
	return false;
}

void
sources_settle(struct sources *s, struct event_base *base)
{
	const struct timeval turn = {0, SETTLE_TURN_US};

	for (int i = 0; i < SETTLE_TURNS && is_ending(s); i++) {
		event_base_loopexit(base, &turn);
		event_base_dispatch(base);
	}
}

/* How many probes are under way. */
struct checking {
	struct event_base *base;
	size_t open;
};

static void
on_checked(void *context)
{
	struct checking *c = context;

	if (--c->open == 0) {
		event_base_loopbreak(c->base);
	}
}

/* What the probe of a source found, or why there was none. */
static bool
put_findings(
    const struct sources *s, size_t source, struct span lines, struct buf *out)
{
	static const char failed[] = "\"ok\":false";
	struct finding f = {.subject = s->contract->sources[source].name,
	    .check = "connection"};

	if (lines.len > 0) {
		buf_span(out, lines);
		return memmem(lines.ptr, lines.len, failed, strlen(failed)) ==
		       NULL;
	}
	f.code = s->readers[source] == NULL ? "SOURCE_CREDENTIAL_MISSING"
					    : "DATABASE_UNAVAILABLE";
	f.detail = s->readers[source] == NULL
		       ? "the read URL is not set"
		       : "the database did not answer; the log says why";
	f.remedy = "set the variable that read_url_env names to the URL of the "
		   "reader's role; see that the server runs";
	finding_put(out, &f);
	return false;
}

bool
sources_check(struct sources *s, struct event_base *base, struct buf *out)
{
	struct checking c = {base, 1};
	bool well = true;

	for (size_t i = 0; i < s->contract->source_count; i++) {
		if (s->readers[i] != NULL) {
			c.open++;
			probe_on_end(gate_probe(s->readers[i]), on_checked, &c);
			probe_run(gate_probe(s->readers[i]));
		}
	}
	if (--c.open > 0) {
		(void)event_base_dispatch(base);
	}
	for (size_t i = 0; i < s->contract->source_count; i++) {
		const struct reader *r = s->readers[i];
		struct span none = {0};

		well = put_findings(s, i,
			   r == NULL ? none
				     : probe_lines(gate_probe(s->readers[i])),
			   out) &&
		       well;
	}
	return well;
}

void
sources_clear(struct sources *s)
{
	for (size_t i = 0; s->contract != NULL && i < s->contract->source_count;
	     i++) {
		if (s->readers[i] != NULL) {
			s->readers[i]->ops->free(s->readers[i]);
		}
	}
	credentials_clear(s->credentials, s->credential_count);
	free(s->credentials);
	free(s->readers);
	free(s->paths);
	free(s->ports);
	arena_free(&s->arena);
	memset(s, 0, sizeof(*s));
}
