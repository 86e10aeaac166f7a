/* Several files at once: all of them or none, whichever step fails. */
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/onboard/fileset.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define FILES 3

static const char *const paths[FILES] = {"one", "sub/two", "three"};

/* The call that fails, counted from 1; 0: none. */
static int renames_until_failure;
static int syncs_until_failure;

int __real_renameat2(int, const char *, int, const char *, unsigned);
int __wrap_renameat2(int, const char *, int, const char *, unsigned);
int __real_fsync(int);
int __wrap_fsync(int);

int
__wrap_renameat2(
    int from, const char *old, int to, const char *path, unsigned flags)
{
	if (renames_until_failure > 0 && --renames_until_failure == 0) {
		errno = EIO;
		return -1;
	}
	return __real_renameat2(from, old, to, path, flags);
}

int
__wrap_fsync(int fd)
{
	if (syncs_until_failure > 0 && --syncs_until_failure == 0) {
		errno = EIO;
		return -1;
	}
	return __real_fsync(fd);
}

static int
enter_folder(void **state)
{
	static char folder[] = "/tmp/countersign-fileset-XXXXXX";

	*state = mkdtemp(folder);
	return *state == NULL || chdir(folder) != 0;
}

static void
write_files(const char *text)
{
	(void)mkdir("sub", 0700);
	for (int i = 0; i < FILES; i++) {
		assert_int_equal(
		    file_write_atomic(paths[i], text, strlen(text), 0600, NULL),
		    0);
	}
}

/* Names in a folder, "." and ".." and folders not counted. */
static int
count_files(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *d;
	int count = 0;

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		count += d->d_type == DT_REG;
	}
	(void)closedir(dir);
	return count;
}

static void
assert_content(const char *path, const char *text)
{
	struct buf b = BUF_INIT;

	assert_int_equal(file_read_public(path, 100, &b, NULL), 0);
	assert_string_equal(buf_text(&b), text);
	buf_clear(&b);
}

static int
commit(bool force, struct err *e)
{
	struct fileset set = {.count = 0};
	int rc;

	for (int i = 0; i < FILES; i++) {
		buf_puts(fileset_add(&set, paths[i], 0644), "new");
	}
	rc = fileset_commit(&set, force, e);
	fileset_clear(&set);
	return rc;
}

static void
remove_files(void)
{
	for (int i = 0; i < FILES; i++) {
		(void)unlink(paths[i]);
	}
}

static void
a_failure_leaves_nothing_new(void **state)
{
	struct err e = {0};

	(void)state;
	for (int n = 1; n <= FILES; n++) {
		remove_files();
		renames_until_failure = n;
		assert_int_equal(commit(false, &e), CS_E_IO);
		assert_non_null(strstr(e.msg, "no file was written"));
		assert_int_equal(count_files(".") + count_files("sub"), 0);
		syncs_until_failure = n;
		assert_int_equal(commit(false, &e), CS_E_IO);
		assert_int_equal(count_files(".") + count_files("sub"), 0);
	}
}

static void
a_failure_leaves_the_old_ones(void **state)
{
	(void)state;
	for (int n = 1; n <= FILES; n++) {
		write_files("old");
		renames_until_failure = n;
		assert_int_equal(commit(true, NULL), CS_E_IO);
		for (int i = 0; i < FILES; i++) {
			assert_content(paths[i], "old");
		}
		assert_int_equal(count_files(".") + count_files("sub"), FILES);
	}
}

static void
all_are_written(void **state)
{
	struct stat st;

	(void)state;
	write_files("old");
	assert_int_equal(commit(false, NULL), CS_E_STATE);
	assert_content(paths[0], "old");
	assert_int_equal(commit(true, NULL), 0);
	for (int i = 0; i < FILES; i++) {
		assert_content(paths[i], "new");
		assert_int_equal(stat(paths[i], &st), 0);
		assert_int_equal(st.st_mode & 0777, 0644);
	}
	assert_int_equal(count_files(".") + count_files("sub"), FILES);
	remove_files();
	assert_int_equal(symlink("/nowhere", paths[0]), 0);
	assert_int_equal(commit(true, NULL), CS_E_STATE);
	remove_files();
	assert_int_equal(rmdir("sub"), 0);
}

static int
leave_folder(void **state)
{
	return chdir("/") != 0 || rmdir(*state) != 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_failure_leaves_the_old_ones),
	    cmocka_unit_test(a_failure_leaves_nothing_new),
	    cmocka_unit_test(all_are_written),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
