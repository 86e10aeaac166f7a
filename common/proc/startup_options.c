#include "common/proc/startup_options.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/proc/startup.h"

#define KEPT_MAX (LISTEN_FDS_MAX + 3)

enum option_kind {
	OPTION_FLAG,
	OPTION_TEXT,
	OPTION_FD,
	OPTION_LISTEN,
	OPTION_LOG
};

struct option_row {
	const char *name;
	size_t offset; /* of the field in struct startup */
	enum option_kind kind;
	bool for_run; /* countersign-run inherits no descriptors */
};

static const struct option_row options[] = {
    {"--config", offsetof(struct startup, config), OPTION_TEXT, true},
    {"--log-format", 0, OPTION_LOG, true},
    {"--user", offsetof(struct startup, user), OPTION_TEXT, false},
    {"--bootstrap-fd", offsetof(struct startup, bootstrap_fd), OPTION_FD,
	false},
    {"--ledger-fd", offsetof(struct startup, ledger_fd), OPTION_FD, false},
    {"--ledger-socket", offsetof(struct startup, ledger_socket), OPTION_TEXT,
	false},
    {"--lock-fd", offsetof(struct startup, lock_fd), OPTION_FD, false},
    {"--listen-fd", 0, OPTION_LISTEN, false},
    {"--accept-reduced-isolation",
	offsetof(struct startup, accept_reduced_isolation), OPTION_FLAG, true},
};

static const struct option_row *
find_option(const struct startup *s, const char *arg)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(options[i].name, arg) == 0 &&
		    (options[i].for_run || s->role != PROC_RUN)) {
			return &options[i];
		}
	}
	return NULL;
}

/* A descriptor by number: open, not one of the first three, named once. */
static int
take_fd(int *field, const char *name, const char *text, struct err *e)
{
	long long fd = str_to_number(text, INT_MAX);

	if (fd <= STDERR_FILENO || *field >= 0 || fcntl((int)fd, F_GETFD) < 0) {
		return err_set(e, CS_E_INVALID, NULL,
		    "%s %s does not name an inherited descriptor", name, text);
	}
	*field = (int)fd;
	return fd_set_cloexec((int)fd, true);
}

static int
apply_option(struct startup *s, const struct option_row *row, const char *value,
    struct err *e)
{
	void *field = (char *)s + row->offset;

	if (row->kind != OPTION_FLAG && value == NULL) {
		return err_set(
		    e, CS_E_INVALID, NULL, "%s needs a value", row->name);
	}
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)field = value;
		return 0;
	case OPTION_FD:
		return take_fd(field, row->name, value, e);
	case OPTION_LOG:
		return log_set_format(value) == 0
			   ? 0
			   : err_set(e, CS_E_INVALID, NULL,
				 "%s is kv or json, not %s", row->name, value);
	case OPTION_LISTEN:
		break;
	}
	return listenfds_add(&s->listeners, s->listen_names, value, e);
}

int
startup_take_options(struct startup *s, int *argc, char **argv, struct err *e)
{
	int kept = 1;

	for (int i = 1; i < *argc; i++) {
		const struct option_row *row = find_option(s, argv[i]);
		if (row == NULL) {
			argv[kept++] = argv[i];
			continue;
		}
		const char *value = NULL;
		if (row->kind != OPTION_FLAG && i + 1 < *argc) {
			value = argv[++i];
		}
		int rc = apply_option(s, row, value, e);
		if (rc != 0) {
			return rc;
		}
	}
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}

static int
compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a;
	int y = *(const int *)b;

	return (x > y) - (x < y);
}

int
startup_close_others(const struct startup *s, struct err *e)
{
	int keep[KEPT_MAX] = {s->bootstrap_fd, s->ledger_fd, s->lock_fd};
	size_t count = 3;
	unsigned next = STDERR_FILENO + 1;

	for (size_t i = 0; i < s->listeners.count; i++) {
		keep[count++] = s->listeners.entries[i].fd;
	}
	/* Sorted, so that the gaps between what stays are closed one by one. */
	qsort(keep, count, sizeof(keep[0]), compare_ints);
	for (size_t i = 0; i < count; i++) {
		unsigned fd = (unsigned)keep[i];
		if (keep[i] < 0) {
			continue;
		}
		if (fd > next &&
		    syscall(SYS_close_range, next, fd - 1, 0) < 0) {
			return err_sys(e, "cannot close descriptors");
		}
		next = fd + 1;
	}
	if (syscall(SYS_close_range, next, UINT_MAX, 0) < 0) {
		return err_sys(e, "cannot close descriptors");
	}
	return 0;
}
