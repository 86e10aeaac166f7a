/*
 * The ready adapters: PostgreSQL by libpq, MySQL and MariaDB by libmariadb,
 * both by the writer's own database layer. A request has a connection of its
 * own; a few that are idle are kept.
 */
#include <pthread.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/crypto/secret.h"
#include "common/db/my_url.h"
#include "common/db/pg_url.h"
#include "kit/c/internal.h"
#include "writerd/db.h"

#define IDLE_MAX 8

/* Sessions are in UTC, so that a moment has one text. */
struct statements {
	const char *begin;
	const char *claim;
	const char *existing;
	const char *record;
	const char *columns;
};

struct kit_database {
	struct cs_handler_database api; /* first: it is what is handed out */
	const struct db_ops *ops;
	struct contract_source source; /* timeouts only */
	struct secret *url;
	struct arena *arena; /* of the texts below */
	struct statements sql;
	pthread_mutex_t lock; /* guards what follows */
	struct db *idle[IDLE_MAX];
	size_t idle_count;
};

struct session {
	struct kit_database *owner;
	struct db *db;
	struct cs_handler_memory *memory;
};

/* What the layer said, up to what it would have a writer's operator do. */
static int
failed(struct cs_handler_memory *m, const struct db *db, int rc,
    const struct err *e)
{
	size_t len = strcspn(e->msg, ";");

	m->detail = arena_strndup(m->arena, e->msg, len);
	if (db != NULL && db->would_pass) {
		return CS_HANDLER_E_RETRY;
	}
	return rc == CS_E_UNKNOWN       ? CS_HANDLER_E_UNKNOWN
	       : rc == CS_E_UNAVAILABLE ? CS_HANDLER_E_UNAVAILABLE
					: CS_HANDLER_E_REFUSED;
}

struct opening {
	struct kit_database *self;
	struct db *db;
	struct err e;
};

/* Called with the URL in the clear, for as long as connecting takes. */
static int
open_with(struct span url, void *context)
{
	struct opening *o = context;

	return o->self->ops->open(&o->self->source, url, &o->db, &o->e);
}

/* One that was kept and still stands, or a new one. */
static struct db *
take_connection(struct kit_database *d, struct opening *o)
{
	struct db *db = NULL;

	(void)pthread_mutex_lock(&d->lock);
	while (db == NULL && d->idle_count > 0) {
		db = d->idle[--d->idle_count];
		if (!d->ops->is_alive(db)) {
			d->ops->close(db);
			db = NULL;
		}
	}
	(void)pthread_mutex_unlock(&d->lock);
	if (db == NULL && secret_with(d->url, open_with, o) == 0) {
		db = o->db;
	}
	return db;
}

/* For the next request, if it is between transactions and still stands. A
 * connection in doubt is closed: the server then rolls back. */
static void
give_back(struct session *s)
{
	struct kit_database *d = s->owner;
	struct db *db = s->db;

	s->db = NULL;
	if (d->ops->is_alive(db)) {
		db->max_rows = 0;
		(void)pthread_mutex_lock(&d->lock);
		if (d->idle_count < IDLE_MAX) {
			d->idle[d->idle_count++] = db;
			db = NULL;
		}
		(void)pthread_mutex_unlock(&d->lock);
	}
	if (db != NULL) {
		d->ops->close(db);
	}
}

/* Every statement goes through here. CS_E_STATE (a key that exists) is kept
 * as it is; all else becomes an enum cs_handler_error. */
static int
run(struct session *s, const char *sql, struct db_params params,
    struct db_result *out)
{
	struct err e = {0};
	int rc;

	s->db->would_pass = false;
	rc =
	    s->owner->ops->query(s->db, sql, params, s->memory->arena, out, &e);
	if (rc == CS_E_STATE) {
		(void)failed(s->memory, NULL, rc, &e);
		return rc; /* a key that exists; the claim looks for it */
	}
	return rc == 0 ? 0 : failed(s->memory, s->db, rc, &e);
}

