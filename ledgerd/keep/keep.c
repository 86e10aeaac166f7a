#include "ledgerd/keep/keep.h"

#include "common/base/path.h"
#include "common/base/xalloc.h"

const char *
keep_path(const struct ledger *l)
{
	return sqlite3_db_filename(l->store.db, "main");
}

/* Personal data leaves with a backup and ends with a prune: the owner's to
 * decide, and root's, who could do it anyway. */
static int
check_owner(const struct person *person, struct err *e)
{
	return person->is_owner || person->uid == 0
		   ? 0
		   : err_set(e, CS_E_DENIED, "KEEP_NOT_OWNER",
			 "only the owner of the ledger may do this, not %s. "
			 "Nothing was changed",
			 person->user);
}

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

/* The one thing that cannot be sliced: nobody else may wait for it. The file in
 * the making lies beside the ledger, where the sandbox lets it. */
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

static void
do_vacuum(struct conn *c, uint32_t id, const struct msg_keep *m)
{
	struct ledger *l = c->ledger;
	struct buf document = BUF_INIT;
	struct json_out j;
	struct err e = {0};
	int64_t before = file_bytes(l);
	unsigned others = busy_others(l);
	int rc = 0;

	if (others > 0 && !m->forced) {
		rc = err_set(&e, CS_E_STATE, "STORE_BUSY",
		    "Local store appears active for %u other connection(s). "
		    "Refusing store vacuum, which nobody is served during; "
		    "--force does it nevertheless. Nothing was changed",
		    others);
	}
	/* What this turn has written must be down first. */
	if (rc == 0) {
		rc = store_commit(&l->store, &e);
	}
	if (rc == 0) {
		rc = vacuum(l, &e);
	}
	if (rc != 0) {
		conn_fail(c, id, &e, rc == CS_E_UNAVAILABLE);
		return;
	}
	json_begin(&j, &document, 0);
	json_open(&j, '{');
	json_field_int(&j, "before", before);
	json_field_int(&j, "after", file_bytes(l));
	json_close(&j, '}');
	conn_document(c, id, buf_as_span(&document));
	buf_clear(&document);
}

void
keep_start(struct conn *c, uint32_t id, const struct msg_keep *m)
{
	struct person person;
	struct err e = {0};

	person_of(c->ledger, c->uid, &person);
	if (check_owner(&person, &e) != 0) {
		conn_fail(c, id, &e, false);
	} else if (m->action == KEEP_VACUUM) {
		do_vacuum(c, id, m);
	} else if (m->action == KEEP_PRUNE) {
		prune_start(c, id, &person, m);
	} else {
		backup_start(c, id, &person);
	}
}
