#include "ledgerd/keep/keep.h"

#include "ledgerd/group_commit.h"
#include "ledgerd/keep/erase.h"

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

int
keep_end_turn(struct ledger *l, struct err *e)
{
	if (!l->store.in_transaction || group_commit_now(l) == 0) {
		return 0;
	}
	return err_set(e, CS_E_UNAVAILABLE, "LEDGER_UNAVAILABLE",
	    "what other requests had written could not be stored; nothing "
	    "else was done");
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
		vacuum_start(c, id, m->forced);
	} else if (m->action == KEEP_PRUNE) {
		prune_start(c, id, &person, m);
	} else {
		backup_start(c, id, &person);
	}
}

void
keep_erase(struct conn *c, uint32_t id, const struct msg_erase *m)
{
	struct person person;
	struct err e = {0};

	person_of(c->ledger, c->uid, &person);
	if (check_owner(&person, &e) != 0) {
		conn_fail(c, id, &e, false);
		return;
	}
	erase_start(c, id, &person, m);
}
