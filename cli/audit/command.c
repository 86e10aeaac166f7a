#include <unistd.h>

#include "cli/audit/commands.h"
#include "cli/audit/input.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

struct form {
	const char *name;
	void (*put)(const struct audit *a, struct buf *out);
};

static const struct form forms[] = {
    {"text", audit_put_text},
    {"json", audit_put_json},
    {"markdown", audit_put_markdown},
    {"sarif", audit_put_sarif},
    {NULL, NULL},
};

static int
choose_form(const struct args *a, const struct form **out, struct err *e)
{
	const char *name = args_get(a, "format");

	if (name == NULL) {
		name = args_has(a, "json") ? "json" : "text";
	}
	for (*out = forms; (*out)->name != NULL; (*out)++) {
		if (strcmp((*out)->name, name) == 0) {
			return 0;
		}
	}
	return err_set(e, CS_E_INVALID, "USAGE",
	    "--format is text, json, markdown or sarif, not %s", name);
}

/* From which severity on the exit code is 1; AUDIT_SEVERITIES: from none. */
static int
choose_limit(const struct args *a, size_t *severities, struct err *e)
{
	static const char *const words[] = {
	    "never", "high", "medium", "low", NULL};
	const char *word = args_get(a, "fail-on");

	*severities = 0;
	while (word != NULL && words[*severities] != NULL &&
	       strcmp(words[*severities], word) != 0) {
		(*severities)++;
	}
	return words[*severities] != NULL
		   ? 0
		   : err_set(e, CS_E_INVALID, "USAGE",
			 "--fail-on is high, medium, low or never, not %s",
			 word);
}

static int
write_report(const struct args *a, const struct buf *text, struct err *e)
{
	const char *path = args_get(a, "output");

	if (path == NULL) {
		(void)fd_write_all(STDOUT_FILENO, text->data, text->len, -1);
		return 0;
	}
	return file_write_atomic(path, text->data, text->len, 0644, e);
}

/* Before a server is asked: what cannot be written is said at once. */
static int
check_output(const struct args *a, struct err *e)
{
	const char *path = args_get(a, "output");

	if (path != NULL && !args_has(a, "force") && access(path, F_OK) == 0) {
		return err_set(e, CS_E_STATE, "FILE_EXISTS",
		    "%s already exists. Use --force to overwrite.", path);
	}
	return 0;
}

int
cmd_audit(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct audit audit;
	struct target target;
	const struct form *form = NULL;
	struct buf out = BUF_INIT;
	size_t limit = 0;
	size_t bad = 0;
	int rc = choose_form(a, &form, e);

	if (rc == 0 && (rc = choose_limit(a, &limit, e)) == 0 &&
	    (rc = check_output(a, e)) == 0 &&
	    (rc = input_target(&target, a, arena, e)) == 0) {
		audit_begin(&audit, arena, target.shown);
		audit.generated_us = clock_now_us();
		rc = input_read(&audit, &target, a, e);
	}
	if (rc == 0) {
		audit_judge(&audit);
		form->put(&audit, &out);
		rc = write_report(a, &out, e);
		for (size_t i = 0; i < limit; i++) {
			bad += audit.counts[i];
		}
	}
	if (rc == 0 && bad > 0) {
		rc = CS_EXIT_FAILED;
	}
	buf_clear(&out);
	arena_free(&arena);
	return rc;
}
