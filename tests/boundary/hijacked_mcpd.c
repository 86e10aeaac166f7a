/*
 * A hijacked mcpd: starts and confines itself like the real one, then does what
 * an attacker inside it would try. Commands on stdin, one line each, answered
 * with `NAME yes|no ERRNO` (yes: it worked):
 *
 *	read PATH      open a file for reading
 *	write PATH     open a file for writing
 *	unix PATH      connect to a Unix socket
 *	netlink        open a netlink socket
 *	signal PID     kill(PID, 0)
 *	limit PID      prlimit on another process
 *	ledger         is the given ledger channel usable (it must be)
 *	ptrace PID | exec | fork | bind | accept   these must kill this process
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/contract/contract.h"
#include "common/crypto/digest.h"
#include "common/proc/startup.h"

static struct startup s = {.role = PROC_MCPD, .program = "mcpd"};

static int
try_open(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC);
}

static int
try_read(const char *path)
{
	return try_open(path, O_RDONLY);
}

static int
try_write(const char *path)
{
	return try_open(path, O_WRONLY);
}

static int
try_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0) {
		return -1;
	}
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static int
try_netlink(const char *unused)
{
	(void)unused;
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static int
try_signal(const char *pid)
{
	return kill((pid_t)strtol(pid, NULL, 10), 0);
}

static int
try_limit(const char *pid)
{
	struct rlimit limit = {0, 0};

	return prlimit(
	    (pid_t)strtol(pid, NULL, 10), RLIMIT_NOFILE, &limit, NULL);
}

static int
try_ledger(const char *unused)
{
	(void)unused;
	return fcntl(s.ledger_fd, F_GETFD);
}

static int
try_ptrace(const char *pid)
{
	return (int)ptrace(
	    PTRACE_ATTACH, (pid_t)strtol(pid, NULL, 10), NULL, NULL);
}

static int
try_exec(const char *unused)
{
	(void)unused;
	return execl("/bin/true", "true", (char *)NULL);
}

static int
try_fork(const char *unused)
{
	(void)unused;
	return fork();
}

static int
try_bind(const char *unused)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)unused;
	return fd < 0 ? -1
		      : bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* This one serves stdin: it was given no listener. */
static int
try_accept(const char *unused)
{
	(void)unused;
	return accept4(STDIN_FILENO, NULL, NULL, 0);
}

static const struct {
	const char *name;
	int (*attempt)(const char *argument);
} attempts[] = {{"read", try_read}, {"write", try_write}, {"unix", try_unix},
    {"netlink", try_netlink}, {"signal", try_signal}, {"limit", try_limit},
    {"ledger", try_ledger}, {"ptrace", try_ptrace}, {"exec", try_exec},
    {"fork", try_fork}, {"bind", try_bind}, {"accept", try_accept}};

static void
obey(const char *line)
{
	char name[16] = "";
	char argument[4096] = "";

	(void)sscanf(line, "%15s %4095[^\n]", name, argument);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strcmp(attempts[i].name, name) == 0) {
			errno = 0;
			int rc = attempts[i].attempt(argument);
			(void)printf("%s %s %s\n", name, rc >= 0 ? "yes" : "no",
			    rc >= 0 ? "-" : strerrorname_np(errno));
			(void)fflush(stdout);
		}
	}
}

int
main(int argc, char **argv)
{
	struct credential list[1] = {{"SHOP_READ_URL", NULL}};
	struct path_rule paths[1] = {{"/tmp/nothing-here", PATH_RO}};
	struct err e = {0};
	char line[8192];

	if (startup_harden(&s, &argc, argv, &e) != 0 ||
	    startup_credentials(&s, list, 1, &e) != 0 ||
	    startup_confine(&s,
		&(struct confine){.paths = paths,
		    .path_count = 1,
		    .is_db_client = true,
		    .tcp_ports = &(uint16_t){5432},
		    .tcp_port_count = 1},
		&e) != 0 ||
	    startup_ready(&s, &e) != 0) {
		return startup_fail(&s, &e);
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		obey(line);
	}
	return 0;
}
