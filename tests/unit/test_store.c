/*
 * A turn that SQLite gives up in the middle (a full disk) must not leave events
 * behind one by one: all of it is on disk, or none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"

#include "common/base/arena.h"
#include "common/crypto/digest.h"
#include "ledgerd/freezes.h"
#include "ledgerd/ledger.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/tombstones.h"

struct room {
	char folder[64];
	char path[96];
	struct store store;
};

static int
setup(void **state)
{
	struct room *r = calloc(1, sizeof(*r));
	struct err e = {0};

	assert_non_null(r);
	(void)snprintf(r->folder, sizeof(r->folder), "/tmp/cs-store-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	(void)snprintf(r->path, sizeof(r->path), "%s/l.db", r->folder);
	assert_int_equal(store_open(&r->store, r->path, &e), 0);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	struct room *r = *state;
	char path[112];

	store_close(&r->store);
	for (size_t i = 0; i < COUNT(endings); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", r->path, endings[i]);
		(void)unlink(path);
	}
	(void)rmdir(r->folder);
	free(r);
	return 0;
}

static int
append(struct store *s, size_t body_len)
{
	struct err e = {0};
	char *body = calloc(1, body_len + 1);
	int rc;

	assert_non_null(body);
	memset(body, '1', body_len);
	rc = event_append(s,
	    &(struct event_row){.kind = "call_refused",
		.actor = span_of("a"),
		.tenant = span_of("t"),
		.body = {body, body_len}},
	    &e);
	free(body);
	return rc;
}

static int64_t
number(struct store *s, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(s->db, sql, -1, &st, NULL), 0);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	value = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return value;
}

/* From now on the file may have `more` pages more. */
static void
limit_pages(struct store *s, int64_t more)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
	    (long long)(number(s, "PRAGMA page_count") + more));
	(void)number(s, sql);
}

static void
a_turn_that_the_disk_gave_up_leaves_no_event_behind(void **state)
{
	struct store *s = &((struct room *)*state)->store;
	struct err e = {0};

	assert_int_equal(append(s, 10), 0);
	assert_int_equal(store_commit(s, &e), 0);
	limit_pages(s, 2);
	assert_int_equal(append(s, 10), 0);
	assert_int_equal(append(s, 100000), CS_E_UNAVAILABLE);
	/* There would be room for this one: the turn is over all the same. */
	assert_int_equal(append(s, 10), CS_E_UNAVAILABLE);
	assert_int_equal(store_request_begin(s, &e), CS_E_UNAVAILABLE);
	assert_int_equal(store_commit(s, &e), CS_E_UNAVAILABLE);
	assert_int_equal(number(s, "SELECT count(*) FROM events"), 1);
	assert_int_equal(s->last_event_id, 1);
}

static void
after_it_the_chain_goes_on_without_a_gap(void **state)
{
	struct store *s = &((struct room *)*state)->store;
	struct err e = {0};

	assert_int_equal(append(s, 10), 0);
	assert_int_equal(store_commit(s, &e), 0);
	limit_pages(s, 2);
	assert_int_equal(append(s, 100000), CS_E_UNAVAILABLE);
	(void)append(s, 10);
	(void)store_commit(s, &e);
	limit_pages(s, 1000);
	assert_int_equal(append(s, 100000), 0);
	assert_int_equal(store_commit(s, &e), 0);
	assert_int_equal(number(s, "SELECT count(*) FROM events"), 2);
	assert_int_equal(number(s, "SELECT max(event_id) FROM events"), 2);
}

static void
a_request_that_fails_takes_only_itself_back(void **state)
{
	struct store *s = &((struct room *)*state)->store;
	struct err e = {0};

	assert_int_equal(append(s, 10), 0);
	assert_int_equal(store_request_begin(s, &e), 0);
	assert_int_equal(append(s, 10), 0);
	store_request_end(s, false);
	assert_int_equal(append(s, 10), 0);
	assert_int_equal(store_commit(s, &e), 0);
	assert_int_equal(number(s, "SELECT count(*) FROM events"), 2);
	assert_int_equal(number(s, "SELECT max(event_id) FROM events"), 2);
}

static void
add_freeze(struct store *s, const char *body)
{
	struct err e = {0};

	assert_int_equal(event_append(s,
			     &(struct event_row){.kind = "frozen",
				 .actor = span_of("ann"),
				 .proposal_id = span_of("freezes"),
				 .body = span_of(body)},
			     &e),
	    0);
	assert_int_equal(store_commit(s, &e), 0);
}

