/*
 * The databases, through the processes that hold their credentials: this one
 * sees only what they found.
 */
#include <limits.h>
#include <stdlib.h>

#include "cli/check/doctor.h"
#include "cli/child.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"

#define PROBE_MS  60000
#define PROBE_MAX (4 << 20)

/* One finding as a check: "source:shop:read:table". */
static void
add_finding(struct doctor *d, struct view *v, const char *side)
{
	const char *subject = view_text(v, 0, "subject", "?");
	const char *what = view_text(v, 0, "check", "?");
	bool is_source = contract_source(d->contract, span_of(subject)) != NULL;
	const char *name = arena_printf(d->arena, "%s:%s:%s:%s",
	    is_source ? "source" : "capability", subject, side, what);

	if (view_bool(v, 0, "ok")) {
		doctor_add(d, LEVEL_PASS, name, "well");
	} else {
		doctor_add(d, LEVEL_FAIL, name, "%s: %s. Remedy: %s",
		    view_text(v, 0, "code", "?"),
		    view_text(v, 0, "detail", "?"),
		    view_text(v, 0, "remedy", "see docs/operations.md"));
	}
}

static size_t
add_findings(struct doctor *d, struct span lines, const char *side)
{
	size_t start = 0;
	size_t count = 0;
	struct err ignored = {0};

	for (size_t i = 0; i < lines.len; i++) {
		struct view v;
		if (lines.ptr[i] != '\n') {
			continue;
		}
		if (view_open(&v, (struct span){lines.ptr + start, i - start},
			d->arena, &ignored) == 0) {
			add_finding(d, &v, side);
			count++;
		}
		start = i + 1;
	}
	return count;
}

/* Let a process of the role look; `flag` is countersign-run's. */
static void
probe(struct doctor *d, const char *flag, const char *side)
{
	char program[PATH_MAX];
	struct child c = {.timeout_ms = PROBE_MS, .max = PROBE_MAX};
	const char *name = arena_printf(d->arena, "databases:%s", side);
	struct err e = {0};
	int rc =
	    sibling_program("countersign-run", program, sizeof(program), &e);

	if (rc == 0) {
		child_add(&c, program);
		child_add(&c, "--config");
		child_add(&c, d->config);
		child_add(&c, flag);
		if (secure_getenv("COUNTERSIGN_ACCEPT_REDUCED_ISOLATION") !=
		    NULL) {
			child_add(&c, "--accept-reduced-isolation");
		}
		rc = child_run(&c, &e);
	}
	if (rc == 0 &&
	    add_findings(d, arena_span(d->arena, buf_as_span(&c.out)), side) ==
		0) {
		rc = child_explain(&c, CS_E_UNAVAILABLE, &e);
	}
	if (rc != 0) {
		doctor_add(d, LEVEL_FAIL, name, "not looked at: %s", e.msg);
	}
	child_clear(&c);
}

static bool
are_set(const struct doctor *d, bool writers)
{
	for (size_t i = 0; i < d->contract->source_count; i++) {
		const struct contract_source *s = &d->contract->sources[i];
		const char *name = writers ? s->write_url_env : s->read_url_env;
		if (name != NULL && !doctor_is_set(name)) {
			return false;
		}
	}
	return true;
}

void
doctor_databases(struct doctor *d)
{
	bool wants_writer = args_has(d->args, "check-writeback") ||
			    args_has(d->args, "check-db");

	/* Variables that are missing have been said. */
	if (are_set(d, false)) {
		probe(d, "--check-reads", "read");
	} else {
		doctor_add(d, LEVEL_WARN, "databases:read",
		    "not looked at: a read URL is missing");
	}
	if (d->contract->mode != MODE_REVIEW) {
		return;
	}
	if (!wants_writer) {
		doctor_add(d, LEVEL_WARN, "databases:writeback",
		    "not probed, rerun with --check-writeback");
	} else if (are_set(d, true)) {
		probe(d, "--check", "writeback");
	} else {
		doctor_add(d, LEVEL_FAIL, "databases:writeback",
		    "not probed: a write URL is missing");
	}
}
