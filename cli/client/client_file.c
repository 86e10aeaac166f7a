#include "cli/client/client_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client/edit.h"
#include "cli/confirm.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/json_scan.h"
#include "common/base/path.h"

#define CLIENT_FILE_MAX (4U << 20)

/* What is there now. */
struct state {
	bool exists;
	mode_t mode;
	struct buf text;
};

static int
absolute(const char *path, const char **out, struct arena *a, struct err *e)
{
	char folder[PATH_MAX];
	char *real = realpath(path, NULL);

	if (real != NULL) {
		*out = arena_strndup(a, real, strlen(real));
		free(real);
		return 0;
	}
	if (path[0] == '/') {
		*out = arena_strndup(a, path, strlen(path));
	} else if (getcwd(folder, sizeof(folder)) != NULL) {
		*out = arena_printf(a, "%s/%s", folder,
		    strncmp(path, "./", 2) == 0 ? path + 2 : path);
	} else {
		return err_sys(e, "cannot find the working folder");
	}
	return 0;
}

int
client_file_path(const struct client *c, const char *destination,
    const char **out, struct arena *a, struct err *e)
{
	const char *home = secure_getenv("HOME");
	const char *config = secure_getenv("XDG_CONFIG_HOME");

	if (destination != NULL) {
		return absolute(destination, out, a, e);
	}
	if (c->base == IN_PROJECT) {
		return absolute(c->file, out, a, e);
	}
	if (c->base == IN_NOTHING || home == NULL || home[0] != '/') {
		return err_set(e, CS_E_INVALID, "CLIENT_FILE_UNKNOWN",
		    "it is not known where %s keeps its servers: --destination "
		    "names the file; nothing was written",
		    c->name);
	}
	if (c->base == IN_HOME) {
		return absolute(
		    arena_printf(a, "%s/%s", home, c->file), out, a, e);
	}
	return absolute(config != NULL && config[0] == '/'
			    ? arena_printf(a, "%s/%s", config, c->file)
			    : arena_printf(a, "%s/.config/%s", home, c->file),
	    out, a, e);
}

static int
look(struct state *now, const char *path, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc = 0;

	*now = (struct state){false, 0600, BUF_INIT};
	if (fd < 0) {
		return errno == ENOENT ? 0 : err_sys(e, "cannot open %s", path);
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		rc = err_set(e, CS_E_INVALID, "FILE_NOT_REGULAR",
		    "%s is not a file", path);
	} else {
		now->exists = true;
		now->mode = st.st_mode & 0777;
		rc = fd_read_rest(fd, CLIENT_FILE_MAX, &now->text, e);
	}
	fd_close(&fd);
	return rc;
}

/* The folder of a client that has never been started. */
static int
make_folders(const char *path, struct arena *a, struct err *e)
{
	struct span folder = path_folder(path);
	char *copy = arena_strndup(a, folder.ptr, folder.len);

	for (char *p = copy + 1; p <= copy + folder.len; p++) {
		if (*p == '/' || *p == '\0') {
			char kept = *p;
			*p = '\0';
			if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
				return err_sys(e, "cannot make %s", copy);
			}
			*p = kept;
		}
	}
	return 0;
}

/* <path>.bak.2026-07-01T12-00-00-000Z */
static int
back_up(
    const struct state *now, const char *path, struct arena *a, struct err *e)
{
	char when[CLOCK_TEXT_SIZE];
	const char *name;
	int rc;

	if (!now->exists) {
		return 0;
	}
	clock_format(clock_now_us(), when);
	for (char *p = when; *p != '\0'; p++) {
		if (*p == ':' || *p == '.') {
			*p = '-';
		}
	}
	name = arena_printf(a, "%s.bak.%s", path, when);
	rc = file_write_atomic(
	    name, buf_text(&now->text), now->text.len, now->mode, e);
	if (rc == 0) {
		(void)fprintf(stderr, "Backup: %s\n", name);
	}
	return rc;
}

static struct edit_place
place_of(const struct snippet *s)
{
	return (struct edit_place){s->client->map, s->entry};
}

static void
entry_of(const struct snippet *s, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 2);
	snippet_put_entry(s, &j);
}

static int
ask(bool yes, const char *question, struct err *e)
{
	return yes ? 0 : confirm("mcp configure", question, e);
}

int
client_file_write(const struct snippet *s, const char *path, bool yes,
    struct arena *a, struct err *e)
{
	struct buf entry = BUF_INIT;
	struct buf made = BUF_INIT;
	struct edit_place p = place_of(s);
	struct state now;
	int rc;

