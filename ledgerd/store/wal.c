/*
 * A log that grows with every commit makes the file system commit its own
 * journal each time as well, to store the new length: on ext4 that nearly
 * doubles what a commit takes. So the log is given its room ahead, as zeros, in
 * steps that double; a short session stays small. To SQLite, zeros behind the
 * last frame are frames of no transaction, and recovery ends there.
 */
#include "ledgerd/store/wal.h"

#define CHECKPOINT_FRAMES 2000
#define FRAME_BYTES       (4096 + 24) /* page and frame header */
#define AHEAD_BYTES       ((int64_t)32 * FRAME_BYTES)
#define FIRST_BYTES       ((int64_t)256 * 1024)
#define FULL_BYTES        ((int64_t)CHECKPOINT_FRAMES * FRAME_BYTES + AHEAD_BYTES)

static const char zeros[65536];

/* SQLite tells how many frames the log has after each commit. */
static int
on_commit(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct store *s = arg;

	(void)db;
	(void)name;
	s->wal_frames = frames;
	return SQLITE_OK;
}

void
wal_watch(struct store *s)
{
	(void)sqlite3_wal_hook(s->db, on_commit, s);
}

/* SQLite's own handle of the log, or NULL before the first write. */
static sqlite3_file *
log_file(struct store *s)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER,
		&file) != SQLITE_OK ||
	    file == NULL || file->pMethods == NULL) {
		return NULL;
	}
	return file;
}

static void
fill(sqlite3_file *file, int64_t from, int64_t to)
{
	int rc = SQLITE_OK;

	for (int64_t at = from; rc == SQLITE_OK && at < to;
	     at += (int64_t)sizeof(zeros)) {
		int64_t len = to - at < (int64_t)sizeof(zeros)
				  ? to - at
				  : (int64_t)sizeof(zeros);
		rc = file->pMethods->xWrite(file, zeros, (int)len, at);
	}
	if (rc == SQLITE_OK) {
		(void)file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
	}
}

/* Zeros ahead of the log, when less than AHEAD_BYTES are left. A failure is
 * no error: the log then grows commit by commit. */
static void
make_room(struct store *s)
{
	int64_t used = (int64_t)s->wal_frames * FRAME_BYTES;
	int64_t want;
	sqlite3_file *file;

	if (used + AHEAD_BYTES <= s->wal_bytes || s->wal_bytes >= FULL_BYTES ||
	    (file = log_file(s)) == NULL) {
		return;
	}
	want = s->wal_bytes < FIRST_BYTES ? FIRST_BYTES : 2 * s->wal_bytes;
	want = want < used + AHEAD_BYTES ? used + AHEAD_BYTES : want;
	want = want < FULL_BYTES ? want : FULL_BYTES;
	if (file->pMethods->xFileSize(file, &s->wal_bytes) == SQLITE_OK) {
		fill(file, s->wal_bytes, want);
		s->wal_bytes = want > s->wal_bytes ? want : s->wal_bytes;
	}
}

void
wal_upkeep(struct store *s)
{
	if (s->in_transaction || s->wal_frames == 0) {
		return;
	}
	if (s->wal_frames >= CHECKPOINT_FRAMES) {
		(void)sqlite3_wal_checkpoint_v2(
		    s->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	} else {
		make_room(s);
	}
	s->wal_frames = 0; /* until the next commit */
}
