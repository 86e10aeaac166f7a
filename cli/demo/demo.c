/*
 * countersign demo: starts demo/quick.py or demo/play.py, the one demonstration
 * that there is; its databases are SQLite files, and the programs are these.
 */
#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/demo/commands.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/path.h"

#define PYTHON        "/usr/bin/python3"
#define REFERENCE     "reference-support-billing"
#define WORDS         16
#define EXIT_BAD_WORD 2

/* The folder of this program. */
static int
own_folder(char out[PATH_MAX], struct err *e)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct span folder;

	if (len < 0) {
		return err_sys(e, "cannot find this program's folder");
	}
	self[len] = '\0';
	folder = path_folder(self);
	memcpy(out, folder.ptr, folder.len);
	out[folder.len] = '\0';
	return 0;
}

/* Where it was installed, else in the tree that this program was built in. */
static int
find_script(
    const char *folder, const char *name, char out[PATH_MAX], struct err *e)
{
	if (snprintf(out, PATH_MAX, "%s/demo/%s", CS_DATADIR, name) <
		PATH_MAX &&
	    access(out, R_OK) == 0) {
		return 0;
	}
	if (snprintf(out, PATH_MAX, "%s/../../../demo/%s", folder, name) <
		PATH_MAX &&
	    access(out, R_OK) == 0) {
		return 0;
	}
	return err_set(e, CS_E_NOT_FOUND, "DEMO_FAILED",
	    "the demonstration is neither in %s/demo nor in this program's "
	    "source tree: install Countersign again",
	    CS_DATADIR);
}

/* Become the script; `words` ends with NULL and has room in front. */
static int
become(const char *name, const char *const *words, struct err *e)
{
	char folder[PATH_MAX];
	char script[PATH_MAX];
	const char *list[WORDS + 6] = {PYTHON, "-B", script};
	union {
		const char *const *read;
		char *const *argv;
	} argv = {.read = list};
	size_t count = 3;
	int rc = own_folder(folder, e);

	if (rc == 0) {
		rc = find_script(folder, name, script, e);
	}
	if (rc != 0) {
		return rc;
	}
	list[count++] = "--bin";
	list[count++] = folder;
	for (size_t i = 0; i < WORDS && words[i] != NULL; i++) {
		list[count++] = words[i];
	}
	(void)execv(PYTHON, argv.argv);
	return err_sys(e, "cannot run " PYTHON ", which the demonstration "
			  "is written for");
}

static const char *
flag_of(const struct args *a, const char *name, const char *flag)
{
	return args_has(a, name) ? flag : NULL;
}

/* The whole of it, in a folder that stays. */
static int
run_play(const struct args *a, struct err *e)
{
	char folder[] = "/tmp/countersign-demo-XXXXXX";
	const char *words[] = {
	    folder, flag_of(a, "no-wait", "--no-wait"), NULL};

	if (mkdtemp(folder) == NULL) {
		return err_sys(e, "cannot make a folder in /tmp");
	}
	return become("play.py", words, e);
}

static int
run_quick(const struct args *a, struct err *e)
{
	static const char *const flags[][2] = {{"guided", "--guided"},
	    {"no-interactive", "--no-interactive"}, {"details", "--details"},
	    {"json", "--json"}};
	const char *words[WORDS] = {"--quick"};
	size_t count = 1;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (args_has(a, flags[i][0])) {
			words[count++] = flags[i][1];
		}
	}
	return become("quick.py", words, e);
}

int
cmd_demo(const struct args *a, struct err *e)
{
	const char *words[] = {"--prepare", NULL, NULL};

	if (a->word_count > 1 ||
	    (a->word_count == 1 && strcmp(a->words[0], REFERENCE) != 0)) {
		help_print("demo", STDOUT_FILENO);
		return EXIT_BAD_WORD;
	}
	if (args_has(a, "play")) {
		return run_play(a, e);
	}
	if (args_has(a, "quick") || args_has(a, "guided") ||
	    args_has(a, "details") || args_has(a, "json")) {
		return run_quick(a, e);
	}
	if (args_has(a, "force") || args_has(a, "reset")) {
		words[1] = "--force";
	}
	return become("quick.py", words, e);
}

int
cmd_demo_inspect(const struct args *a, struct err *e)
{
	const char *words[] = {"--inspect", flag_of(a, "json", "--json"), NULL};

	return become("quick.py", words, e);
}