/* Connect, or take a kept connection, and begin. */
static int
kit_begin(void *context, struct cs_handler_memory *m, void **session)
{
	struct kit_database *d = context;
	struct opening o = {.self = d};
	struct session *s = arena_alloc(m->arena, sizeof(*s));
	struct db_result unused;
	int rc;

	*s = (struct session){.owner = d, .memory = m};
	s->db = take_connection(d, &o);
	if (s->db == NULL) {
		/* The text of the driver may name host and user. */
		cs_handler_explain(m, "the database could not be reached");
		return CS_HANDLER_E_UNAVAILABLE;
	}
	rc = run(s, d->sql.begin, (struct db_params){0}, &unused);
	if (rc != 0) {
		d->ops->close(s->db);
		return rc == CS_E_STATE ? CS_HANDLER_E_REFUSED : rc;
	}
	s->db->max_rows = CS_HANDLER_ROWS_MAX;
	*session = s;
	return 0;
}

static struct scalar
text(const char *value)
{
	return (struct scalar){SCALAR_TEXT, span_of(value)};
}

/* Values of a row are texts that end with a NUL; NULL is "". */
static const char *
column_text(const struct db_result *r, size_t column)
{
	return r->values[column].kind == SCALAR_NULL
		   ? ""
		   : r->values[column].text.ptr;
}

/* PostgreSQL waits for the owner of the key inside the INSERT, MySQL as well,
 * and then says that the key exists. Reading under lock comes after that, so
 * it sees what the owner committed. */
static int
kit_claim(void *session, const struct cs_handler_job *job,
    struct cs_handler_receipt *existing)
{
	struct session *s = session;
	const struct statements *sql = &s->owner->sql;
	struct scalar params[] = {text(job->idempotency_key),
	    text(job->proposal_id), text(job->proposal_hash),
	    text(job->action)};
	struct db_result r;
	int rc = run(s, sql->claim, (struct db_params){params, 4, NULL}, &r);

	*existing = (struct cs_handler_receipt){.status = NULL};
	if (rc == 0 && r.affected == 1) {
		return 0;
	}
	if (rc != 0 && rc != CS_E_STATE) {
		return rc;
	}
	rc = run(s, sql->existing, (struct db_params){params, 1, NULL}, &r);
	if (rc != 0) {
		return rc == CS_E_STATE ? CS_HANDLER_E_REFUSED : rc;
	}
	if (r.rows != 1) {
		/* Its owner rolled back, or took it away, in this moment. */
		return CS_HANDLER_E_RETRY;
	}
	*existing = (struct cs_handler_receipt){
	    column_text(&r, 0), column_text(&r, 1), column_text(&r, 2)};
	return 0;
}

/* The kit's shape of what was read. */
static void
convert(const struct db_result *r, struct arena *a, struct cs_handler_rows *out)
{
	struct cs_handler_value *values =
	    arena_array(a, r->rows * r->columns + 1, sizeof(*values));

	for (size_t i = 0; i < r->rows * r->columns; i++) {
		values[i] = kit_value(r->values[i], a);
	}
	*out = (struct cs_handler_rows){.rows = r->rows,
	    .columns = r->columns,
	    .names = r->names,
	    .values = values,
	    .affected = r->affected};
}

/* The application's own statement; its values are bound like ours. */
static int
kit_query(void *session, const char *sql, const struct cs_handler_value *values,
    size_t count, struct cs_handler_rows *rows)
{
	struct session *s = session;
	struct scalar *params =
	    arena_array(s->memory->arena, count + 1, sizeof(*params));
	struct db_result r = {0};
	int rc;

	for (size_t i = 0; i < count; i++) {
		params[i] = kit_scalar(values[i]);
	}
	rc = run(s, sql, (struct db_params){params, count, NULL}, &r);
	if (rc != 0) {
		return rc == CS_E_STATE ? CS_HANDLER_E_REFUSED : rc;
	}
	convert(&r, s->memory->arena, rows);
	return 0;
}

