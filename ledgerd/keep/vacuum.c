/*
 * store vacuum: the one thing that cannot be sliced, so nobody else may wait
 * for it. It is one step of its own, behind the end of the turn.
 */
#include "common/base/path.h"
#include "common/base/xalloc.h"
#include "ledgerd/keep/keep.h"

struct compaction {
	struct ledger *ledger;
	bool forced;
	int64_t before;
	int64_t after;
};

static int64_t
pragma_number(struct ledger *l, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t value = 0;

	if (sqlite3_prepare_v2(l->store.db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		value = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_finalize(st);
	return value;
}

static int64_t
file_bytes(struct ledger *l)
{
	return pragma_number(l, "PRAGMA page_count") *
	       pragma_number(l, "PRAGMA page_size");
}

/* The file in the making lies beside the ledger, where the sandbox lets it. */
static int
vacuum(struct ledger *l, struct err *e)
{
	sqlite3 *db = l->store.db;
	char folder[4096];
	int rc;

	(void)snprintf(folder, sizeof(folder), "%.*s",
	    SPAN_ARGS(path_folder(keep_path(l))));
	sqlite3_temp_directory = sqlite3_mprintf("%s", folder);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1);
	rc = sqlite3_exec(db, "PRAGMA temp_store = FILE; VACUUM;", NULL, NULL,
		 NULL) == SQLITE_OK
		 ? 0
		 : store_error(db, e, "be compacted");
	(void)sqlite3_exec(db,
	    "PRAGMA temp_store = MEMORY;"
	    "PRAGMA wal_checkpoint(TRUNCATE);",
	    NULL, NULL, NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = NULL;
	return rc;
}

/* Who would have to wait: clients' servers, and writers at work. One that only
 * waits for a job does not notice. */
static unsigned
busy_others(const struct ledger *l)
{
	const struct conn *c;
	unsigned count = 0;

	TAILQ_FOREACH (c, &l->conns, link) {
		count += c->role == ROLE_MCPD ||
			 ((c->role == ROLE_WRITER || c->role == ROLE_HANDLER) &&
			     c->leased_seq != 0);
	}
	return count;
}

static int
step(void *work, struct err *e)
{
	struct compaction *v = work;
	unsigned others = busy_others(v->ledger);
	int rc;

	if (others > 0 && !v->forced) {
		return err_set(e, CS_E_STATE, "STORE_BUSY",
		    "Local store appears active for %u other connection(s). "
		    "Refusing store vacuum, which nobody is served during; "
		    "--force does it nevertheless. Nothing was changed",
		    others);
	}
	rc = keep_end_turn(v->ledger, e);
	if (rc == 0) {
		v->before = file_bytes(v->ledger);
		rc = vacuum(v->ledger, e);
		v->after = file_bytes(v->ledger);
	}
	return rc;
}

static void
put(void *work, struct json_out *j)
{
	const struct compaction *v = work;

	json_open(j, '{');
	json_field_int(j, "before", v->before);
	json_field_int(j, "after", v->after);
	json_close(j, '}');
}

static unsigned
percent(const void *work, const char **phase)
{
	(void)work;
	*phase = "compacting";
	return 0;
}

void
vacuum_start(struct conn *c, uint32_t id, bool forced)
{
	static const struct slice_ops ops = {step, put, percent, free};
	struct compaction *v = xcalloc(1, sizeof(*v));

	*v = (struct compaction){.ledger = c->ledger, .forced = forced};
	slices_start(c, id, &ops, v);
}
