/*
 * Checks 11 to 16 of docs/handler-kit.md: one transaction, in which the key is
 * claimed before anything is looked at and the row is locked before its version
 * is compared. What cannot be told after COMMIT is not told.
 */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/xalloc.h"
#include "kit/c/internal.h"

/* How often claim and lock are tried when the database wants them again. */
#define TRIES 4
/* The most that the sender takes for a number of rows. */
#define ROWS_MAX 1000000

struct attempt {
	const struct cs_handler *h;
	const struct cs_handler_job *job; /* as it was read */
	struct cs_handler_memory memory;
	struct cs_handler_job locked; /* the same with its row */
	void *session;                /* NULL: no transaction is open */
	struct cs_handler_value version;
};

/* The sentence's end: what was decided, and is answered. */
struct verdict {
	int http;
	struct span json;
	const char *code; /* for the log; "" for a success */
};

/* The receipt is made here and nowhere else; it is what is stored, too. */
static void
answer(
    struct attempt *t, struct verdict *v, int http, const struct kit_outcome *o)
{
	v->http = http;
	v->code = o->code == NULL ? "" : o->code;
	v->json = kit_receipt_put(o, t->memory.arena);
}

/* Nothing was done, and that is certain. */
static void
answer_failed(struct attempt *t, struct verdict *v, int http, const char *code)
{
	answer(t, v, http,
	    &(struct kit_outcome){.status = "failed", .code = code});
}

/* After COMMIT was sent: neither "applied" nor "failed" is known to be true.
 * The members that would say so are left out. */
static void
answer_unknown(struct attempt *t, struct verdict *v)
{
	answer(t, v, 500,
	    &(struct kit_outcome){.status = "unknown",
		.code = "HANDLER_OUTCOME_UNKNOWN",
		.rows = -1,
		.mutated = -1});
}

/* Nothing that was done survives; if the server cannot be told, it does the
 * same by itself when the connection ends. */
static void
end_rollback(struct attempt *t)
{
	if (t->session != NULL) {
		t->h->database->rollback(t->session);
		t->session = NULL;
	}
}

/* 0: committed, for certain. Either way the session is over. */
static int
end_commit(struct attempt *t)
{
	int rc = t->h->database->commit(t->session);

	t->session = NULL;
	return rc;
}

/* COMMIT was not sent, so nothing was written, whatever happened. */
static void
give_up(struct attempt *t, struct verdict *v)
{
	end_rollback(t);
	answer_failed(t, v, 503, "HANDLER_DATABASE_UNAVAILABLE");
}

/* The key is known: what became of it is repeated. */
static void
answer_existing(struct attempt *t, const struct cs_handler_receipt *existing,
    struct verdict *v)
{
	struct kit_stored was;
	struct kit_outcome o = {.status = "already_applied"};

	end_rollback(t); /* nothing was written */
	if (existing->proposal_hash[0] != '\0' &&
	    strcmp(existing->proposal_hash, t->job->proposal_hash) != 0) {
		answer_failed(t, v, 409, "IDEMPOTENCY_KEY_REUSED");
		return;
	}
	kit_stored_read(existing->json, t->memory.arena, &was);
	o.previous = was.has_previous ? &was.previous : NULL;
	if (strcmp(existing->status, "conflict") == 0) {
		o.status = "conflict";
		o.code = was.code != NULL ? was.code : "HANDLER_CONFLICT";
	} else if (strcmp(existing->status, "applied") == 0 ||
		   strcmp(existing->status, "already_applied") == 0) {
		o.now = was.has_now ? &was.now : NULL;
	} else {
		answer_unknown(t, v);
		return;
	}
	answer(t, v, 200, &o);
}

/* Completes the claimed row; the COMMIT that follows makes it the record. */
static int
record(struct attempt *t, const char *status, const struct verdict *v)
{
	struct cs_handler_receipt r = {
	    status, t->job->proposal_hash, v->json.ptr};

	return t->h->database->record(t->session, t->job, &r);
}

/* A conflict is kept under its key, so that it stays one. */
static void
conflict(struct attempt *t, const char *code,
    const struct cs_handler_value *version, struct verdict *v)
{
	answer(t, v, 200,
	    &(struct kit_outcome){
		.status = "conflict", .code = code, .previous = version});
	if (t->job->dry_run) {
		end_rollback(t);
	} else if (record(t, "conflict", v) != 0) {
		give_up(t, v);
	} else if (end_commit(t) != 0) {
		answer_unknown(t, v);
	}
}

