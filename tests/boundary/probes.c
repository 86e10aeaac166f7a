#include "tests/boundary/probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK (1U << 16)

static int
found(const struct target *t, const char *data, ssize_t len)
{
	if (len <= 0) {
		return 0;
	}
	return t->secret == NULL ||
	       memmem(data, (size_t)len, t->secret, strlen(t->secret)) != NULL;
}

static int
open_proc(const struct target *t, const char *name, int flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", t->pid, name);
	return open(path, flags | O_CLOEXEC);
}

static int
try_read(const struct target *t, const char *name)
{
	static char data[CHUNK];
	int hit = 0;
	ssize_t n = 0;
	int fd = open_proc(t, name, O_RDONLY);

	if (fd < 0) {
		return 0;
	}
	while (hit == 0 && (n = read(fd, data, sizeof(data))) > 0) {
		hit = found(t, data, n);
	}
	(void)close(fd);
	if (hit == 0 && n == 0) {
		errno = 0; /* readable, but the secret is not in it */
	}
	return hit;
}

static int
try_environ(const struct target *t)
{
	return try_read(t, "environ");
}

static int
try_cmdline(const struct target *t)
{
	return try_read(t, "cmdline");
}

typedef ssize_t (*peek_fn)(
    const struct target *t, int fd, unsigned long at, char *out, size_t len);

static ssize_t
peek_mem(
    const struct target *t, int fd, unsigned long at, char *out, size_t len)
{
	(void)t;
	return pread(fd, out, len, (off_t)at);
}

// NOLINTNEXTLINE(readability-non-const-parameter): one type for both
static ssize_t
peek_vm(const struct target *t, int fd, unsigned long at, char *out, size_t len)
{
	struct iovec local = {.iov_base = out, .iov_len = len};
	union {
		unsigned long number;
		void *pointer;
	} address = {.number = at};
	struct iovec remote = {.iov_base = address.pointer, .iov_len = len};

	(void)fd;
	return process_vm_readv(t->pid, &local, 1, &remote, 1, 0);
}

static int
scan_range(const struct target *t, peek_fn peek, int fd, unsigned long from,
    unsigned long to)
{
	static char data[CHUNK];

	for (unsigned long at = from; at < to; at += CHUNK) {
		size_t len = to - at < CHUNK ? to - at : CHUNK;
		if (found(t, data, peek(t, fd, at, data, len))) {
			return 1;
		}
	}
	return 0;
}

/* Walk the writable mappings, at most 64 MiB each. */
static int
scan_memory(const struct target *t, peek_fn peek, int fd)
{
	char line[512];
	int hit = 0;
	int maps = open_proc(t, "maps", O_RDONLY);
	FILE *f = maps < 0 ? NULL : fdopen(maps, "r");

	if (f == NULL) {
		return 0;
	}
	while (hit == 0 && fgets(line, sizeof(line), f) != NULL) {
		char *rest;
		unsigned long from = strtoul(line, &rest, 16);
		unsigned long to = strtoul(rest + 1, &rest, 16);
		if (strncmp(rest, " rw", 3) == 0 && to - from < (64UL << 20)) {
			hit = scan_range(t, peek, fd, from, to);
		}
	}
	(void)fclose(f);
	return hit;
}

static int
try_mem(const struct target *t)
{
	int fd = open_proc(t, "mem", O_RDONLY);
	int hit = 0;

	if (fd >= 0) {
		hit = scan_memory(t, peek_mem, fd);
		(void)close(fd);
	}
	return hit;
}

static int
try_process_vm(const struct target *t)
{
	return scan_memory(t, peek_vm, -1);
}

static int
try_ptrace(const struct target *t)
{
	if (ptrace(PTRACE_ATTACH, t->pid, NULL, NULL) != 0) {
		return 0;
	}
	(void)waitpid(t->pid, NULL, 0);
	(void)ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
	return 1;
}

static int
try_pidfd_getfd(const struct target *t)
{
	int pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);

	for (int fd = 0; pidfd >= 0 && fd < 64; fd++) {
		if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0) {
			return 1;
		}
		if (errno != EBADF) {
			return 0;
		}
	}
	return 0;
}

static int
try_list_fds(const struct target *t)
{
	int fd = open_proc(t, "fd", O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int is_open = d != NULL && readdir(d) != NULL; // NOLINT

	if (d != NULL) {
		(void)closedir(d);
	}
	return is_open;
}

static int
try_kill(const struct target *t)
{
	return kill(t->pid, 0) == 0;
}

static int
try_prlimit(const struct target *t)
{
	struct rlimit l;

	return prlimit(t->pid, RLIMIT_NOFILE, NULL, &l) == 0 &&
	       prlimit(t->pid, RLIMIT_NOFILE, &l, NULL) == 0;
}

const struct probe probes[] = {
    {"environ", try_environ},
    {"cmdline", try_cmdline},
    {"mem", try_mem},
    {"process_vm", try_process_vm},
    {"ptrace", try_ptrace},
    {"pidfd_getfd", try_pidfd_getfd},
    {"list_fds", try_list_fds},
    {"kill", try_kill},
    {"prlimit", try_prlimit},
    {NULL, NULL},
};