/* Identifiers were checked when the request was read. */
static int
kit_lock_target(void *session, const struct cs_handler_job *job,
    struct cs_handler_rows *rows)
{
	struct session *s = session;
	bool is_my = s->owner->api.dialect == CS_HANDLER_MYSQL;
	char q = is_my ? '`' : '"';
	struct scalar params[] = {kit_scalar(job->primary_key.value),
	    kit_scalar(job->tenant_guard.value)};
	struct span names[] = {
	    span_of(job->primary_key.name), span_of(job->tenant_guard.name)};
	struct db_result r = {0};
	const char *sql = arena_printf(s->memory->arena,
	    "SELECT * FROM %c%s%c.%c%s%c WHERE %c%s%c = %s AND %c%s%c = %s FOR "
	    "UPDATE",
	    q, job->schema, q, q, job->table, q, q, job->primary_key.name, q,
	    is_my ? "?" : "$1", q, job->tenant_guard.name, q,
	    is_my ? "?" : "$2");
	int rc = run(s, sql, (struct db_params){params, 2, names}, &r);

	if (rc != 0) {
		return rc == CS_E_STATE ? CS_HANDLER_E_REFUSED : rc;
	}
	convert(&r, s->memory->arena, rows);
	return 0;
}

/* Only a row that is still claimed is completed: once. */
static int
kit_record(void *session, const struct cs_handler_job *job,
    const struct cs_handler_receipt *receipt)
{
	struct session *s = session;
	struct scalar params[] = {text(receipt->status), text(receipt->json),
	    text(job->idempotency_key)};
	struct db_result r = {0};
	int rc = run(
	    s, s->owner->sql.record, (struct db_params){params, 3, NULL}, &r);

	if (rc == 0 && r.affected != 1) {
		cs_handler_explain(
		    s->memory, "the claimed receipt row is not there any more");
		return CS_HANDLER_E_REFUSED;
	}
	return rc == CS_E_STATE ? CS_HANDLER_E_REFUSED : rc;
}

/* CS_E_UNKNOWN stays what it is: the layer below tells a COMMIT that failed
 * from one whose answer is missing. */
static int
kit_commit(void *session)
{
	struct session *s = session;
	struct err e = {0};
	int rc = s->owner->ops->commit(s->db, &e);

	if (rc != 0) {
		rc = failed(s->memory, NULL, rc, &e);
	}
	give_back(s);
	return rc;
}

static void
kit_rollback(void *session)
{
	struct session *s = session;

	s->owner->ops->rollback(s->db);
	give_back(s);
}

static void
build_statements(struct kit_database *d, const char *table)
{
	bool is_my = d->api.dialect == CS_HANDLER_MYSQL;
	struct arena *a = d->arena;

	/* Each statement is to see what others committed before it: that is how
	 * a second claim finds the first one's receipt. */
	d->sql.begin = is_my ? "START TRANSACTION"
			     : "BEGIN ISOLATION LEVEL READ COMMITTED";
	d->sql.claim = arena_printf(a,
	    "INSERT INTO %s (idempotency_key, proposal_id, proposal_hash, "
	    "action, status, receipt_json) VALUES (%s, 'claimed', '{}')%s",
	    table, is_my ? "?, ?, ?, ?" : "$1, $2, $3, $4",
	    is_my ? "" : " ON CONFLICT (idempotency_key) DO NOTHING");
	d->sql.existing = arena_printf(a,
	    "SELECT status, proposal_hash, receipt_json FROM %s WHERE "
	    "idempotency_key = %s FOR UPDATE",
	    table, is_my ? "?" : "$1");
	d->sql.record = arena_printf(a,
	    "UPDATE %s SET status = %s, receipt_json = %s, completed_at = "
	    "CURRENT_TIMESTAMP WHERE idempotency_key = %s AND status = "
	    "'claimed'",
	    table, is_my ? "?" : "$1", is_my ? "?" : "$2", is_my ? "?" : "$3");
	d->sql.columns = arena_printf(a,
	    "SELECT idempotency_key, proposal_id, proposal_hash, action, "
	    "status, receipt_json, completed_at FROM %s WHERE 1 = 0",
	    table);
}

