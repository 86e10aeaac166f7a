#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/err.h"

static struct span
text_of(const struct args *a, const char *flag)
{
	const char *value = args_get(a, flag);

	return span_of(value == NULL ? "" : value);
}

static void
print_erased(struct view *v)
{
	bool dry_run = view_bool(v, 0, "dry_run");

	view_print(v,
	    "%s: %s record(s) and %s proposal(s) about %s of tenant %s\n",
	    dry_run ? "would be erased" : "erased",
	    view_text(v, 0, "events", "?"), view_text(v, 0, "proposals", "?"),
	    view_text(v, 0, "object_id", "?"), view_text(v, 0, "tenant", "?"));
	if (dry_run) {
		view_print(v, "nothing was changed; --yes does it\n");
	} else {
		view_print(v,
		    "ids, times and hashes stay, and the chain still verifies. "
		    "Backups still hold the values; 'countersign store vacuum' "
		    "rewrites the file\n");
	}
}

int
cmd_erase(const struct args *a, struct err *e)
{
	struct msg_erase m = {.tenant = text_of(a, "tenant"),
	    .object_id = text_of(a, "object-id"),
	    .reason = text_of(a, "reason"),
	    .dry_run = !args_has(a, "yes") || args_has(a, "dry-run")};
	struct control c = {.fd = -1};
	struct span answer;
	struct view v = {0};
	int rc = control_open(&c, a, e);

	if (rc == 0 &&
	    (rc = control_request(&c, MSG_ERASE, &m, &answer, e)) == 0 &&
	    (rc = view_open(&v, answer, c.arena, e)) == 0) {
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else {
			print_erased(&v);
		}
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}
