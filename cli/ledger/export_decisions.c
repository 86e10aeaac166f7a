/*
 * Decisions as files that OpenSSH alone can check: the statement, byte for byte
 * as it was signed, and the signature beside it.
 */
#include <errno.h>
#include <sys/stat.h>

#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

/* One decision: N-action-person.json, and .sig when the reviewer signed. */
static int
write_decision(struct control *c, struct view *v, uint32_t decision,
    const char *folder, unsigned number, struct err *e)
{
	uint32_t node = json_get(&v->doc, decision, "statement");
	struct span signature =
	    json_get_string(&v->doc, decision, "ssh_signature", c->arena);
	struct span statement;
	const char *path;
	int rc;

	if (node == JSON_NONE || v->doc.nodes[node].type != JSON_OBJECT) {
		return err_set(e, CS_E_INTEGRITY, "APPROVAL_NOT_VERIFIED",
		    "decision %u was not made by this ledger", number);
	}
	statement = json_raw(&v->doc, node);
	path = arena_printf(c->arena, "%s/decision-%u.json", folder, number);
	rc = file_write_atomic(path, statement.ptr, statement.len, 0644, e);
	if (rc == 0 && signature.len > 0) {
		rc = file_write_atomic(arena_printf(c->arena, "%s.sig", path),
		    signature.ptr, signature.len, 0644, e);
	}
	if (rc == 0) {
		uint32_t who = json_get(&v->doc, node, "reviewer");
		view_print(v, "%s  %s by %s%s\n", path,
		    view_text(v, node, "action", "?"),
		    view_text(v, who, "user", "?"),
		    signature.len > 0 ? ", signed" : ", without a signature");
		if (signature.len > 0) {
			view_print(v,
			    "  ssh-keygen -Y verify -f ALLOWED_SIGNERS -I %s "
			    "-n countersign -s %s.sig < %s\n",
			    view_text(v, who, "user", "?"), path, path);
		}
	}
	return rc;
}

int
cmd_proposals_export_decisions(const struct args *a, struct err *e)
{
	const char *folder = args_get(a, "output");
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	unsigned number = 0;
	int rc = 0;

	if (a->word_count != 1 || folder == NULL) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "one proposal id and --output FOLDER are wanted");
	}
	if ((rc = control_open(&c, a, e)) == 0 &&
	    (rc = control_show(&c, SHOW_PROPOSAL, a->words[0], &answer, e)) ==
		0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0 &&
	    mkdir(folder, 0755) != 0 && errno != EEXIST) {
		rc = err_sys(e, "cannot make the folder %s", folder);
	}
	if (rc == 0) {
		uint32_t list = json_get(&v.doc, 0, "decisions");
		for (uint32_t i = view_first(&v, list);
		     i != JSON_NONE && rc == 0; i = view_next(&v, list, i)) {
			rc = write_decision(&c, &v, i, folder, ++number, e);
		}
		view_print(&v, "%u decision(s)\n", number);
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}