/* Is the table there, with everything? What 0.1.1 made lacks one column. */
static bool
check_table(struct kit_database *d, const char *table, char *error)
{
	struct cs_handler_memory m = {arena_new(), ""};
	struct opening o = {.self = d};
	struct session s = {.owner = d, .memory = &m};
	struct db_result r;
	int rc = CS_HANDLER_E_UNAVAILABLE;

	s.db = take_connection(d, &o);
	if (s.db == NULL) {
		(void)snprintf(error, CS_HANDLER_ERROR_SIZE,
		    "the database cannot be reached: %s", o.e.msg);
	} else {
		rc = run(&s, d->sql.columns, (struct db_params){0}, &r);
		if (rc != 0) {
			(void)snprintf(error, CS_HANDLER_ERROR_SIZE,
			    "the receipt table %s cannot be used (%s); as its "
			    "owner run the CREATE TABLE that "
			    "cs_handler_print_ddl prints. One that 0.1.1 made "
			    "needs: %s",
			    table, m.detail,
			    kit_ddl_alter(d->api.dialect, table, m.arena));
		}
		give_back(&s);
	}
	arena_free(&m.arena);
	return rc == 0;
}

/* What both engines share; the dialect is in the texts. */
static const struct cs_handler_database functions = {
    .begin = kit_begin,
    .claim = kit_claim,
    .lock_target = kit_lock_target,
    .record = kit_record,
    .query = kit_query,
    .commit = kit_commit,
    .rollback = kit_rollback,
};

/* NULL and a sentence unless the scheme is one that we have a driver for. The
 * URL itself is never quoted: it holds the password. */
static const char *
source_url(const struct cs_handler_source *source, char *error)
{
	const char *name =
	    source->url_env != NULL ? source->url_env : "DATABASE_URL";
	const char *url =
	    source->url != NULL ? source->url : secure_getenv(name);
	bool known =
	    url != NULL && (pg_url_is(span_of(url)) || my_url_is(span_of(url)));

	if (!known) {
		(void)snprintf(error, CS_HANDLER_ERROR_SIZE,
		    "%s holds no URL of a database (postgres://… or "
		    "mysql://…); set it",
		    source->url != NULL ? "url" : name);
	}
	return known ? url : NULL;
}

struct cs_handler_database *
cs_handler_database_open(const struct cs_handler_source *source, char *error)
{
	const char *url = source_url(source, error);
	const char *table = source->receipt_table;
	struct kit_database *d;

	if (url == NULL || strlen(url) >= SECRET_MAX) {
		return NULL;
	}
	crypto_init();
	d = xcalloc(1, sizeof(*d));
	d->api = functions;
	d->api.context = d;
	d->api.dialect =
	    pg_url_is(span_of(url)) ? CS_HANDLER_POSTGRES : CS_HANDLER_MYSQL;
	d->ops =
	    d->api.dialect == CS_HANDLER_POSTGRES ? &db_pg_ops : &db_my_ops;
	d->source.statement_timeout_ms = source->statement_timeout_ms;
	d->arena = arena_new();
	d->url = secret_new(span_of(url));
	(void)pthread_mutex_init(&d->lock, NULL);
	table = kit_receipt_table(table, d->api.dialect, d->arena);
	if (table == NULL) {
		(void)snprintf(error, CS_HANDLER_ERROR_SIZE,
		    "receipt_table is no name of a table (name, or "
		    "schema.name)");
	} else {
		build_statements(d, table);
	}
	if (table == NULL || !check_table(d, table, error)) {
		cs_handler_database_close(&d->api);
		return NULL;
	}
	return &d->api;
}

void
cs_handler_database_close(struct cs_handler_database *database)
{
	struct kit_database *d = (struct kit_database *)database;

	if (d == NULL) {
		return;
	}
	while (d->idle_count > 0) {
		d->ops->close(d->idle[--d->idle_count]);
	}
	(void)pthread_mutex_destroy(&d->lock);
	secret_free(&d->url);
	arena_free(&d->arena);
	free(d);
}
