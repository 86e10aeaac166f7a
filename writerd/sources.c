#include "writerd/sources.h"

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/db/lite.h"
#include "common/db/my_url.h"
#include "common/db/pg_url.h"
#include "writerd/posture.h"

const struct db_ops *
db_ops_of(enum source_engine engine)
{
	static const struct db_ops *const ops[] = {
	    [ENGINE_POSTGRES] = &db_pg_ops,
	    [ENGINE_MYSQL] = &db_my_ops,
	    [ENGINE_SQLITE] = &db_lite_ops};

	return engine < sizeof(ops) / sizeof(ops[0]) ? ops[engine] : NULL;
}

int
db_run(struct db *db, struct db_step *steps, size_t count, struct arena *a,
    size_t *done, struct err *e)
{
	int rc = 0;

	*done = 0;
	if (db->ops->run != NULL) {
		return db->ops->run(db, steps, count, a, done, e);
	}
	for (; *done < count && rc == 0; *done += rc == 0) {
		struct db_step *s = &steps[*done];
		rc = db->ops->query(db, s->sql, s->params, a, &s->result, e);
	}
	return rc;
}

static size_t
find_credential(const struct sources *s, const char *name)
{
	size_t i = 0;

	while (i < s->credential_count &&
	       strcmp(s->credentials[i].name, name) != 0) {
		i++;
	}
	return i;
}

void
sources_init(struct sources *s, const struct contract *c)
{
	*s = (struct sources){.contract = c};
	s->credentials = xcalloc(c->source_count, sizeof(*s->credentials));
	s->open = xcalloc(c->source_count, sizeof(struct db *));
	for (size_t i = 0; i < c->source_count; i++) {
		const char *name = c->sources[i].write_url_env;
		if (name != NULL &&
		    find_credential(s, name) == s->credential_count) {
			s->credentials[s->credential_count++].name = name;
		}
	}
}

/* What one URL adds to the sandbox's openings. */
struct opening {
	struct arena *arena;
	struct confine *confine;
	struct path_rule *paths;
	uint16_t *ports;
};

/* The text is copied, for it comes out of a secret; NULL: none. */
static void
allow_file(struct opening *o, const char *path)
{
	if (path != NULL) {
		o->paths[o->confine->path_count++] = (struct path_rule){
		    arena_strndup(o->arena, path, strlen(path)), PATH_RO};
	}
}

static void
open_for_pg(struct span url, struct opening *o)
{
	struct pg_url parsed;
	const char *files[PG_URL_FILES] = {NULL};

	if (pg_url_parse(url, &parsed, NULL) == 0) {
		unsigned port = pg_url_port(&parsed);
		o->confine->is_db_client = true;
		if (port == 0) {
			o->confine->needs_unix_socket = true;
		} else {
			o->ports[o->confine->tcp_port_count++] = (uint16_t)port;
		}
		pg_url_files(&parsed, files);
	}
	for (size_t i = 0; i < PG_URL_FILES; i++) {
		allow_file(o, files[i]);
	}
	pg_url_clear(&parsed);
}

static void
open_for_my(struct span url, struct opening *o)
{
	struct my_url parsed;
	const char *ca = NULL;

	if (my_url_parse(url, &parsed, NULL) == 0) {
		o->confine->is_db_client = true;
		o->ports[o->confine->tcp_port_count++] = (uint16_t)parsed.port;
		ca = parsed.part[MY_URL_SSLROOTCERT];
	}
	allow_file(o, ca);
	my_url_clear(&parsed);
}

static int
open_for_url(struct span url, void *context)
{
	struct opening *o = context;
	const char *path = NULL;

	if (lite_url_is(url)) {
		if (lite_url_path(url, o->arena, &path, NULL) == 0) {
			/* The folder: the journal lives beside the file. */
			o->paths[o->confine->path_count++] = (struct path_rule){
			    arena_span(o->arena, path_folder(path)).ptr,
			    PATH_RW};
		}
		return 0;
	}
	if (my_url_is(url)) {
		open_for_my(url, o);
	} else {
		open_for_pg(url, o);
	}
	return 0;
}

