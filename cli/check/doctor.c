/* countersign doctor: gathers the checks and prints them (cli-config.md §2.7).
 */
#include "cli/check/doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/check/commands.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "common/base/xalloc.h"

#define REPORT_NAME "countersign-doctor.md"
#define REPORT_MODE 0644

static const char *const marks[] = {"✓", "!", "x"};
static const char *const levels[] = {"pass", "warn", "fail"};
static const char *const words[] = {"PASS", "WARN", "FAIL"};

void
doctor_add(
    struct doctor *d, enum level level, const char *name, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
	}
	va_end(ap);
	d->checks = xreallocarray(d->checks, d->count + 1, sizeof(*d->checks));
	d->checks[d->count++] = (struct doctor_check){
	    arena_strndup(d->arena, name, strlen(name)), level,
	    text == NULL ? "" : arena_strndup(d->arena, text, strlen(text))};
	d->failed = d->failed || level == LEVEL_FAIL;
	free(text);
}

/* The tools, and that they stay within the boundary. */
static void
look_at_tools(struct doctor *d)
{
	struct err e = {0};
	struct buf bad = BUF_INIT;
	size_t count = 0;

	if (boundary_look(&d->boundary, d->args, NULL, d->arena, &e) != 0) {
		doctor_add(d, LEVEL_FAIL, "mcp-runtime", "%s", e.msg);
		return;
	}
	d->has_boundary = true;
	for (uint32_t n = view_first(&d->boundary.view, d->boundary.names);
	     n != JSON_NONE;
	     n = view_next(&d->boundary.view, d->boundary.names, n)) {
		count++;
	}
	doctor_add(d, LEVEL_PASS, "mcp-runtime", "%zu tool%s.", count,
	    count == 1 ? "" : "s");
	for (size_t i = 1; i < BOUNDARY_CHECKS; i++) {
		if (!d->boundary.ok[i]) {
			buf_printf(&bad, "%s%s: %s", bad.len > 0 ? "; " : "",
			    boundary_names[i], d->boundary.detail[i]);
		}
	}
	doctor_add(d, bad.len > 0 ? LEVEL_FAIL : LEVEL_PASS,
	    "mcp-tool-boundary", "%s",
	    bad.len > 0 ? buf_text(&bad)
			: "No tool runs SQL, approves or applies.");
	buf_clear(&bad);
}

static const char *
mode_of(const struct doctor *d)
{
	return d->contract == NULL ? "unknown"
				   : contract_mode_name(d->contract->mode);
}

/* A message may quote the contract or a database: escaped for people. */
static const char *
shown(struct doctor *d, const char *text)
{
	struct buf line = BUF_INIT;
	const char *copy;

	str_escape_for_people(&line, span_of(text));
	copy = arena_strndup(d->arena, buf_text(&line), line.len);
	buf_clear(&line);
	return copy;
}

static void
print_text(struct doctor *d, struct view *v)
{
	view_print(v,
	    "Countersign doctor: %s\nConfig: %s\nMode: %s\n"
	    "Exposed MCP tools:\n",
	    d->failed ? "failed" : "ok", d->config, mode_of(d));
	if (d->has_boundary) {
		boundary_print_names(&d->boundary, v);
	}
	for (size_t i = 0; i < d->count; i++) {
		view_print(v, "%s %s: %s\n", marks[d->checks[i].level],
		    shown(d, d->checks[i].name),
		    shown(d, d->checks[i].message));
	}
}

static void
put_store(struct doctor *d, struct json_out *j)
{
	json_key(j, "store_stats");
	json_open(j, '{');
	json_field_text(
	    j, "path", d->store == NULL ? "not configured" : d->store);
	json_field_bool(
	    j, "exists", d->store != NULL && access(d->store, F_OK) == 0);
	json_close(j, '}');
}

