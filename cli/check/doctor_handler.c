/*
 * The application's handlers, through the process that holds their URLs: this
 * one sees only whether somebody answered.
 */
#include <limits.h>
#include <stdlib.h>

#include "cli/check/doctor.h"
#include "cli/child.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"

#define PROBE_MS  60000
#define PROBE_MAX 65536

static const char *
check_name(struct doctor *d, const char *executor)
{
	return arena_printf(
	    d->arena, "executor:%s:handler-reachability", executor);
}

/* The line about this executor, "" when there is none. */
static const char *
line_of(struct doctor *d, struct span lines, const char *executor)
{
	size_t start = 0;

	for (size_t i = 0; i < lines.len; i++) {
		if (lines.ptr[i] == '\n') {
			const char *line = arena_strndup(
			    d->arena, lines.ptr + start, i - start);
			size_t len = strlen(executor);
			if (strlen(line) >= 5 + len &&
			    strncmp(line + 5, executor, len) == 0 &&
			    (line[5 + len] == ' ' || line[5 + len] == 0)) {
				return line;
			}
			start = i + 1;
		}
	}
	return "";
}

static void
add_result(
    struct doctor *d, const struct contract_executor *x, struct span lines)
{
	const char *line = line_of(d, lines, x->name);

	if (strncmp(line, "pass", 4) == 0) {
		doctor_add(d, LEVEL_PASS, check_name(d, x->name),
		    "It answers (OPTIONS; nothing was executed).");
	} else {
		doctor_add(d, LEVEL_FAIL, check_name(d, x->name),
		    "It was not reached:%s.",
		    line[0] == 0 ? " no answer" : line + 5 + strlen(x->name));
	}
}

/* Let writerd-handler reach them all; its lines. */
static int
probe(struct doctor *d, struct child *c, struct err *e)
{
	static char program[PATH_MAX];
	int rc = sibling_program("countersign-run", program, PATH_MAX, e);

	if (rc == 0) {
		child_add(c, program);
		child_add(c, "--config");
		child_add(c, d->config);
		child_add(c, "--check-handlers");
		if (secure_getenv("COUNTERSIGN_ACCEPT_REDUCED_ISOLATION") !=
		    NULL) {
			child_add(c, "--accept-reduced-isolation");
		}
		rc = child_run(c, e);
	}
	return rc != 0 || c->out.len > 0
		   ? rc
		   : child_explain(c, CS_E_UNAVAILABLE, e);
}

void
doctor_handlers(struct doctor *d)
{
	struct child c = {.timeout_ms = PROBE_MS, .max = PROBE_MAX};
	bool wanted = args_has(d->args, "check-handlers");
	bool probed = false;
	struct err e = {0};
	int rc = 0;

	for (size_t i = 0; i < d->contract->executor_count; i++) {
		const struct contract_executor *x = &d->contract->executors[i];
		/* A variable that is missing has been said. */
		if (x->type != EXECUTOR_HTTP || !doctor_is_set(x->url_env)) {
			continue;
		}
		if (!wanted) {
			doctor_add(d, LEVEL_WARN, check_name(d, x->name),
			    "not probed, rerun with --check-handlers");
			continue;
		}
		if (!probed) {
			rc = probe(d, &c, &e);
			probed = true;
		}
		if (rc != 0) {
			doctor_add(d, LEVEL_FAIL, check_name(d, x->name),
			    "not looked at: %s", e.msg);
		} else {
			add_result(
			    d, x, arena_span(d->arena, buf_as_span(&c.out)));
		}
	}
	child_clear(&c);
}