/* The row's columns; false unless there is one row that spells key and tenant
 * as the job does: a collation may have found another. */
static bool
take_row(struct attempt *t, const struct cs_handler_rows *rows)
{
	struct cs_handler_field *row =
	    arena_array(t->memory.arena, rows->columns + 1, sizeof(*row));
	const struct cs_handler_field *said[] = {
	    &t->job->primary_key, &t->job->tenant_guard};
	bool ok = rows->rows == 1;

	for (size_t i = 0; ok && i < rows->columns; i++) {
		row[i] =
		    (struct cs_handler_field){rows->names[i], rows->values[i]};
	}
	for (size_t i = 0; ok && i < 2; i++) {
		struct scalar is = kit_scalar(
		    cs_handler_get(row, rows->columns, said[i]->name));
		ok = is.kind != SCALAR_NULL &&
		     span_equal(scalar_as_string(is),
			 scalar_as_string(kit_scalar(said[i]->value)));
	}
	t->locked = *t->job;
	t->locked.row = ok ? row : NULL;
	t->locked.row_count = ok ? rows->columns : 0;
	return ok;
}

/* The version that the locked row has; false without such a column. */
static bool
take_version(struct attempt *t)
{
	const struct cs_handler_job *j = &t->locked;
	const char *name = j->expected_version.name;
	const char *hash;

	if (strcmp(name, KIT_ROW_HASH) == 0) {
		hash = kit_row_hash(j->before, j->before_count, j->row,
		    j->row_count, t->memory.arena);
		t->version = cs_handler_text(hash);
		return hash != NULL;
	}
	for (size_t i = 0; i < j->row_count; i++) {
		if (strcmp(j->row[i].name, name) == 0) {
			t->version = j->row[i].value;
			return true;
		}
	}
	return false;
}

/* The claim comes first: who waits here for another request of the same key
 * sees what became of it, and looks at nothing that may still change. */
static int
lock_once(struct attempt *t, struct cs_handler_receipt *existing,
    struct cs_handler_rows *rows)
{
	const struct cs_handler_database *db = t->h->database;
	int rc = db->begin(db->context, &t->memory, &t->session);

	if (rc == 0) {
		rc = db->claim(t->session, t->job, existing);
	}
	if (rc == 0 && existing->status == NULL) {
		rc = db->lock_target(t->session, t->job, rows);
	}
	return rc;
}

/* Nothing has been done yet, so a deadlock here may simply be tried again. */
static int
lock(struct attempt *t, struct cs_handler_receipt *existing,
    struct cs_handler_rows *rows)
{
	int rc = CS_HANDLER_E_RETRY;

	for (int i = 0; i < TRIES && rc == CS_HANDLER_E_RETRY; i++) {
		end_rollback(t);
		*existing = (struct cs_handler_receipt){.status = NULL};
		*rows = (struct cs_handler_rows){0};
		rc = lock_once(t, existing, rows);
	}
	return rc;
}

/* The function's own word, or ours. */
static void
answer_business(
    struct attempt *t, const struct cs_handler_tx *tx, struct verdict *v)
{
	const char *code = tx->failure == 0 && tx->refusal != NULL
			       ? tx->refusal
			       : "HANDLER_BUSINESS_ERROR";

	end_rollback(t);
	answer_failed(t, v, 422, code);
}

/* The database's own trouble, not the function's. */
static bool
is_passing(int rc)
{
	return rc == CS_HANDLER_E_UNAVAILABLE || rc == CS_HANDLER_E_RETRY;
}

/* The version as it is after the function: NULL when the row is gone. */
static int
read_new_version(struct attempt *t, const struct cs_handler_tx *tx)
{
	struct cs_handler_rows rows = {0};
	int rc = 0;

	if (tx->has_version) {
		t->version = tx->version;
		return 0;
	}
	rc = t->h->database->lock_target(t->session, t->job, &rows);
	if (rc == 0 && !(take_row(t, &rows) && take_version(t))) {
		t->version = cs_handler_text(NULL);
	}
	return rc;
}

