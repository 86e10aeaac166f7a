/* config show and config migrate: the file itself. */
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/check/commands.h"
#include "cli/check/redact.h"
#include "cli/confirm.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/contract/contract.h"

#define CONTRACT_MODE 0644

/* The file's bytes, and the file as JSON. */
static int
open_file(const struct args *a, const char **path, struct view *v,
    struct arena *arena, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = contract_find(args_get(a, "config"), path, e);

	if (rc == 0) {
		rc = file_read_trusted(*path, CONTRACT_MAX_BYTES, &bytes, e);
	}
	if (rc == 0) {
		rc = view_open(
		    v, arena_span(arena, buf_as_span(&bytes)), arena, e);
	}
	buf_clear(&bytes);
	return rc;
}

int
cmd_config_show(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct view v = {.arena = arena};
	struct json_out j;
	const char *path = NULL;
	int rc = open_file(a, &path, &v, arena, e);

	if (rc == 0 && args_has(a, "redacted")) {
		json_begin(&j, &v.out, 2);
		redact_rewrite(&j, &v.doc, arena);
		view_print(&v, "\n");
	} else if (rc == 0) {
		view_json(&v, 0);
	}
	if (rc == 0) {
		view_flush(&v);
	}
	arena_free(&arena);
	return rc;
}

/* "path CODE" of each error, as one error. */
static int
check_valid(const struct view *v, struct err *e)
{
	struct contract_report report = {0};
	struct buf list = BUF_INIT;
	int rc = contract_validate(v->doc.text, &report, e);

	for (size_t i = 0; i < report.count; i++) {
		if (!report.issues[i].warning) {
			buf_printf(&list, "%s%s %s", list.len > 0 ? "; " : "",
			    report.issues[i].path, report.issues[i].code);
		}
	}
	if (list.len > 0) {
		rc = err_set(e, CS_E_CONFIG, "CONFIG_INVALID",
		    "cannot migrate an invalid config: %s. Nothing was "
		    "written.",
		    buf_text(&list));
	}
	contract_report_clear(&report);
	buf_clear(&list);
	return rc;
}

/* Where the old bytes go: <path>.bak.<time>. */
static int
back_up(const char *path, const struct view *v, struct err *e)
{
	char stamp[40];
	time_t now = time(NULL);
	struct tm at;
	const char *backup;
	int rc;

	(void)gmtime_r(&now, &at);
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H-%M-%S-000Z", &at);
	backup = arena_printf(v->arena, "%s.bak.%s", path, stamp);
	rc = file_write_atomic(
	    backup, v->doc.text.ptr, v->doc.text.len, CONTRACT_MODE, e);
	if (rc == 0) {
		(void)dprintf(STDERR_FILENO, "Backup: %s\n", backup);
	}
	return rc;
}

/* Where it was written; NULL: nowhere. */
static void
tell_migrated(const struct args *a, struct view *v, const char *to)
{
	struct json_out j;

	if (args_has(a, "json")) {
		json_begin(&j, &v->out, 2);
		json_open(&j, '{');
		json_field_bool(&j, "ok", true);
		json_field_int(&j, "version", 1);
		json_field_text(&j, "written", to);
		json_close(&j, '}');
		view_print(v, "\n");
	} else if (to != NULL) {
		view_print(v, "wrote migrated config: %s\n", to);
	} else {
		view_print(v,
		    "config already current: version 1\n"
		    "no file written (--write or --output FILE writes one)\n");
	}
}

static int
write_migrated(
    const struct args *a, const char *path, struct view *v, struct err *e)
{
	const char *output = args_get(a, "output");
	char absolute[PATH_MAX];
	const char *to = output != NULL ? output : path;
	int rc = 0;

	if (to[0] != '/' && getcwd(absolute, sizeof(absolute)) != NULL) {
		to = arena_printf(v->arena, "%s/%s", absolute, to);
	}
	(void)dprintf(STDERR_FILENO, "Destination: %s\n%s", to,
	    output == NULL ? "The file as it is now is kept beside it.\n" : "");
	if (!args_has(a, "yes")) {
		rc = confirm("config migrate", "Write the config?", e);
	}
	if (rc == 0 && output == NULL) {
		rc = back_up(to, v, e);
	}
	if (rc == 0) {
		view_json(v, 0);
		rc = file_write_atomic(
		    to, v->out.data, v->out.len, CONTRACT_MODE, e);
		buf_reset(&v->out);
	}
	if (rc == 0) {
		tell_migrated(a, v, to);
	}
	return rc;
}

int
cmd_config_migrate(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct view v = {.arena = arena};
	const char *path = NULL;
	int rc = open_file(a, &path, &v, arena, e);

	if (rc == 0) {
		rc = check_valid(&v, e);
	}
	if (rc == 0 && (args_has(a, "write") || args_has(a, "output"))) {
		rc = write_migrated(a, path, &v, e);
	} else if (rc == 0) {
		tell_migrated(a, &v, NULL);
	}
	if (rc == 0) {
		view_flush(&v);
	}
	buf_clear(&v.out);
	arena_free(&arena);
	return rc;
}
