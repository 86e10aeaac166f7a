#include "ledgerd/store/tombstones.h"

#include "common/base/arena.h"
#include "common/base/json_out.h"
#include "common/base/json_scan.h"
#include "common/crypto/digest.h"
#include "common/crypto/verify.h"
#include "ledgerd/store/schema.h"

/* One row, its texts copied to the arena. */
struct row {
	int64_t first;
	int64_t last;
	struct span statement;
	struct span signature;
};

/* The row that begins or ends at an event, as this connection sees it. */
static bool
find(sqlite3 *db, const char *sql, int64_t event_id, struct arena *a,
    struct row *out)
{
	sqlite3_stmt *st = NULL;
	bool found = false;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, event_id);
		found = sqlite3_step(st) == SQLITE_ROW;
	}
	if (found) {
		out->first = stmt_int(st, 0);
		out->last = stmt_int(st, 1);
		out->statement = arena_span(a, stmt_span(st, 2));
		out->signature = arena_span(a, stmt_span(st, 3));
	}
	(void)sqlite3_finalize(st);
	return found;
}

/* The statement's own numbers and hashes. */
static int
parse(struct span statement, struct arena *a, struct tombstone *out,
    struct err *e)
{
	struct json_doc doc;
	int rc = json_scan(&doc, statement, a, e);

	if (rc != 0) {
		return rc;
	}
	uint32_t first = json_get_type(&doc, 0, "first_event_id", JSON_NUMBER);
	uint32_t last = json_get_type(&doc, 0, "last_event_id", JSON_NUMBER);
	if (first == JSON_NONE || last == JSON_NONE ||
	    json_int64(json_raw(&doc, first), &out->first) != 0 ||
	    json_int64(json_raw(&doc, last), &out->last) != 0 ||
	    digest_parse(json_get_string(&doc, 0, "before", a), out->before) !=
		0 ||
	    digest_parse(json_get_string(&doc, 0, "after", a), out->after) !=
		0) {
		return err_set(e, CS_E_INTEGRITY, "TOMBSTONE_INVALID",
		    "a tombstone is damaged");
	}
	return 0;
}

int
tombstone_cross(struct store *s, const uint8_t key[32], int64_t *last_id,
    uint8_t last_hash[32], struct arena *a, struct err *e)
{
	struct tombstone t = {0};
	struct row row;

	if (!find(s->reader,
		"SELECT first_event_id, last_event_id, statement, signature"
		" FROM tombstones WHERE first_event_id = ?1",
		*last_id + 1, a, &row)) {
		return err_set(e, CS_E_INTEGRITY, "EVENT_MISSING",
		    "an event before this one was removed");
	}
	/* The signature first; then that it is about this very gap. */
	if (row.signature.len != SIGNATURE_LEN ||
	    verify_dsse(key, DSSE_TYPE_TOMB, row.statement,
		(const uint8_t *)row.signature.ptr) != 0) {
		return err_set(e, CS_E_INTEGRITY, "TOMBSTONE_INVALID",
		    "a tombstone was not signed by this ledger");
	}
	if (parse(row.statement, a, &t, e) != 0 || t.first != row.first ||
	    t.last != row.last || t.last < t.first ||
	    memcmp(t.before, last_hash, sizeof(t.before)) != 0) {
		return err_set(e, CS_E_INTEGRITY, "TOMBSTONE_INVALID",
		    "a tombstone does not fit the chain");
	}
	*last_id = t.last;
	memcpy(last_hash, t.after, sizeof(t.after));
	return 0;
}

bool
tombstone_ending(
    struct store *s, int64_t last, struct arena *a, struct tombstone *out)
{
	struct row row;
	struct err ignored = {0};

	return find(s->db,
		   "SELECT first_event_id, last_event_id, statement, signature"
		   " FROM tombstones WHERE last_event_id = ?1",
		   last, a, &row) &&
	       parse(row.statement, a, out, &ignored) == 0;
}

static void
write_statement(const struct tombstone *t, struct buf *out)
{
	char digest[DIGEST_TEXT_SIZE];
	struct json_out j;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "schema_version", "countersign.tombstone.v1");
	json_field_int(&j, "first_event_id", t->first);
	json_field_int(&j, "last_event_id", t->last);
	digest_format(t->before, digest);
	json_field_text(&j, "before", digest);
	digest_format(t->after, digest);
	json_field_text(&j, "after", digest);
	json_field_text(&j, "cutoff", t->cutoff);
	json_field_text(&j, "pruned_by", t->by);
	json_close(&j, '}');
}

/* The trigger that keeps events is away only inside this transaction. */
static int
delete_run(struct store *s, const struct tombstone *t, struct err *e)
{
	int rc = sqlite3_exec(s->db,
		     "DROP TRIGGER IF EXISTS events_are_never_deleted", NULL,
		     NULL, NULL) == SQLITE_OK
		     ? 0
		     : store_error(s->db, e, "be pruned");

	if (rc == 0) {
		rc = stmt_run(s, STMT_EVENTS_DELETE, e, "ii", t->first,
			 t->last) == SQLITE_DONE
			 ? 0
			 : CS_E_UNAVAILABLE;
		stmt_done(s, STMT_EVENTS_DELETE);
	}
	if (rc == 0) {
		rc = stmt_run(s, STMT_HEADS_DELETE, e, "ii", t->first,
			 t->last) == SQLITE_DONE
			 ? 0
			 : CS_E_UNAVAILABLE;
		stmt_done(s, STMT_HEADS_DELETE);
	}
	if (rc == 0 &&
	    sqlite3_exec(s->db, ledger_schema, NULL, NULL, NULL) != SQLITE_OK) {
		rc = store_error(s->db, e, "be pruned");
	}
	return rc;
}

int
tombstone_bury(struct store *s, const struct sign_key *key,
    const struct tombstone *t, struct arena *a, struct err *e)
{
	struct tombstone whole = *t;
	struct tombstone earlier = {0};
	struct buf statement = BUF_INIT;
	uint8_t signature[SIGNATURE_LEN];
	int rc = store_begin(s, e);

	if (rc == 0) {
		rc = delete_run(s, t, e);
	}
	if (rc == 0 && tombstone_ending(s, t->first - 1, a, &earlier) &&
	    memcmp(earlier.after, t->before, sizeof(t->before)) == 0) {
		whole.first = earlier.first;
		memcpy(whole.before, earlier.before, sizeof(whole.before));
	}
	if (rc == 0) {
		write_statement(&whole, &statement);
		sign_dsse(
		    key, DSSE_TYPE_TOMB, buf_as_span(&statement), signature);
		rc = stmt_change(s, STMT_TOMBSTONE_ADD, e, "iibg", whole.first,
		    whole.last, buf_as_span(&statement), signature);
	}
	buf_clear(&statement);
	return rc;
}