	if (s->client->shape == SHAPE_AGENTS) {
		return err_set(e, CS_E_UNSUPPORTED, "CLIENT_UNSUPPORTED",
		    "openai-agents has no file to write: paste the snippet "
		    "into the program");
	}
	rc = look(&now, path, e);
	entry_of(s, &entry);
	if (rc == 0 && s->client->shape == SHAPE_PLAIN) {
		/* A file that holds nothing but the command. */
		buf_span(&made, buf_as_span(&entry));
		buf_putc(&made, '\n');
	} else if (rc == 0) {
		rc = edit_set(
		    buf_as_span(&now.text), &p, buf_as_span(&entry), &made, e);
	}
	(void)fprintf(stderr, "Destination: %s\n", path);
	if (rc == 0) {
		rc = ask(yes, "Write this file?", e);
	}
	if (rc == 0 && (rc = make_folders(path, a, e)) == 0 &&
	    (rc = back_up(&now, path, a, e)) == 0) {
		rc = file_write_atomic(
		    path, buf_text(&made), made.len, now.mode, e);
	}
	if (rc == 0) {
		(void)printf("wrote MCP %s configuration to %s\n",
		    s->client->name, path);
	}
	buf_clear(&now.text);
	buf_clear(&entry);
	buf_clear(&made);
	return rc;
}

/* The newest backup: their names sort by time. NULL: there is none. */
static const char *
newest_backup(const char *path, struct arena *a)
{
	struct span folder = path_folder(path);
	const char *base = strrchr(path, '/') + 1;
	const char *prefix = arena_printf(a, "%s.bak.", base);
	DIR *d = opendir(arena_strndup(a, folder.ptr, folder.len));
	const char *best = NULL;
	struct dirent *entry;

	// NOLINTNEXTLINE(concurrency-mt-unsafe): this program has one thread
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
		    (best == NULL || strcmp(entry->d_name, best) > 0)) {
			best = arena_strndup(
			    a, entry->d_name, strlen(entry->d_name));
		}
	}
	if (d != NULL) {
		(void)closedir(d);
	}
	return best == NULL
		   ? NULL
		   : arena_printf(a, "%.*s/%s", SPAN_ARGS(folder), best);
}

/* Would this edit of `before` have given what is there now? */
static bool
is_our_edit(const struct state *before, const struct state *now,
    const struct edit_place *p)
{
	struct buf entry = BUF_INIT;
	struct buf plain = BUF_INIT;
	struct buf again = BUF_INIT;
	struct json_out j;
	struct json_doc doc;
	struct arena *a = arena_new();
	bool same = false;

	/* The entry stands there indented; it is written plainly again. */
	if (edit_find(buf_as_span(&now->text), p, &entry) &&
	    json_scan(&doc, buf_as_span(&entry), a, NULL) == 0) {
		json_begin(&j, &plain, 2);
		json_rewrite(&j, &doc, 0, a);
		same = edit_set(buf_as_span(&before->text), p,
			   buf_as_span(&plain), &again, NULL) == 0 &&
		       span_equal(buf_as_span(&again), buf_as_span(&now->text));
	}
	arena_free(&a);
	buf_clear(&entry);
	buf_clear(&plain);
	buf_clear(&again);
	return same;
}

/* The text after the undo; *gone: there was no file before. */
static int
undone(const struct snippet *s, const struct state *before,
    const struct state *now, bool *gone, struct buf *out, struct err *e)
{
	struct edit_place p = place_of(s);
	struct buf former = BUF_INIT;
	int rc = 0;

	*gone = false;
	if (s->client->shape == SHAPE_PLAIN || is_our_edit(before, now, &p)) {
		*gone = !before->exists;
		buf_span(out, buf_as_span(&before->text));
	} else if (edit_find(buf_as_span(&before->text), &p, &former)) {
		rc = edit_set(
		    buf_as_span(&now->text), &p, buf_as_span(&former), out, e);
	} else {
		rc = edit_remove(buf_as_span(&now->text), &p, out, e);
	}
	buf_clear(&former);
	return rc;
}

int
client_file_undo(const struct snippet *s, const char *path, bool yes,
    struct arena *a, struct err *e)
{
	const char *backup = newest_backup(path, a);
	struct state before = {false, 0600, BUF_INIT};
	struct state now = {0};
	struct buf made = BUF_INIT;
	bool gone = false;
	int rc = look(&now, path, e);

	if (rc == 0 && !now.exists) {
		rc = err_set(e, CS_E_NOT_FOUND, "CLIENT_ENTRY_MISSING",
		    "there is no %s: nothing to take back", path);
	}
	if (rc == 0 && backup != NULL) {
		rc = look(&before, backup, e);
	}
	if (rc == 0) {
		rc = undone(s, &before, &now, &gone, &made, e);
	}
	(void)fprintf(stderr, "Destination: %s\n", path);
	if (rc == 0) {
		rc = ask(
		    yes, gone ? "Remove this file?" : "Write this file?", e);
	}
	if (rc == 0) {
		rc = gone ? (unlink(path) == 0 ? 0 : err_sys(e, "unlink"))
			  : file_write_atomic(
				path, buf_text(&made), made.len, now.mode, e);
	}
	/* Used up, so that undoing again goes further back. */
	if (rc == 0 && backup != NULL) {
		(void)unlink(backup);
	}
	if (rc == 0) {
		(void)printf("took back the MCP %s configuration in %s\n",
		    s->client->name, path);
	}
	buf_clear(&before.text);
	buf_clear(&now.text);
	buf_clear(&made);
	return rc;
}
