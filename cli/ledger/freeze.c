#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/err.h"

/* --tenant, --capability, or with neither everything. */
static int
take_scope(const struct args *a, struct msg_freeze *m, struct err *e)
{
	const char *tenant = args_get(a, "tenant");
	const char *capability = args_get(a, "capability");
	const char *reason = args_get(a, "reason");

	if (tenant != NULL && capability != NULL) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--tenant or --capability, not both; nothing was changed");
	}
	m->scope = tenant != NULL       ? FREEZE_TENANT
		   : capability != NULL ? FREEZE_CAPABILITY
					: FREEZE_ALL;
	m->name = span_of(tenant != NULL       ? tenant
			  : capability != NULL ? capability
					       : "");
	m->reason = span_of(reason == NULL ? "" : reason);
	return 0;
}

static void
print_list(struct view *v)
{
	uint32_t list = json_get(&v->doc, 0, "frozen");
	uint32_t first = view_first(v, list);

	if (first == JSON_NONE) {
		view_print(v, "nothing is frozen\n");
	}
	for (uint32_t i = first; i != JSON_NONE; i = view_next(v, list, i)) {
		const char *name = view_text(v, i, "name", "");
		view_print(v, "frozen: %s%s%s  by %s since %s: %s\n",
		    view_text(v, i, "scope", "?"), name[0] == '\0' ? "" : " ",
		    name, view_text(v, i, "by", "?"),
		    view_text(v, i, "since", "?"),
		    view_text(v, i, "reason", "?"));
	}
}

/* What a writer had in hand at that moment was told to stop; whether it did in
 * time is in its receipt. */
static void
print_in_hand(struct view *v)
{
	uint32_t list = json_get(&v->doc, 0, "in_hand");

	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		view_print(v,
		    "a writer had %s and was told to stop; see what came of "
		    "it: countersign replay show %s\n",
		    view_scalar(v, i), view_scalar(v, i));
	}
}

static int
print_answer(
    struct control *c, const struct args *a, struct span answer, struct err *e)
{
	struct view v = {0};
	int rc = view_open(&v, answer, c->arena, e);

	if (rc != 0) {
		return rc;
	}
	if (args_has(a, "json")) {
		view_json(&v, 0);
	} else {
		print_list(&v);
		print_in_hand(&v);
	}
	view_flush(&v);
	return 0;
}

static int
set(const struct args *a, bool frozen, struct err *e)
{
	struct msg_freeze m = {.frozen = frozen};
	struct control c = {.fd = -1};
	struct span answer;
	int rc = take_scope(a, &m, e);

	if (rc == 0 && (rc = control_open(&c, a, e)) == 0 &&
	    (rc = control_request(&c, MSG_FREEZE, &m, &answer, e)) == 0) {
		rc = print_answer(&c, a, answer, e);
	}
	control_close(&c);
	return rc;
}

int
cmd_freeze(const struct args *a, struct err *e)
{
	return set(a, true, e);
}

int
cmd_thaw(const struct args *a, struct err *e)
{
	return set(a, false, e);
}

int
cmd_freeze_list(const struct args *a, struct err *e)
{
	struct control c = {.fd = -1};
	struct span answer;
	int rc = control_open(&c, a, e);

	if (rc == 0 &&
	    (rc = control_show(&c, SHOW_FREEZES, "", &answer, e)) == 0) {
		rc = print_answer(&c, a, answer, e);
	}
	control_close(&c);
	return rc;
}