static void
print_json(struct doctor *d, struct view *v)
{
	struct json_out j;

	json_begin(&j, &v->out, 2);
	json_open(&j, '{');
	json_field_bool(&j, "ok", !d->failed);
	json_field_text(&j, "mode", mode_of(d));
	json_field_text(&j, "config_path", d->config);
	json_key(&j, "checks");
	json_open(&j, '[');
	for (size_t i = 0; i < d->count; i++) {
		json_open(&j, '{');
		json_field_text(&j, "name", d->checks[i].name);
		json_field_bool(&j, "ok", d->checks[i].level != LEVEL_FAIL);
		json_field_text(&j, "level", levels[d->checks[i].level]);
		json_field_text(&j, "message", d->checks[i].message);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	if (d->has_boundary) {
		boundary_put_names(&d->boundary, &j, "tools");
	} else {
		json_key(&j, "tools");
		json_open(&j, '[');
		json_close(&j, ']');
	}
	put_store(d, &j);
	json_close(&j, '}');
	view_print(v, "\n");
}

static void
put_report(struct doctor *d, struct view *v)
{
	view_print(v,
	    "# Countersign Doctor Report\n\n- package: countersign\n"
	    "- runtime version: %s\n- config: %s\n- mode: %s\n- status: %s\n\n"
	    "## Semantic Tools\n\n",
	    CS_VERSION, d->config, mode_of(d),
	    d->failed ? "needs attention" : "ok");
	if (d->has_boundary) {
		boundary_print_names(&d->boundary, v);
	}
	view_print(v, "\n## Safety Boundary\n\n");
	for (size_t i = 0; d->has_boundary && i < BOUNDARY_CHECKS; i++) {
		view_print(v, "- %s %s\n", d->boundary.ok[i] ? "PASS" : "FAIL",
		    boundary_names[i]);
	}
	view_print(v, "\n## Local Store\n\n- path: %s\n- exists: %s\n",
	    d->store == NULL ? "not configured" : d->store,
	    d->store != NULL && access(d->store, F_OK) == 0 ? "yes" : "no");
	view_print(v, "\n## Checks\n\n");
	for (size_t i = 0; i < d->count; i++) {
		view_print(v, "- %s %s: %s\n", words[d->checks[i].level],
		    shown(d, d->checks[i].name),
		    shown(d, d->checks[i].message));
	}
	view_print(v,
	    "\n## Redaction Note\n\nNo value of a variable, no URL and no "
	    "row of a database is in this report: the\nchecks never hold "
	    "them.\n");
}

static int
write_report(struct doctor *d, struct view *v, struct err *e)
{
	const char *path = args_get(d->args, "output");
	int rc;

	path = path != NULL ? path : REPORT_NAME;
	put_report(d, v);
	rc = file_write_atomic(path, v->out.data, v->out.len, REPORT_MODE, e);
	buf_reset(&v->out);
	if (rc == 0) {
		view_print(v, "wrote redacted doctor report: %s\n", path);
	}
	return rc;
}

/* Where the ledger would be; it is not made here. */
static void
locate_store(struct doctor *d)
{
	struct control c;
	struct err ignored = {0};

	if (control_locate(&c, d->args, &ignored) == 0) {
		d->store = arena_strndup(d->arena, c.store, strlen(c.store));
	}
	control_close(&c);
}

static void
look(struct doctor *d)
{
	doctor_contract(d);
	locate_store(d);
	if (d->contract != NULL) {
		doctor_environment(d);
		doctor_databases(d);
		doctor_handlers(d);
		look_at_tools(d);
	}
	doctor_files(d);
	doctor_system(d);
}

int
cmd_doctor(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct doctor d = {.args = a, .arena = arena};
	struct view v = {.arena = arena};
	int rc;

	if (args_has(a, "first-run")) {
		arena_free(&arena);
		return first_run_doctor(a);
	}
	rc = contract_find(args_get(a, "config"), &d.config, e);
	if (rc == 0) {
		look(&d);
		if (args_has(a, "report")) {
			rc = write_report(&d, &v, e);
		} else if (args_has(a, "json")) {
			print_json(&d, &v);
		} else {
			print_text(&d, &v);
		}
	}
	if (rc == 0) {
		view_flush(&v);
		rc = d.failed ? CS_EXIT_FAILED : CS_EXIT_OK;
	}
	buf_clear(&v.out);
	free(d.checks);
	contract_free(&d.contract);
	arena_free(&arena);
	return rc;
}
