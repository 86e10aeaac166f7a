/*
 * store backup: an online copy beside the ledger, taken in slices by SQLite's
 * own backup interface; then every row of the copy is verified like `ledger
 * verify` does, and the file is hashed. A copy that does not hold is removed.
 */
#include <fcntl.h>
#include <sodium.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/fdio.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "ledgerd/keep/keep.h"
#include "ledgerd/store/events.h"
#include "ledgerd/verify.h"

#define PAGES_A_STEP 32
#define HASH_A_STEP  (256 << 10)
#define PATH_SIZE    4096
#define USER_SIZE    64

enum phase {
	PHASE_COPY,
	PHASE_VERIFY,
	PHASE_HASH
};

struct backup {
	struct ledger *ledger;
	enum phase phase;
	char path[PATH_SIZE];
	char by[USER_SIZE];
	struct store copy; /* only its handles are used */
	sqlite3_backup *copying;
	struct verify_copy *verifying;
	crypto_hash_sha256_state hash;
	int fd; /* of the file while it is hashed */
	int64_t bytes;
	int64_t events;
	unsigned percent;
	char digest[DIGEST_TEXT_SIZE];
	bool whole; /* it holds: keep the file */
};

/* Ours from the first byte, never readable by others; never over a file. */
static int
open_copy(struct backup *b, struct err *e)
{
	char stamp[32];
	time_t now = (time_t)(clock_now_us() / 1000000);
	struct tm at;
	int fd;

	(void)gmtime_r(&now, &at);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &at);
	if (snprintf(b->path, sizeof(b->path), "%s.backup-%s",
		keep_path(b->ledger), stamp) >= (int)sizeof(b->path)) {
		return err_set(e, CS_E_TOO_LARGE, NULL, "store path too long");
	}
	fd = open(b->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd < 0) {
		int rc = err_sys(e, "cannot make %s", b->path);
		b->path[0] = '\0';
		return rc;
	}
	(void)close(fd);
	if (sqlite3_open_v2(b->path, &b->copy.db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK) {
		return store_error(b->copy.db, e, "be copied");
	}
	b->copy.reader = b->copy.db;
	b->copying = sqlite3_backup_init(
	    b->copy.db, "main", b->ledger->store.db, "main");
	return b->copying != NULL ? 0 : store_error(b->copy.db, e, "be copied");
}

/* Between two turns, so that no half of one is copied. */
static int
step_copy(struct backup *b, struct err *e)
{
	int rc = keep_end_turn(b->ledger, e);
	int total;

	if (rc != 0) {
		return rc;
	}
	rc = sqlite3_backup_step(b->copying, PAGES_A_STEP);
	total = sqlite3_backup_pagecount(b->copying);
	b->percent =
	    total == 0 ? 0
		       : (unsigned)((int64_t)(total - sqlite3_backup_remaining(
							  b->copying)) *
				    100 / total);
	if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		return 1;
	}
	if (rc != SQLITE_DONE ||
	    sqlite3_backup_finish(b->copying) != SQLITE_OK) {
		b->copying = NULL;
		return store_error(b->copy.db, e, "be copied");
	}
	b->copying = NULL;
	/* One file that needs no others beside it. */
	if (sqlite3_exec(b->copy.db, "PRAGMA journal_mode = DELETE;", NULL,
		NULL, NULL) != SQLITE_OK) {
		return store_error(b->copy.db, e, "be copied");
	}
	b->copy.last_event_id = b->ledger->store.last_event_id;
	b->verifying = verify_copy_new(&b->copy, b->ledger->key);
	b->phase = PHASE_VERIFY;
	b->percent = 0;
	return 1;
}

static int
step_verify(struct backup *b, struct err *e)
{
	int rc = verify_copy_step(b->verifying, e);

	if (rc != 0) {
		return rc;
	}
	b->events = b->copy.last_event_id;
	b->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (b->fd < 0) {
		return err_sys(e, "cannot read %s", b->path);
	}
	(void)crypto_hash_sha256_init(&b->hash);
	b->phase = PHASE_HASH;
	return 1;
}

static int
step_hash(struct backup *b, struct err *e)
{
	static unsigned char piece[HASH_A_STEP];
	uint8_t digest[32];
	ssize_t n = read(b->fd, piece, sizeof(piece));

	if (n < 0) {
		return err_sys(e, "cannot read %s", b->path);
	}
	if (n > 0) {
		(void)crypto_hash_sha256_update(
		    &b->hash, piece, (unsigned long long)n);
		b->bytes += n;
		return 1;
	}
	if (fsync(b->fd) != 0) {
		return err_sys(e, "cannot write %s", b->path);
	}
	(void)crypto_hash_sha256_final(&b->hash, digest);
	digest_format(digest, b->digest);
	b->whole = true;
	return 0;
}

/* Who has a copy is in the record. */
static int
record(struct backup *b, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc;

	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_text(&j, "sha256", b->digest);
	json_field_int(&j, "bytes", b->bytes);
	json_close(&j, '}');
	rc = event_append(&b->ledger->store,
	    &(struct event_row){.kind = "ledger_backed_up",
		.actor = span_of(b->by),
		.body = buf_as_span(&body)},
	    e);
	buf_clear(&body);
	return rc;
}

static int
step(void *work, struct err *e)
{
	static int (*const steps[])(struct backup * b, struct err * e) = {
	    step_copy, step_verify, step_hash};
	struct backup *b = work;
	int rc = steps[b->phase](b, e);

	return rc == 0 ? record(b, e) : rc;
}

static void
put(void *work, struct json_out *j)
{
	struct backup *b = work;

	json_open(j, '{');
	json_field_bool(j, "ok", true);
	json_field_text(j, "path", b->path);
	json_field_int(j, "bytes", b->bytes);
	json_field_text(j, "sha256", b->digest);
	json_field_int(j, "events", b->events);
	json_field_bool(j, "verified", true);
	json_field_bool(j, "source_database_changed", false);
	json_close(j, '}');
}

static unsigned
percent(const void *work, const char **phase)
{
	static const char *const phases[] = {
	    "copying", "verifying the copy", "hashing"};
	const struct backup *b = work;

	*phase = phases[b->phase];
	return b->percent;
}

static void
free_backup(void *work)
{
	struct backup *b = work;

	verify_copy_free(&b->verifying);
	if (b->copying != NULL) {
		(void)sqlite3_backup_finish(b->copying);
	}
	b->copy.reader = NULL;
	store_close(&b->copy);
	fd_close(&b->fd);
	if (!b->whole && b->path[0] != '\0') {
		(void)unlink(b->path);
	}
	free(b);
}

void
backup_start(struct conn *c, uint32_t id, const struct person *person)
{
	static const struct slice_ops ops = {step, put, percent, free_backup};
	struct backup *b = xcalloc(1, sizeof(*b));
	struct err e = {0};

	b->ledger = c->ledger;
	b->fd = -1;
	(void)snprintf(b->by, sizeof(b->by), "%s", person->user);
	if (open_copy(b, &e) != 0) {
		conn_fail(c, id, &e, false);
		free_backup(b);
		return;
	}
	slices_start(c, id, &ops, b);
}