/* The receipt with the change, in one COMMIT. */
static void
complete(struct attempt *t, const struct cs_handler_tx *tx, struct verdict *v)
{
	struct cs_handler_value previous = t->version;
	int64_t rows = tx->rows >= 0 ? tx->rows : tx->affected;
	int rc = read_new_version(t, tx);

	answer(t, v, 200,
	    &(struct kit_outcome){.status = "applied",
		.rows = rows < 1          ? 1
			: rows < ROWS_MAX ? rows
					  : ROWS_MAX,
		.mutated = 1,
		.previous = &previous,
		.now = &t->version});
	rc = rc != 0 ? rc : record(t, "applied", v);
	if (rc != 0) {
		give_up(t, v);
	} else if (end_commit(t) != 0) {
		answer_unknown(t, v);
	}
}

/* The function's word counts only if every statement of it went well. */
static void
apply(struct attempt *t, struct verdict *v)
{
	const struct cs_handler_action *action =
	    kit_action(t->h, t->job->action);
	struct cs_handler_tx tx = {.db = t->h->database,
	    .session = t->session,
	    .memory = &t->memory,
	    .rows = -1};
	int rc = action->apply(&t->locked, &tx, action->context);

	if (is_passing(tx.failure)) {
		give_up(t, v);
	} else if (rc != 0 || tx.failure != 0) {
		answer_business(t, &tx, v);
	} else {
		complete(t, &tx, v);
	}
}

/* From here on the request is one that may be carried out; what stands in
 * its way is in the database. */
static void
run(struct attempt *t, struct verdict *v)
{
	struct cs_handler_receipt existing;
	struct cs_handler_rows rows;

	if (t->h->database == NULL || lock(t, &existing, &rows) != 0) {
		give_up(t, v);
		return;
	}
	if (existing.status != NULL) {
		answer_existing(t, &existing, v);
		return;
	}
	if (!take_row(t, &rows)) {
		conflict(t, "ROW_NOT_FOUND_OR_WRONG_TENANT", NULL, v);
		return;
	}
	if (!take_version(t)) {
		t->version = cs_handler_text("(the column is gone)");
		conflict(t, "ROW_CHANGED_AFTER_PROPOSAL", &t->version, v);
		return;
	}
	if (!kit_version_equal(t->version, t->job->expected_version.value)) {
		conflict(t, "ROW_CHANGED_AFTER_PROPOSAL", &t->version, v);
		return;
	}
	if (t->job->dry_run) {
		end_rollback(t);
		answer(t, v, 200,
		    &(struct kit_outcome){
			.status = "applied", .previous = &t->version});
		return;
	}
	apply(t, v);
}

/* The application's own log; the answer never holds what is told here. */
static void
tell(const struct cs_handler *h, const char *code,
    const struct cs_handler_job *job, const char *detail)
{
	if (h->log != NULL && code[0] != '\0') {
		h->log(h->log_context, code,
		    job == NULL ? "" : job->idempotency_key, detail);
	}
}

/* The receipt and a line end, in memory of the caller's own. */
static void
put_body(struct cs_handler_answer *out, struct span json)
{
	out->body_len = json.len > 0 ? json.len + 1 : 0;
	out->body = xcalloc(out->body_len + 1, 1);
	if (json.len > 0) {
		memcpy(out->body, json.ptr, json.len);
		out->body[json.len] = '\n';
	}
}

void
cs_handler_handle(const struct cs_handler *h,
    const struct cs_handler_request *request, struct cs_handler_answer *out)
{
	struct cs_handler_checked checked;
	struct attempt t = {.h = h, .memory = {NULL, ""}};
	struct verdict v = {.code = ""};

	cs_handler_verify(h, request, clock_now_us() / 1000, &checked);
	t.job = checked.job;
	t.memory.arena = checked.memory;
	*out = (struct cs_handler_answer){.http_status = checked.http_status};
	if (checked.http_status == 204 || checked.http_status == 405) {
		out->allow = "POST, PUT, PATCH, OPTIONS";
	}
	if (checked.job != NULL) {
		run(&t, &v);
		out->http_status = v.http;
	} else if (checked.code[0] != '\0') {
		answer_failed(&t, &v, checked.http_status, checked.code);
	}
	tell(h, v.code, checked.job, t.memory.detail);
	put_body(out, v.json);
	cs_handler_checked_clear(&checked);
}

void
cs_handler_answer_clear(struct cs_handler_answer *a)
{
	free(a->body);
	*a = (struct cs_handler_answer){0};
}
