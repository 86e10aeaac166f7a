/*
 * libcountersign-handler: the application's side of a Countersign change.
 *
 * writerd-handler (or Synapsor Runner 0.1.1) sends an approved change; this
 * library checks it, claims its idempotency key, locks the row, compares its
 * version, calls your function inside one transaction and answers with a
 * receipt. It opens no port: give it what your HTTP server read.
 *
 * Texts are UTF-8 and end with a NUL. What is passed in stays yours. Functions
 * that return int return 0 or an enum cs_handler_error. After cs_handler_new a
 * handler does not change: any number of threads may use it. Small memory that
 * cannot be had ends the process.
 */
#ifndef COUNTERSIGN_HANDLER_H
#define COUNTERSIGN_HANDLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CS_HANDLER_API __attribute__((visibility("default")))

/* The largest body that is looked at: let the server stop reading there. */
#define CS_HANDLER_BODY_MAX 1048576

enum cs_handler_error {
	CS_HANDLER_OK = 0,
	CS_HANDLER_E_INVALID = -1,     /* your call or setting breaks a rule */
	CS_HANDLER_E_REFUSED = -2,     /* by the database or by your function */
	CS_HANDLER_E_UNAVAILABLE = -3, /* the database, just now */
	CS_HANDLER_E_RETRY = -4,       /* deadlock: may pass when run again */
	CS_HANDLER_E_UNKNOWN = -5      /* COMMIT was sent, no answer came */
};

/* A value is its exact text: no number goes through a double. */
enum cs_handler_kind {
	CS_HANDLER_NULL,
	CS_HANDLER_BOOL,   /* "true" or "false" */
	CS_HANDLER_NUMBER, /* a JSON number; decimals of a row are TEXT */
	CS_HANDLER_TEXT
};

struct cs_handler_value {
	enum cs_handler_kind kind;
	const char *text; /* NULL for CS_HANDLER_NULL only */
};

/* A column and its value. */
struct cs_handler_field {
	const char *name;
	struct cs_handler_value value;
};

/*
 * A change that passed every check of the request. All of it lives as long as
 * your function runs, or until cs_handler_checked_clear. Identifiers match
 * [A-Za-z_][A-Za-z0-9_]*; values are what the request says and are trusted as
 * far as its sender.
 */
struct cs_handler_job {
	const char *protocol_version; /* "1.0", or the schema's id */
	const char *proposal_id;
	const char *proposal_hash;
	const char *idempotency_key;
	const char *issued_at; /* UTC; "" from a command's input */
	const char *action;
	const char *tenant_id;
	const char *object_id;
	const char *principal; /* who proposed; 0.1.1: the runner; or NULL */
	const char *schema;
	const char *table;
	struct cs_handler_field primary_key;
	struct cs_handler_field tenant_guard;
	struct cs_handler_field expected_version; /* name may be __row_hash */
	const struct cs_handler_field *patch;
	size_t patch_count;
	const struct cs_handler_field *before; /* as reviewed, in order */
	size_t before_count;
	const struct cs_handler_field *row; /* as locked; none in _verify */
	size_t row_count;
	bool dry_run;
};

/* The open transaction of one job. */
struct cs_handler_tx;

/*
 * Your business function: do the change through `tx`, then return 0. Anything
 * else, or any statement that failed, rolls all of it back. Do not act outside
 * of the transaction: what is outside cannot be rolled back.
 */
typedef int (*cs_handler_apply)(
    const struct cs_handler_job *job, struct cs_handler_tx *tx, void *context);

struct cs_handler_action {
	const char *name; /* the capability: billing.propose_account_credit */
	cs_handler_apply apply;
	void *context; /* handed to apply */
};

enum cs_handler_dialect {
	CS_HANDLER_POSTGRES,
	CS_HANDLER_MYSQL /* and MariaDB */
};

struct cs_handler_database;

/* Zero everything, then fill what you need. Everything is copied but actions'
 * contexts, the log's context and the database. */
struct cs_handler_options {
	const struct cs_handler_action *actions; /* at least one */
	size_t action_count;
	/* NULL: verify only (cs_handler_verify); cs_handler_handle refuses. */
	const struct cs_handler_database *database;
	bool verify_only; /* must be set when there is no database */
	/* Names of variables; NULL: SYNAPSOR_APP_WRITEBACK_TOKEN and
	 * SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET; "": not used. One that is
	 * used must be set and hold at least 16 bytes. */
	const char *token_env;
	const char *signing_secret_env;
	/* The values themselves, in place of a variable. */
	const char *token;
	const char *signing_secret;
	/* With neither token nor secret; for a server on loopback only. */
	bool allow_unauthenticated;
	/* For cs_handler_command: nobody but the parent can write to it. */
	bool command_mode;
	unsigned skew_ms; /* 0: 300000 */
	/* For your log: a code, the key ("" if unknown), and what happened in
	 * words that hold no value and no secret ("" if there is no more). */
	void (*log)(void *context, const char *code,
	    const char *idempotency_key, const char *detail);
	void *log_context;
};

