#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/err.h"

/* Counts, and the first row that does not hold. What to do then is said
 * here, because whoever reads this has no time to look it up. */
static void
print_verdict(struct view *v)
{
	uint32_t bad = json_get(&v->doc, 0, "first_bad");

	view_print(v,
	    "events: %s  signed heads: %s  proposals: %s  decisions: "
	    "%s\n",
	    view_text(v, 0, "events", "?"), view_text(v, 0, "heads", "?"),
	    view_text(v, 0, "proposals", "?"),
	    view_text(v, 0, "decisions", "?"));
	if (view_bool(v, 0, "ok")) {
		view_print(v, "ledger verified: every row is as it was "
			      "recorded\n");
		return;
	}
	view_print(v,
	    "LEDGER DAMAGED\n  table: %s\n  row: %s\n  code: %s\n  "
	    "%s\n",
	    view_text(v, bad, "table", "?"), view_text(v, bad, "row", "?"),
	    view_text(v, bad, "code", "?"), view_text(v, bad, "message", "?"));
	view_print(v,
	    "Next:\n  stop approving and applying; keep a copy of the "
	    "file; restore the newest backup that verifies\n");
}

int
cmd_ledger_verify(const struct args *a, struct err *e)
{
	struct control c;
	struct span answer;
	struct view v = {0};
	int rc = control_open(&c, a, e);

	if (rc == 0) {
		rc = control_show(&c, SHOW_VERIFY, "", &answer, e);
	}
	if (rc == 0) {
		rc = view_open(&v, answer, c.arena, e);
	}
	if (rc == 0) {
		if (args_has(a, "json")) {
			view_json(&v, 0);
		} else {
			print_verdict(&v);
		}
		/* The verdict is the exit status, so that a timer can watch
		 * it. */
		rc = view_bool(&v, 0, "ok") ? CS_EXIT_OK : CS_EXIT_FAILED;
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}

/* What ledgerd says about itself, as JSON only: it is for scripts. */
int
cmd_ledger_status(const struct args *a, struct err *e)
{
	struct control c;
	struct span answer;
	struct view v = {0};
	int rc = control_open(&c, a, e);

	if (rc == 0) {
		rc = control_show(&c, SHOW_HEALTH, "", &answer, e);
	}
	if (rc == 0) {
		rc = view_open(&v, answer, c.arena, e);
	}
	if (rc == 0) {
		view_json(&v, 0);
		view_flush(&v);
	}
	control_close(&c);
	return rc;
}
