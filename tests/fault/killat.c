/*
 * killat PROGRAM N COMMAND... - run a command, follow everything it starts, and
 * kill -9 the process that runs PROGRAM at its N-th stop: each system call is
 * two stops, before and after, counted from the moment that it has confined
 * itself. N 0 kills nobody. Prints "stops T" (how many there were) or "killed
 * N" to descriptor 3; exits with COMMAND's status.
 *
 * With "fence" for N it stops PROGRAM, writerd, with a real SIGSTOP right after
 * its last check before COMMIT (a poll of --ledger-fd that does not wait),
 * prints "stopped PID", and leaves it.
 *
 * Following from exec needs no privilege, although the daemons are undumpable.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS                                                           \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	    PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD)

static struct {
	const char *program;
	long wanted;
	pid_t target; /* 0: not seen yet */
	long stops;
	int confined;
	int killed;
	int fence;    /* look for it instead of counting */
	int at_fence; /* inside that very call */
	pid_t stopped;
} state;

static int
runs_program(pid_t pid)
{
	char link[64];
	char path[PATH_MAX];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0) {
		return 0;
	}
	path[len] = '\0';
	return strcmp(basename(path), state.program) == 0;
}

/* The number behind --ledger-fd in a process's arguments, -1: none. */
static int
ledger_fd(pid_t pid)
{
	static const char name[] = "--ledger-fd";
	char path[64];
	char words[4096] = "";
	size_t len;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "r");
	len = file == NULL ? 0 : fread(words, 1, sizeof(words) - 1, file);
	if (file != NULL) {
		(void)fclose(file);
	}
	for (char *w = words; w < words + len; w += strlen(w) + 1) {
		if (strcmp(w, name) == 0) {
			return (int)strtol(w + sizeof(name), NULL, 10);
		}
	}
	return -1;
}

static int
is_fence(pid_t pid, const struct __ptrace_syscall_info *info)
{
	struct pollfd p = {.fd = -1};
	long word;

	if (info->entry.nr != SYS_poll || info->entry.args[1] != 1 ||
	    (int)info->entry.args[2] != 0) {
		return 0;
	}
	word = ptrace(
	    PTRACE_PEEKDATA, pid, (void *)(long)info->entry.args[0], NULL);
	memcpy(&p, &word, sizeof(p));
	return p.fd == ledger_fd(pid);
}

/* Stop the target when it comes back from its last check. */
static void
look_for_fence(pid_t pid, const struct __ptrace_syscall_info *info)
{
	if (info->op == PTRACE_SYSCALL_INFO_ENTRY) {
		state.at_fence = is_fence(pid, info);
	} else if (info->op == PTRACE_SYSCALL_INFO_EXIT && state.at_fence) {
		state.stopped = pid;
		(void)kill(pid, SIGSTOP);
		(void)dprintf(3, "stopped %d\n", pid);
	}
}

/* Count a stop of the target, and kill it when it is the one. */
static void
count_stop(pid_t pid)
{
	struct __ptrace_syscall_info info;

	memset(&info, 0, sizeof(info));
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0) {
		return;
	}
	if (!state.confined) {
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY &&
		    info.entry.nr == SYS_seccomp) {
			state.confined = 1;
		}
		return;
	}
	if (state.fence) {
		look_for_fence(pid, &info);
		return;
	}
	state.stops++;
	if (state.stops == state.wanted) {
		state.killed = 1;
		(void)kill(pid, SIGKILL);
	}
}

static void
go_on(pid_t pid, int signal_number)
{
	enum __ptrace_request how =
	    pid == state.target && !state.killed ? PTRACE_SYSCALL : PTRACE_CONT;

	if (pid == state.stopped) {
		how = PTRACE_DETACH; /* the signal does the rest */
	}
	(void)ptrace(how, pid, NULL, (void *)(long)signal_number);
}

static void
on_stop(pid_t pid, int status)
{
	int signal_number = WSTOPSIG(status);

	if (signal_number == (SIGTRAP | 0x80)) {
		if (pid == state.target) {
			count_stop(pid);
		}
		signal_number = 0;
	} else if (signal_number == SIGTRAP) {
		if (status >> 16 == PTRACE_EVENT_EXEC && state.target == 0 &&
		    runs_program(pid)) {
			state.target = pid;
		}
		signal_number = 0;
	} else if (signal_number == SIGSTOP) {
		signal_number = 0; /* how a new child announces itself */
	}
	go_on(pid, signal_number);
}

int
main(int argc, char **argv)
{
	int result = 1;
	int status = 0;
	pid_t first;
	pid_t pid;

	if (argc < 4) {
		return 100;
	}
	state.program = argv[1];
	state.fence = strcmp(argv[2], "fence") == 0;
	state.wanted = strtol(argv[2], NULL, 10);
	first = fork();
	if (first == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		(void)execvp(argv[3], argv + 3);
		_exit(127);
	}
	(void)waitpid(first, &status, 0);
	(void)ptrace(PTRACE_SETOPTIONS, first, NULL, (void *)OPTIONS);
	(void)ptrace(PTRACE_CONT, first, NULL, NULL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (WIFSTOPPED(status)) {
			on_stop(pid, status);
		} else if (pid == first) {
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
			break;
		}
	}
	if (!state.fence) {
		(void)dprintf(3, "%s %ld\n", state.killed ? "killed" : "stops",
		    state.stops);
	}
	/* Whoever is still followed goes on alone when we end. */
	return result;
}
