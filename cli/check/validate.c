#include "cli/check/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"
#include "common/contract/contract.h"

/* Errors or warnings, in the order in which validation found them. */
static void
put_issues(struct json_out *j, const struct contract_report *r, bool warnings)
{
	json_key(j, warnings ? "warnings" : "errors");
	json_open(j, '[');
	for (size_t i = 0; i < r->count; i++) {
		if (r->issues[i].warning != warnings) {
			continue;
		}
		json_open(j, '{');
		json_field_text(j, "path", r->issues[i].path);
		json_field_text(j, "code", r->issues[i].code);
		json_field_text(j, "message", r->issues[i].message);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* 0.1.1's shape: {ok, errors, warnings}, each issue with path and code. */
static void
print_json(struct view *v, const struct contract_report *r)
{
	struct json_out j;

	json_begin(&j, &v->out, 2);
	json_open(&j, '{');
	json_field_bool(&j, "ok", r->errors == 0);
	put_issues(&j, r, false);
	put_issues(&j, r, true);
	json_close(&j, '}');
	view_print(v, "\n");
}

/* Paths and messages quote the file, so they are escaped like data. */
static void
print_text(struct view *v, const struct contract_report *r, const char *path)
{
	view_print(
	    v, "config %s: %s\n", r->errors == 0 ? "valid" : "invalid", path);
	for (size_t i = 0; i < r->count; i++) {
		struct buf line = BUF_INIT;
		str_escape_for_people(&line, span_of(r->issues[i].path));
		view_print(v,
		    "%s %s %s: ", r->issues[i].warning ? "warning" : "error",
		    buf_text(&line), r->issues[i].code);
		buf_reset(&line);
		str_escape_for_people(&line, span_of(r->issues[i].message));
		view_print(v, "%s\n", buf_text(&line));
		buf_clear(&line);
	}
}

int
cmd_config_validate(const struct args *a, struct err *e)
{
	struct contract_report report = {0};
	struct buf bytes = BUF_INIT;
	struct view v = {0};
	const char *path = NULL;
	int rc = contract_find(args_get(a, "config"), &path, e);

	if (rc == 0) {
		/* Under the daemons' own rules for the file: what is valid
		 * here must not be refused by them for its owner or mode. */
		rc = file_read_trusted(path, 1 << 20, &bytes, e);
	}
	if (rc == 0) {
		rc = contract_validate(buf_as_span(&bytes), &report, e);
		if (report.count > 0 || rc == 0) {
			/* The report says it all. */
			rc = report.errors > 0 ? CS_EXIT_FAILED : CS_EXIT_OK;
			if (args_has(a, "json")) {
				print_json(&v, &report);
			} else {
				print_text(&v, &report, path);
			}
			view_flush(&v);
		}
	}
	contract_report_clear(&report);
	buf_clear(&bytes);
	return rc;
}
