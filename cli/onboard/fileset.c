#include "cli/onboard/fileset.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/path.h"
#include "common/base/xalloc.h"

struct buf *
fileset_add(struct fileset *set, const char *path, mode_t mode)
{
	struct fileset_entry *f = &set->entries[set->count++];

	cs_assert(set->count <= FILESET_MAX);
	*f = (struct fileset_entry){.path = path, .mode = mode};
	return &f->content;
}

/* In the same folder, so that a rename is enough. */
static char *
name_beside(const char *path, const char *suffix)
{
	struct buf name = BUF_INIT;
	char *out = NULL;

	buf_printf(&name, "%s%s", path, suffix);
	out = xstrdup(buf_text(&name));
	buf_clear(&name);
	return out;
}

/* Before anything is written: may each of them be? */
static int
check_free(const struct fileset *set, bool force, struct err *e)
{
	struct stat st;

	for (size_t i = 0; i < set->count; i++) {
		const char *path = set->entries[i].path;
		if (lstat(path, &st) != 0) {
			continue;
		}
		if (!force) {
			return err_set(e, CS_E_STATE, "FILE_EXISTS",
			    "%s already exists. Use --force to overwrite. No "
			    "file was written.",
			    path);
		}
		if (!S_ISREG(st.st_mode)) {
			return err_set(e, CS_E_STATE, "FILE_EXISTS",
			    "%s is no regular file and is not replaced. No "
			    "file was written.",
			    path);
		}
	}
	return 0;
}

/* For our own user only: a ledger may come to lie there. */
static int
make_folders(const char *path, struct err *e)
{
	char folder[PATH_MAX];
	struct span whole = path_folder(path);

	if (snprintf(folder, sizeof(folder), "%.*s", SPAN_ARGS(whole)) >=
	    (int)sizeof(folder)) {
		return err_set(e, CS_E_TOO_LARGE, NULL, "path too long");
	}
	for (char *c = folder + 1;; c++) {
		char was = *c;

		if (was != '/' && was != '\0') {
			continue;
		}
		*c = '\0';
		if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
			return err_sys(e, "cannot make the folder %s", folder);
		}
		if (was == '\0') {
			return 0;
		}
		*c = was;
	}
}

/* Whole and on disk before anything gets its name. */
static int
write_temporary(struct fileset_entry *f, struct err *e)
{
	int fd = -1;
	int rc = make_folders(f->path, e);

	if (rc != 0) {
		return rc;
	}
	f->temporary = name_beside(f->path, ".XXXXXX");
	fd = mkostemp(f->temporary, O_CLOEXEC);
	if (fd < 0) {
		rc = err_sys(e, "cannot write beside %s", f->path);
		free(f->temporary);
		f->temporary = NULL;
		return rc;
	}
	if (fd_write_all(fd, f->content.data, f->content.len, -1) != 0 ||
	    fchmod(fd, f->mode) != 0 || fsync(fd) != 0) {
		rc = err_sys(e, "cannot write %s", f->path);
	}
	fd_close(&fd);
	return rc;
}

/* Into its place; without `force` never over a file that came meanwhile. */
static int
place(struct fileset_entry *f, bool force, struct err *e)
{
	if (force) {
		f->backup = name_beside(f->path, ".before");
		(void)unlink(f->backup);
		if (link(f->path, f->backup) != 0) {
			/* Nothing was there. */
			free(f->backup);
			f->backup = NULL;
		}
	}
	if (renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path,
		force ? 0 : RENAME_NOREPLACE) != 0) {
		return err_sys(e, "cannot write %s", f->path);
	}
	f->placed = true;
	return 0;
}

/* Everything as it was. */
static void
take_back(struct fileset *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct fileset_entry *f = &set->entries[i];

		if (f->temporary != NULL && !f->placed) {
			(void)unlink(f->temporary);
		}
		if (f->placed && f->backup != NULL) {
			(void)rename(f->backup, f->path);
		} else if (f->placed) {
			(void)unlink(f->path);
		} else if (f->backup != NULL) {
			(void)unlink(f->backup);
		}
		f->placed = false;
	}
}

int
fileset_commit(struct fileset *set, bool force, struct err *e)
{
	int rc = check_free(set, force, e);

	if (rc != 0) {
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < set->count; i++) {
		rc = write_temporary(&set->entries[i], e);
	}
	for (size_t i = 0; rc == 0 && i < set->count; i++) {
		rc = place(&set->entries[i], force, e);
	}
	if (rc != 0) {
		take_back(set);
		err_context(e, "no file was written");
		return rc;
	}
	for (size_t i = 0; i < set->count; i++) {
		if (set->entries[i].backup != NULL) {
			(void)unlink(set->entries[i].backup);
		}
	}
	return 0;
}

void
fileset_clear(struct fileset *set)
{
	for (size_t i = 0; i < set->count; i++) {
		buf_clear(&set->entries[i].content);
		free(set->entries[i].temporary);
		free(set->entries[i].backup);
	}
	set->count = 0;
}