static bool
covers(const struct ledger *l, const char *tenant)
{
	return freezes_cover(l, span_of(tenant), span_of("c")) != NULL;
}

/* A freeze that nobody can read is worth more than one that is not there. */
static void
what_cannot_be_read_freezes_everything(void **state)
{
	struct room *r = *state;
	struct ledger l = {.store = r->store, .scratch = arena_new()};
	struct err e = {0};

	add_freeze(
	    &l.store, "{\"scope\":\"tenant\",\"name\":\"a\",\"reason\":\"r\"}");
	assert_int_equal(freezes_load(&l, &e), 0);
	assert_true(covers(&l, "a"));
	assert_false(covers(&l, "b"));
	/* Its own digest is right, and still no freeze of ours says this. */
	add_freeze(&l.store, "{\"scope\":\"planet\",\"reason\":\"r\"}");
	assert_int_equal(freezes_load(&l, &e), CS_E_INTEGRITY);
	assert_string_equal(err_reason(&e), "FREEZE_DAMAGED");
	assert_true(covers(&l, "a"));
	assert_true(covers(&l, "b"));
	freezes_free(&l.freezes);
	arena_free(&l.scratch);
	r->store = l.store;
}

/* The stored hash of an event, as the writing connection sees it. */
static void
hash_of(struct store *s, int64_t event_id, uint8_t out[32])
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(
	    sqlite3_prepare_v2(s->db,
		"SELECT hash FROM events WHERE event_id = ?1", -1, &st, NULL),
	    SQLITE_OK);
	(void)sqlite3_bind_int64(st, 1, event_id);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_bytes(st, 0), 32);
	memcpy(out, sqlite3_column_blob(st, 0), 32);
	(void)sqlite3_finalize(st);
}

static void
bury(struct store *s, const struct sign_key *key, int64_t first, int64_t last)
{
	struct tombstone t = {.first = first,
	    .last = last,
	    .cutoff = "2026-07-01T00:00:00.000Z",
	    .by = "owner"};
	struct arena *a = arena_new();
	struct tombstone before;
	struct err e = {0};

	if (tombstone_ending(s, first - 1, a, &before)) {
		memcpy(t.before, before.after, sizeof(t.before));
	} else {
		hash_of(s, first - 1, t.before);
	}
	hash_of(s, last, t.after);
	assert_int_equal(tombstone_bury(s, key, &t, a, &e), 0);
	assert_int_equal(store_commit(s, &e), 0);
	arena_free(&a);
}

/* A walk sees one moment of the file; a tombstone that grew since is of
 * another, and would make a whole record look damaged. */
static void
a_walk_crosses_the_tombstone_of_its_own_moment(void **state)
{
	struct room *r = *state;
	struct arena *a = arena_new();
	struct sign_key *key = NULL;
	sqlite3_stmt *walk = NULL;
	uint8_t hash[32];
	uint8_t third[32];
	int64_t last = 1;
	char path[112];
	struct err e = {0};

	(void)snprintf(path, sizeof(path), "%s.key", r->path);
	assert_int_equal(sign_key_open_or_create(path, &key, &e), 0);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(append(&r->store, 10), 0);
	}
	assert_int_equal(store_commit(&r->store, &e), 0);
	hash_of(&r->store, 1, hash);
	hash_of(&r->store, 3, third);
	bury(&r->store, key, 2, 3);
	assert_int_equal(sqlite3_prepare_v2(r->store.reader,
			     "SELECT event_id FROM events ORDER BY event_id",
			     -1, &walk, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(walk), SQLITE_ROW);
	bury(&r->store, key, 4, 4);
	assert_int_equal(tombstone_cross(&r->store, sign_key_public(key), &last,
			     hash, a, &e),
	    0);
	assert_int_equal(last, 3);
	assert_memory_equal(hash, third, sizeof(hash));
	assert_int_equal(sqlite3_step(walk), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(walk, 0), 4);
	(void)sqlite3_finalize(walk);
	sign_key_free(&key);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s.key.pub", r->path);
	(void)unlink(path);
	arena_free(&a);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_turn_that_the_disk_gave_up_leaves_no_event_behind, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		after_it_the_chain_goes_on_without_a_gap, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_request_that_fails_takes_only_itself_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_cannot_be_read_freezes_everything, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_walk_crosses_the_tombstone_of_its_own_moment, setup,
		teardown),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
