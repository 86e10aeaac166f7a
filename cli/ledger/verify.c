#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define VERIFY_MS (INT64_C(3600) * 1000)

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

/* As it is now, whatever its size. */
static int
copy_bytes(int from, int to, const char *target, struct err *e)
{
	char block[65536];
	ssize_t got;

	while ((got = read(from, block, sizeof(block))) > 0) {
		if (fd_write_all(to, block, (size_t)got, -1) != 0) {
			return err_sys(e, "cannot write %s", target);
		}
	}
	return got == 0 ? 0 : err_sys(e, "cannot read the file");
}

/* Copied first: looking must not change evidence, and a ledger that is in use
 * goes on. */
static int
copy_file(const char *from, const char *folder, const char *suffix,
    bool required, struct err *e)
{
	struct buf source = BUF_INIT;
	struct buf target = BUF_INIT;
	int fd;
	int copy = -1;
	int rc = 0;

	buf_printf(&source, "%s%s", from, suffix);
	buf_printf(&target, "%s/copy.db%s", folder, suffix);
	fd = open(source.data, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		copy = open(
		    target.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		rc = copy < 0 ? err_sys(e, "cannot create %s", target.data)
			      : copy_bytes(fd, copy, target.data, e);
	} else if (required) {
		rc = err_sys(e, "cannot open %s", source.data);
	}
	fd_close(&fd);
	fd_close(&copy);
	buf_clear(&source);
	buf_clear(&target);
	return rc;
}

static void
remove_copies(const char *folder)
{
	static const char *const names[] = {
	    "copy.db", "copy.db-wal", "copy.db-shm"};
	struct buf path = BUF_INIT;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		buf_reset(&path);
		buf_printf(&path, "%s/%s", folder, names[i]);
		(void)unlink(path.data);
	}
	(void)rmdir(folder);
	buf_clear(&path);
}

/* Have ledgerd walk the copy; what it prints is the document of SHOW. */
static int
walk_copy(
    const struct args *a, const char *folder, struct buf *out, struct err *e)
{
	char program[PATH_MAX];
	struct buf copy = BUF_INIT;
	struct child c = {.timeout_ms = VERIFY_MS, .max = 65536};
	int rc = sibling_program("ledgerd", program, sizeof(program), e);

	buf_printf(&copy, "%s/copy.db", folder);
	if (rc == 0) {
		child_add(&c, program);
		child_add(&c, "--verify");
		child_add(&c, "--store");
		child_add(&c, copy.data);
		child_add(&c, "--public-key");
		child_add(&c, args_get(a, "public-key"));
		child_add(&c, "--accept-reduced-isolation");
		if (args_has(a, "anchor")) {
			child_add(&c, "--anchor");
			child_add(&c, args_get(a, "anchor"));
		}
		rc = child_run(&c, e);
	}
	if (rc == 0 && c.out.len == 0) {
		rc = child_explain(&c, CS_E_INTEGRITY, e);
	}
	if (rc == 0) {
		buf_span(out, buf_as_span(&c.out));
	}
	child_clear(&c);
	buf_clear(&copy);
	return rc;
}

/* The verdict is the exit status, so that a timer can watch it. */
static int
print_walk(const struct args *a, struct span document, struct arena *arena,
    struct err *e)
{
	struct view v = {0};
	int rc = view_open(&v, document, arena, e);

	if (rc != 0) {
		return rc;
	}
	if (args_has(a, "json")) {
		view_json(&v, 0);
	} else {
		print_verdict(&v);
	}
	rc = view_bool(&v, 0, "ok") ? CS_EXIT_OK : CS_EXIT_FAILED;
	view_flush(&v);
	return rc;
}

/* A file and a public key, and nothing else: no ledgerd, no contract. */
static int
verify_offline(const struct args *a, struct err *e)
{
	const char *file = args_get(a, "file");
	char folder[] = "/tmp/countersign-verify-XXXXXX";
	struct arena *arena = arena_new();
	struct buf out = BUF_INIT;
	int rc = 0;

	if (file == NULL || !args_has(a, "public-key")) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "--file and --public-key go together");
	} else if (mkdtemp(folder) == NULL) {
		rc = err_sys(e, "cannot make a folder");
	} else {
		rc = copy_file(file, folder, "", true, e);
		rc = rc != 0 ? rc : copy_file(file, folder, "-wal", false, e);
		rc = rc != 0 ? rc : walk_copy(a, folder, &out, e);
		remove_copies(folder);
	}
	if (rc == 0) {
		rc = print_walk(a, buf_as_span(&out), arena, e);
	}
	buf_clear(&out);
	arena_free(&arena);
	return rc;
}

int
cmd_ledger_verify(const struct args *a, struct err *e)
{
	struct control c;
	struct span answer;
	int rc;

	if (args_has(a, "file") || args_has(a, "public-key")) {
		return verify_offline(a, e);
	}
	rc = control_open(&c, a, e);
	if (rc == 0) {
		rc = control_show(&c, SHOW_VERIFY,
		    args_has(a, "anchor") ? args_get(a, "anchor") : "", &answer,
		    e);
	}
	if (rc == 0) {
		rc = print_walk(a, answer, c.arena, e);
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