int
sources_confine(const struct sources *s, struct arena *a, struct confine *out,
    struct err *e)
{
	struct opening o = {.arena = a,
	    .confine = out,
	    .paths = arena_array(a,
		(s->credential_count + 1) * PG_URL_FILES + 1, sizeof(*o.paths)),
	    .ports = arena_array(a, s->credential_count + 1, sizeof(*o.ports))};

	(void)e;
	*out = (struct confine){.paths = o.paths, .tcp_ports = o.ports};
	for (size_t i = 0; i < s->credential_count; i++) {
		if (s->credentials[i].value != NULL) {
			(void)secret_with(
			    s->credentials[i].value, open_for_url, &o);
		}
	}
	/* The folder: the file is replaced by another when it changes. */
	if (s->contract->allowed_signers != NULL) {
		struct span folder = path_folder(s->contract->allowed_signers);
		o.paths[out->path_count++] = (struct path_rule){
		    arena_strndup(a, folder.ptr, folder.len), PATH_RO};
	}
	return 0;
}

/* Arguments of db_ops.open through secret_with. */
struct opening_db {
	const struct db_ops *ops;
	const struct contract_source *source;
	struct db **out;
	struct err *err;
};

static int
open_db(struct span url, void *context)
{
	struct opening_db *o = context;

	return o->ops->open(o->source, url, o->out, o->err);
}

int
sources_connect(struct sources *s, const struct contract_source *source,
    struct db **out, struct err *e)
{
	size_t index = (size_t)(source - s->contract->sources);
	struct opening_db o = {.ops = db_ops_of(source->engine),
	    .source = source,
	    .out = &s->open[index],
	    .err = e};
	size_t at = source->write_url_env == NULL
			? s->credential_count
			: find_credential(s, source->write_url_env);
	int rc = 0;

	if (o.ops == NULL) {
		return err_set(e, CS_E_UNSUPPORTED, "ENGINE_UNSUPPORTED",
		    "this writer cannot write to %s",
		    contract_engine_name(source->engine));
	}
	/* A kept connection may have ended while nobody looked. */
	sources_release(s, source, false);
	if (s->open[index] == NULL) {
		if (at == s->credential_count ||
		    s->credentials[at].value == NULL) {
			return err_set(e, CS_E_UNAVAILABLE,
			    "WRITE_CREDENTIAL_MISSING",
			    "this writer was not given %s, the write URL of "
			    "source %s",
			    source->write_url_env == NULL
				? "(none in the contract)"
				: source->write_url_env,
			    source->name);
		}
		rc = secret_with(s->credentials[at].value, open_db, &o);
		if (rc == 0 && !s->only_looks &&
		    (rc = posture_refuse(
			 s->open[index], s->contract, source, e)) != 0) {
			sources_release(s, source, true);
		}
	}
	*out = s->open[index];
	return rc;
}

void
sources_release(
    struct sources *s, const struct contract_source *source, bool always)
{
	struct db **db = &s->open[source - s->contract->sources];

	if (*db != NULL && (always || !(*db)->ops->is_alive(*db))) {
		(*db)->ops->close(*db);
		*db = NULL;
	}
}

static bool
has_writes(const struct contract *c, const struct contract_source *source)
{
	for (size_t i = 0; i < c->capability_count; i++) {
		if (c->capabilities[i].source == source &&
		    posture_is_written(&c->capabilities[i])) {
			return true;
		}
	}
	return false;
}

void
sources_look(struct sources *s)
{
	for (size_t i = 0; i < s->contract->source_count; i++) {
		const struct contract_source *source = &s->contract->sources[i];
		struct db *db = NULL;
		struct err e = {0};

		if (!has_writes(s->contract, source)) {
			continue;
		}
		s->only_looks = true;
		if (sources_connect(s, source, &db, &e) != 0) {
			log_err(LOG_LEVEL_WARN, "writer_posture_not_known", &e);
		} else {
			bool usable = posture_log(db, s->contract, source);
			sources_release(s, source, !usable);
		}
		s->only_looks = false;
	}
}

void
sources_clear(struct sources *s)
{
	for (size_t i = 0; i < s->contract->source_count; i++) {
		sources_release(s, &s->contract->sources[i], true);
	}
	credentials_clear(s->credentials, s->credential_count);
	free(s->credentials);
	free(s->open);
}
