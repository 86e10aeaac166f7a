/*
 * An attacker inside a daemon. Linked into copies of the real daemons, it forks
 * off before they confine themselves and waits for commands on a FIFO beside
 * the program (attack.PROGRAM.in). For each command it forks a process that
 * goes through the daemon's own confinement, with the daemon's own descriptors,
 * uid and rules, then does one thing that an attacker would, and answers on
 * attack.PROGRAM.out with `yes` (it worked), `no ERRNO` or `killed`:
 *
 *	read PATH | write PATH | unix PATH | tcp PORT | netlink | bind
 *	exec | fork | unshare | mount | bpf | io_uring | keyctl | nice
 *	PROBE PID SECRET       one of tests/boundary/probes.c
 *	quit                   no more of them
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/boundary/probes.h"

void startup_test_confining(const char *program);
void startup_test_confined(const char *program);

static char command[4096]; /* what this process is for; empty: the daemon */
static int answers = -1;

static int
try_read(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC) >= 0;
}

static int
try_write(const char *path)
{
	return open(path, O_WRONLY | O_CLOEXEC) >= 0;
}

static int
try_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return fd >= 0 &&
	       connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static struct sockaddr_in
loopback(long port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Nobody listens there: refused by the peer means that it got out. */
static int
try_tcp(const char *port)
{
	struct sockaddr_in address = loopback(strtol(port, NULL, 10));
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && (connect(fd, (struct sockaddr *)&address,
			       sizeof(address)) == 0 ||
			      errno == ECONNREFUSED);
}

static int
try_bind(const char *unused)
{
	struct sockaddr_in address = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)unused;
	return fd >= 0 &&
	       bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static int
try_netlink(const char *unused)
{
	(void)unused;
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static int
try_exec(const char *unused)
{
	(void)unused;
	(void)execl("/bin/true", "true", (char *)NULL);
	return 0;
}

static int
try_fork(const char *unused)
{
	pid_t pid = fork();

	(void)unused;
	if (pid == 0) {
		_exit(0);
	}
	return pid > 0;
}

static int
try_unshare(const char *unused)
{
	(void)unused;
	return unshare(CLONE_NEWUSER) == 0;
}

static int
try_mount(const char *unused)
{
	(void)unused;
	return mount("none", "/mnt", "tmpfs", 0, NULL) == 0;
}

static int
try_bpf(const char *unused)
{
	(void)unused;
	return syscall(SYS_bpf, 0, NULL, 0) >= 0;
}

static int
try_io_uring(const char *unused)
{
	(void)unused;
	return syscall(SYS_io_uring_setup, 1, NULL) >= 0;
}

static int
try_keyctl(const char *unused)
{
	(void)unused;
	return syscall(SYS_keyctl, 0, -3, 1) >= 0;
}

/* Harmless, and not on ledgerd's list. */
static int
try_nice(const char *unused)
{
	(void)unused;
	return setpriority(PRIO_PROCESS, 0, 1) == 0;
}

static const struct {
	const char *name;
	int (*attempt)(const char *argument);
} attempts[] = {{"read", try_read}, {"write", try_write}, {"unix", try_unix},
    {"tcp", try_tcp}, {"bind", try_bind}, {"netlink", try_netlink},
    {"exec", try_exec}, {"fork", try_fork}, {"unshare", try_unshare},
    {"mount", try_mount}, {"bpf", try_bpf}, {"io_uring", try_io_uring},
    {"keyctl", try_keyctl}, {"nice", try_nice}};

/* -1: there is no such command. */
static int
attempt(const char *name, char *argument)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strcmp(name, attempts[i].name) == 0) {
			return attempts[i].attempt(argument);
		}
	}
	for (const struct probe *p = probes; p->name != NULL; p++) {
		if (strcmp(name, p->name) == 0) {
			char *secret = strchr(argument, ' ');
			struct target t = {
			    .pid = (pid_t)strtol(argument, NULL, 10),
			    .secret = secret == NULL ? NULL : secret + 1};
			return p->run(&t);
		}
	}
	return -1;
}

static void
answer(const char *text, int code)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s%s%s\n", text,
	    code == 0 ? "" : " ", code == 0 ? "" : strerrorname_np(code));

	if (write(answers, line, (size_t)len) != len) {
		_exit(1);
	}
}

/* In the forked process, behind the daemon's own sandbox. */
void
startup_test_confined(const char *program)
{
	char name[16] = "";
	char argument[4096] = "";
	int worked;

	(void)program;
	if (command[0] == '\0') {
		return;
	}
	(void)sscanf(command, "%15s %4095[^\n]", name, argument);
	errno = 0;
	worked = attempt(name, argument);
	answer(worked > 0    ? "yes"
	       : worked == 0 ? "no"
			     : "unknown",
	    worked > 0 ? 0 : errno);
	_exit(0);
}

static int
open_fifo(const char *program, const char *suffix)
{
	char self[PATH_MAX] = "";
	char path[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = len > 0 ? strrchr(self, '/') : NULL;

	if (slash == NULL) {
		return -1;
	}
	*slash = '\0';
	(void)snprintf(
	    path, sizeof(path), "%s/attack.%s.%s", self, program, suffix);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Forks for each command; returns only in the processes that are to do one. */
static void
serve(int commands)
{
	FILE *lines = fdopen(commands, "r");

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (lines != NULL &&
	       fgets(command, sizeof(command), lines) != NULL &&
	       strcmp(command, "quit\n") != 0) {
		pid_t pid = fork();
		int status = 0;

		if (pid == 0) {
			return;
		}
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		}
		if (WIFSIGNALED(status)) {
			answer("killed", 0);
		} else if (WEXITSTATUS(status) != 0) {
			answer("failed", 0);
		}
	}
	_exit(0);
}

void
startup_test_confining(const char *program)
{
	int commands = open_fifo(program, "in");

	answers = open_fifo(program, "out");
	if (commands < 0 || answers < 0) {
		return;
	}
	if (fork() == 0) {
		serve(commands);
		return;
	}
	(void)close(commands);
	(void)close(answers);
}