struct cs_handler;

#define CS_HANDLER_ERROR_SIZE 512

/* NULL and a sentence in `error` (CS_HANDLER_ERROR_SIZE bytes) when a setting
 * is missing or wrong. Free with cs_handler_free. */
CS_HANDLER_API struct cs_handler *cs_handler_new(
    const struct cs_handler_options *options, char *error);
CS_HANDLER_API void cs_handler_free(struct cs_handler *h); /* NULL is fine */

struct cs_handler_header {
	const char *name; /* in any case */
	const char *value;
};

/* What the server read: all of it is untrusted. */
struct cs_handler_request {
	const char *method;
	const struct cs_handler_header *headers;
	size_t header_count;
	const void *body;
	size_t body_len;
};

/* The pure layer's result: a job, or an HTTP status with a code ("" for
 * OPTIONS, which is 204). */
struct cs_handler_checked {
	const struct cs_handler_job *job; /* NULL: refused */
	int http_status;                  /* 200 with a job */
	const char *code;                 /* a literal */
	void *memory;
};

/* Check a request at the time `now_ms` (since 1970, UTC). No database, no
 * clock. Call cs_handler_checked_clear in any case. */
CS_HANDLER_API void cs_handler_verify(const struct cs_handler *h,
    const struct cs_handler_request *request, int64_t now_ms,
    struct cs_handler_checked *out);
CS_HANDLER_API void cs_handler_checked_clear(struct cs_handler_checked *c);

struct cs_handler_answer {
	int http_status;
	const char *allow; /* value of an Allow header, or NULL */
	char *body;        /* application/json; "" for 204 */
	size_t body_len;
};

/* The whole of it: check, apply, answer. Blocks for as long as the database
 * does. Call cs_handler_answer_clear when the answer is sent. */
CS_HANDLER_API void cs_handler_handle(const struct cs_handler *h,
    const struct cs_handler_request *request, struct cs_handler_answer *out);
CS_HANDLER_API void cs_handler_answer_clear(struct cs_handler_answer *a);

/* One request line from `in`, one receipt line to `out`, for a command_handler:
 * the process boundary is the authentication. Returns the exit status: not 0
 * without a receipt, when the outcome is not known. */
CS_HANDLER_API int cs_handler_command(
    const struct cs_handler *h, FILE *in, FILE *out);

/* ---- Inside of your function -------------------------------------------- */

struct cs_handler_rows {
	size_t rows; /* at most CS_HANDLER_ROWS_MAX are read */
	size_t columns;
	const char *const *names;              /* columns */
	const struct cs_handler_value *values; /* rows x columns */
	int64_t affected; /* by a statement that changes rows */
};

#define CS_HANDLER_ROWS_MAX 1000

/* Values to bind; of cs_handler_int the text lives as long as `tx`. */
CS_HANDLER_API struct cs_handler_value cs_handler_text(const char *text);
CS_HANDLER_API struct cs_handler_value cs_handler_int(
    struct cs_handler_tx *tx, int64_t value);
/* The value of a column in a list; CS_HANDLER_NULL when it is not there. */
CS_HANDLER_API struct cs_handler_value cs_handler_get(
    const struct cs_handler_field *list, size_t count, const char *name);
/* An integer, exactly. CS_HANDLER_E_INVALID when it is none. */
CS_HANDLER_API int cs_handler_get_int(const struct cs_handler_field *list,
    size_t count, const char *name, int64_t *out);

CS_HANDLER_API enum cs_handler_dialect cs_handler_dialect_of(
    const struct cs_handler_tx *tx);

/* One statement with $1… (PostgreSQL) or ? (MySQL, MariaDB); never build it
 * from values. Transaction control and, for MySQL, DDL are refused. `rows` may
 * be NULL; it lives as long as `tx`. */
CS_HANDLER_API int cs_handler_query(struct cs_handler_tx *tx, const char *sql,
    const struct cs_handler_value *values, size_t count,
    struct cs_handler_rows *rows);

