/*
 * What the files of the handler kit share. Nothing here is exported.
 */
#ifndef CS_KIT_C_INTERNAL_H
#define CS_KIT_C_INTERNAL_H

#include "common/base/scalar.h"
#include "kit/c/countersign-handler.h"

struct arena;
struct secret;

#define KIT_TOKEN_ENV      "SYNAPSOR_APP_WRITEBACK_TOKEN"
#define KIT_SECRET_ENV     "SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET"
#define KIT_SECRET_MIN     16
#define KIT_SKEW_MS        300000
#define KIT_SCHEMA         "synapsor.handler-writeback.v1"
#define KIT_PROTOCOL       "1.0"
#define KIT_ROW_HASH       "__row_hash"
#define KIT_CODE_MAX       64
#define KIT_KEY_CHARACTERS 512

struct cs_handler {
	struct cs_handler_action *actions;
	size_t action_count;
	const struct cs_handler_database *database; /* NULL: verify only */
	struct secret *token;                       /* NULL: not used */
	struct secret *signing_secret;              /* NULL: not used */
	bool command_mode;
	int64_t skew_us;
	void (*log)(void *context, const char *code, const char *key,
	    const char *detail);
	void *log_context;
};

struct cs_handler_memory {
	struct arena *arena;
	const char *detail; /* "" until something failed */
};

/* One open transaction, as the business function sees it. */
struct cs_handler_tx {
	const struct cs_handler_database *db;
	void *session;
	struct cs_handler_memory *memory;
	int failure;         /* the first that a statement had */
	const char *refusal; /* the function's own code */
	int64_t affected;    /* rows, of all statements that change rows */
	int64_t rows;        /* said by the function; -1: not */
	bool has_version;    /* said by the function */
	struct cs_handler_value version;
};

/* The action of this name, NULL: none. */
const struct cs_handler_action *kit_action(
    const struct cs_handler *h, const char *name);

/*
 * Checks 6 to 8 of a body (untrusted): a job in the arena, or the refusal's
 * code. `issued_at` is the header's, NULL for a command. *version_ok says what
 * check 9 is to answer.
 */
const char *kit_read_job(struct span body, const char *issued_at,
    struct arena *a, struct cs_handler_job *job, bool *version_ok);

/* The HTTP status of a code; 500 for one that is not ours. */
int kit_http_status(const char *code);

/* May it be a receipt's code? */
bool kit_code_is_valid(const char *code);

/* One answer in the making. Version texts are of values; `mutated` -1 leaves
 * the member out, because it is not known. */
struct kit_outcome {
	const char *status;
	const char *code; /* NULL: null */
	int64_t rows;     /* -1: left out */
	int mutated;
	const struct cs_handler_value *previous; /* NULL: left out */
	const struct cs_handler_value *now;
};

/* The receipt's JSON, without a line end, in the arena. */
struct span kit_receipt_put(const struct kit_outcome *o, struct arena *a);

/* The versions and the code of a stored receipt; what cannot be read is left
 * out. */
struct kit_stored {
	struct cs_handler_value previous;
	struct cs_handler_value now;
	bool has_previous;
	bool has_now;
	const char *code; /* NULL: none */
};

void kit_stored_read(const char *json, struct arena *a, struct kit_stored *out);

/* docs/values.md, "What a writer compares": NULL equals NULL only. */
bool kit_version_equal(struct cs_handler_value a, struct cs_handler_value b);

/* HASH of these columns of the row, in this order; NULL when one is missing. */
const char *kit_row_hash(const struct cs_handler_field *columns, size_t count,
    const struct cs_handler_field *row, size_t row_count, struct arena *a);

/* Between the kit's values and ours; texts are copied into the arena. */
struct cs_handler_value kit_value(struct scalar s, struct arena *a);
struct scalar kit_scalar(struct cs_handler_value v);

/* A quoted table, "name" or "schema"."name"; NULL unless it is one. */
const char *kit_quote_table(
    const char *table, enum cs_handler_dialect dialect, struct arena *a);

/* The table of receipts, quoted; the default's name for NULL. NULL as above. */
const char *kit_receipt_table(
    const char *table, enum cs_handler_dialect d, struct arena *a);

/* The columns of a table of receipts, and of one that 0.1.1 made the
 * statement that adds what it lacks. */
void kit_ddl_put(struct buf *out, enum cs_handler_dialect d, const char *table);
const char *kit_ddl_alter(
    enum cs_handler_dialect d, const char *table, struct arena *a);

#endif