/* Table: name or schema.name. Identifiers are checked and quoted. */
CS_HANDLER_API int cs_handler_insert(struct cs_handler_tx *tx,
    const char *table, const struct cs_handler_field *values, size_t count);

struct cs_handler_update {
	const char *table;
	const struct cs_handler_field *where; /* joined by AND; not empty */
	size_t where_count;
	const struct cs_handler_field *values; /* not empty */
	size_t count;
	int64_t expected; /* rows; fewer or more is an error; -1: any */
};

CS_HANDLER_API int cs_handler_update(
    struct cs_handler_tx *tx, const struct cs_handler_update *update);

/* `return cs_handler_refuse(tx, "CREDIT_OVER_LIMIT")`: the receipt's code, an
 * upper-case word of at most 64. */
CS_HANDLER_API int cs_handler_refuse(
    struct cs_handler_tx *tx, const char *code);
/* Else the receipt counts the rows that your statements changed (at least 1)
 * and reads the version of the row again. */
CS_HANDLER_API void cs_handler_set_rows(struct cs_handler_tx *tx, int64_t rows);
CS_HANDLER_API void cs_handler_set_version(
    struct cs_handler_tx *tx, struct cs_handler_value version);

/* ---- The database ------------------------------------------------------- */

/* Zero everything, then fill what you need. */
struct cs_handler_source {
	/* postgres://user:password@host/database, or mysql://… (TCP only). */
	const char *url;
	const char
	    *url_env; /* the variable that holds it; NULL: DATABASE_URL */
	/* Name or schema.name. NULL: synapsor_handler_receipts, for
	 * PostgreSQL that in public. */
	const char *receipt_table;
	unsigned statement_timeout_ms; /* 0: 15000; locks: 5000 */
};

/*
 * The ready adapters, by libpq and libmariadb. Connects once, to see that the
 * receipt table is there with all its columns; later each request has a
 * connection of its own, of which a few are kept. NULL and a sentence in
 * `error` (CS_HANDLER_ERROR_SIZE) otherwise. The password stays in guarded
 * memory. Close it after the handlers that use it.
 */
CS_HANDLER_API struct cs_handler_database *cs_handler_database_open(
    const struct cs_handler_source *source, char *error);
CS_HANDLER_API void cs_handler_database_close(struct cs_handler_database *d);

/* Print the receipt table's DDL, for who owns the database. `table` as above.
 * CS_HANDLER_E_INVALID for a name that is none. */
CS_HANDLER_API int cs_handler_print_ddl(
    enum cs_handler_dialect dialect, const char *table, FILE *out);

/* What is stored under an idempotency key. */
struct cs_handler_receipt {
	const char *status;        /* applied, conflict; NULL: claimed now */
	const char *proposal_hash; /* "" in rows of 0.1.1 */
	const char *json;          /* the receipt */
};

/* The memory of one request: what an adapter gives back lives here. */
struct cs_handler_memory;

/* Zeroed. Gone when the request is answered. */
CS_HANDLER_API void *cs_handler_alloc(struct cs_handler_memory *m, size_t size);
/* Why the adapter fails now, for the log; copied. No values, no secrets. */
CS_HANDLER_API void cs_handler_explain(
    struct cs_handler_memory *m, const char *text);

/*
 * An adapter of your own. Functions return 0 or an enum cs_handler_error and
 * may be called from many threads, for one session from one. A session is one
 * transaction on one connection; `commit` and `rollback` end it, whatever they
 * return. After a failure only `rollback` is called.
 */
struct cs_handler_database {
	void *context;
	enum cs_handler_dialect dialect; /* of the texts for `query` */
	int (*begin)(
	    void *context, struct cs_handler_memory *m, void **session);
	/* Insert the receipt row as `claimed`, as the first statement. Where
	 * the key is taken: wait for its owner, lock the row, fill *existing.
	 */
	int (*claim)(void *session, const struct cs_handler_job *job,
	    struct cs_handler_receipt *existing);
	/* The rows with this key and this tenant, all columns, FOR UPDATE. */
	int (*lock_target)(void *session, const struct cs_handler_job *job,
	    struct cs_handler_rows *rows);
	/* Complete the claimed row. */
	int (*record)(void *session, const struct cs_handler_job *job,
	    const struct cs_handler_receipt *receipt);
	int (*query)(void *session, const char *sql,
	    const struct cs_handler_value *values, size_t count,
	    struct cs_handler_rows *rows);
	/* CS_HANDLER_E_UNKNOWN unless it is certain what became of it. */
	int (*commit)(void *session);
	void (*rollback)(void *session);
};

#ifdef __cplusplus
}
#endif

#endif
