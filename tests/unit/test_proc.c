/*
 * common/proc: what the start of a daemon promises, tried from the inside. Each
 * attempt runs in a forked child, because a sandbox cannot be taken off again.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sodium.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/span.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"
#include "common/proc/bootstrap.h"
#include "common/proc/credentials.h"
#include "common/proc/envclean.h"
#include "common/proc/listenfds.h"
#include "common/proc/privdrop.h"
#include "common/proc/startup.h"

#define KILLED      200 /* died of SIGSYS */
#define SETUP_FAILS 199
#define MCPD        (1U << PROC_MCPD)
#define LEDGERD     (1U << PROC_LEDGERD)
#define WRITERD     (1U << PROC_WRITERD)
#define RUN         (1U << PROC_RUN)
#define CLIENTS     (MCPD | WRITERD)
#define ALL         (CLIENTS | LEDGERD | RUN)

static char scratch[] = "/tmp/cs-test-proc.XXXXXX";
static uint16_t open_port;  /* somebody listens, and rules allow it */
static uint16_t other_port; /* somebody listens, and no rule allows it */
static pid_t parent;

/* ---- environment ---- */

static bool
secret_is_in_proc_environ(void)
{
	char data[65536];
	int fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, data, sizeof(data));

	(void)close(fd);
	return n > 0 && memmem(data, (size_t)n, "hunter2", 7) != NULL;
}

static int
is_hunter2(struct span value, void *context)
{
	(void)context;
	return span_is(value, "hunter2") ? 1 : 0;
}

/* Runs after exec, so that the strings are where the kernel put them. */
static int
env_child(void)
{
	if (!secret_is_in_proc_environ()) {
		return 1;
	}
	struct env_snapshot *snapshot = env_snapshot_take();
	struct secret *secret = env_secret(snapshot, "CS_TEST_SECRET");
	char *name = env_dup(snapshot, "CS_TEST_NAME");
	int bad = 0;
	if (secret_is_in_proc_environ() || getenv("CS_TEST_NAME") != NULL) {
		bad = 2;
	} else if (secret == NULL ||
		   secret_with(secret, is_hunter2, NULL) != 1) {
		bad = 3;
	} else if (name == NULL || strcmp(name, "acme=x") != 0 ||
		   env_dup(snapshot, "CS_TEST") != NULL ||
		   env_secret(snapshot, "CS_TEST_EMPTY") != NULL) {
		bad = 4;
	}
	secret_free(&secret);
	free(name);
	env_snapshot_free(&snapshot);
	return bad;
}

static int
wait_code(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		return WTERMSIG(status) == SIGSYS ? KILLED
						  : 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}

static void
test_environment_is_overwritten(void **state)
{
	char self[] = "/proc/self/exe";
	char arg[] = "--env-child";
	char secret[] = "CS_TEST_SECRET=hunter2";
	char name[] = "CS_TEST_NAME=acme=x";
	char empty[] = "CS_TEST_EMPTY=";
	char *argv[] = {self, arg, NULL};
	char *env[] = {secret, name, empty, NULL};

	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		(void)execve(self, argv, env);
		_exit(SETUP_FAILS);
	}
	assert_int_equal(wait_code(pid), 0);
}

/* ---- listenfds ---- */

static int
make_listener(uint16_t *port_out)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	if (port_out != NULL) {
		*port_out = ntohs(sin.sin_port);
	}
	return fd;
}

static int
add_fd(struct listen_fds *l, const char *name, int fd)
{
	static const char *const allowed[] = {"mcpd", "control", NULL};
	char text[64];

	(void)snprintf(text, sizeof(text), "%s=%d", name, fd);
	return listenfds_add(l, allowed, text, NULL);
}

static void
test_listeners_by_name(void **state)
{
	struct listen_fds l = {0};
	int fd = make_listener(NULL);
	int other = make_listener(NULL);
	int plain = socket(AF_INET, SOCK_STREAM, 0);
	const char *const none[] = {NULL};

	(void)state;
	assert_int_equal(add_fd(&l, "mcpd", fd), 0);
	assert_int_equal(listenfds_get(&l, "mcpd"), fd);
	assert_int_equal(listenfds_get(&l, "control"), -1);
	assert_int_equal(add_fd(&l, "mcpd", other), CS_E_INVALID);
	assert_int_equal(add_fd(&l, "control", fd), CS_E_INVALID);
	assert_int_equal(add_fd(&l, "admin", other), CS_E_INVALID);
	assert_int_equal(add_fd(&l, "", other), CS_E_INVALID);
	assert_int_equal(add_fd(&l, "control", plain), CS_E_INVALID);
	assert_int_equal(add_fd(&l, "control", 0), CS_E_INVALID);
	assert_int_equal(add_fd(&l, "control", 999), CS_E_IO);
	assert_int_equal(listenfds_add(&l, none, "mcpd", NULL), CS_E_INVALID);
	assert_int_equal(
	    listenfds_add(&l, NULL, "mcpd=7x", NULL), CS_E_INVALID);
	assert_int_equal(l.count, 1);
	(void)close(fd);
	(void)close(other);
	(void)close(plain);
}

/* ---- bootstrap channel ---- */

static void
test_bootstrap_packets(void **state)
{
	struct bootstrap_packet p;
	char big[SECRET_MAX + 1024];
	int pair[2];
	struct secret *secret = secret_new(span_of("postgres://u:p@h/d"));

	(void)state;
	assert_int_equal(bootstrap_pair(pair, NULL), 0);
	int64_t soon = clock_mono_ms() + 2000;
	assert_int_equal(
	    bootstrap_send(pair[0], BOOT_CONFINED, "a; b", NULL), 0);
	assert_int_equal(bootstrap_recv(pair[1], &p, soon, NULL), 0);
	assert_int_equal(p.word, BOOT_CONFINED);
	assert_string_equal(p.text, "a; b");
	assert_int_equal(
	    bootstrap_send_secret(pair[0], "URL", secret, NULL), 0);
	assert_int_equal(bootstrap_recv(pair[1], &p, soon, NULL), 0);
	assert_int_equal(p.word, BOOT_SECRET);
	assert_string_equal(p.text, "URL");
	assert_true(secret_equal(p.value, span_of("postgres://u:p@h/d")));
	secret_free(&p.value);
	const char *bad[] = {
	    "READYX", "NOSUCH", "SECRET ", "SECRET abc", "SECRET"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)send(pair[0], bad[i], strlen(bad[i]), 0);
		assert_int_equal(
		    bootstrap_recv(pair[1], &p, soon, NULL), CS_E_PROTOCOL);
	}
	memset(big, 'x', sizeof(big));
	memcpy(big, "FAILED ", 7); // NOLINT: a packet, no string
	(void)send(pair[0], big, sizeof(big), 0);
	assert_int_equal(
	    bootstrap_recv(pair[1], &p, soon, NULL), CS_E_PROTOCOL);
	(void)send(pair[0], big, BOOTSTRAP_TEXT_MAX + 8, 0);
	assert_int_equal(
	    bootstrap_recv(pair[1], &p, soon, NULL), CS_E_PROTOCOL);
	assert_int_equal(bootstrap_recv(pair[1], &p, 1, NULL), CS_E_TIMEOUT);
	(void)close(pair[0]);
	assert_int_equal(bootstrap_recv(pair[1], &p, soon, NULL), CS_E_EOF);
	(void)close(pair[1]);
	secret_free(&secret);
}

static void
test_credentials_over_channel(void **state)
{
	struct credential list[] = {{"READ_URL", NULL}, {"TOKEN", NULL}};
	struct secret *secret = secret_new(span_of("s3"));
	struct bootstrap_packet p;
	int pair[2];

	(void)state;
	assert_int_equal(bootstrap_pair(pair, NULL), 0);
	(void)bootstrap_send_secret(pair[0], "TOKEN", secret, NULL);
	(void)bootstrap_send(pair[0], BOOT_GO, NULL, NULL);
	assert_int_equal(credentials_from_channel(pair[1], list, 2, NULL), 0);
	assert_null(list[0].value);
	assert_true(secret_equal(list[1].value, span_of("s3")));
	assert_int_equal(bootstrap_recv(pair[0], &p, -1, NULL), 0);
	assert_int_equal(p.word, BOOT_READY);
	/* What nobody asked for must not be swallowed. */
	(void)bootstrap_send_secret(pair[0], "WRITE_URL", secret, NULL);
	assert_int_equal(
	    credentials_from_channel(pair[1], list, 2, NULL), CS_E_PROTOCOL);
	credentials_clear(list, 2);
	secret_free(&secret);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
write_file(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", scratch, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text), -1), 0);
	(void)close(fd);
}

static void
test_credentials_from_folder(void **state)
{
	struct credential list[] = {{"READ_URL", NULL}, {"TOKEN", NULL}};
	struct secret *none = NULL;

	(void)state;
	write_file("READ_URL", "mysql://x\n");
	assert_int_equal(credentials_from_folder(scratch, list, 2, NULL), 0);
	assert_true(secret_equal(list[0].value, span_of("mysql://x")));
	assert_null(list[1].value);
	credentials_clear(list, 2);
	/* As a service manager names the files of a whole folder; a file of
	 * just that name comes first. */
	write_file("cs_TOKEN", "t0ken");
	write_file("cs_READ_URL", "not this");
	assert_int_equal(credentials_from_folder(scratch, list, 2, NULL), 0);
	assert_true(secret_equal(list[0].value, span_of("mysql://x")));
	assert_true(secret_equal(list[1].value, span_of("t0ken")));
	credentials_clear(list, 2);
	assert_int_equal(
	    credential_from_folder(scratch, "../etc/passwd", &none, NULL),
	    CS_E_INVALID);
	assert_int_equal(
	    credential_from_folder(scratch, "", &none, NULL), CS_E_INVALID);
}

/* ---- startup ---- */

/* In a child: harden with these arguments, 0 or the negative code. */
static int
harden_code(struct startup *s, int argc, char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct err e = {0};
		int rc = startup_harden(s, &argc, argv, &e);
		if (rc == 0 &&
		    (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || argc != 2 ||
			argv[2] != NULL || strcmp(argv[1], "--mine") != 0 ||
			strcmp(s->config, "c.json") != 0)) {
			rc = -100;
		}
		_exit(-rc);
	}
	return -wait_code(pid);
}

static void
test_common_options(void **state)
{
	char program[] = "x";
	char config[] = "--config";
	char file[] = "c.json";
	char mine[] = "--mine";
	char ledger[] = "--ledger-fd";
	char fd[16];
	char accept[] = "--accept-reduced-isolation";
	char *argv[] = {program, config, file, mine, accept, ledger, fd, NULL};
	struct startup s = {.role = PROC_MCPD, .program = "x"};
	struct startup run = {.role = PROC_RUN, .program = "x"};
	int open_fd = make_listener(NULL);

	(void)state;
	(void)snprintf(fd, sizeof(fd), "%d", open_fd);
	assert_int_equal(harden_code(&s, 7, argv), 0);
	/* The supervisor inherits nothing by number. */
	assert_int_equal(harden_code(&run, 7, argv), -100);
	(void)snprintf(fd, sizeof(fd), "%d", 77);
	assert_int_equal(harden_code(&s, 7, argv), CS_E_INVALID);
	(void)snprintf(fd, sizeof(fd), "2");
	assert_int_equal(harden_code(&s, 7, argv), CS_E_INVALID);
	argv[6] = NULL;
	assert_int_equal(harden_code(&s, 6, argv), CS_E_INVALID);
	(void)close(open_fd);
}

static int
check_closed(struct startup *s)
{
	int kept = make_listener(NULL);
	int stray = make_listener(NULL);
	char program[] = "x";
	char option[] = "--ledger-fd";
	char fd[16];
	char accept[] = "--accept-reduced-isolation";
	char *argv[] = {program, option, fd, accept, NULL};
	int argc = 4;

	(void)snprintf(fd, sizeof(fd), "%d", kept);
	if (startup_harden(s, &argc, argv, NULL) != 0) {
		return 1;
	}
	if (fcntl(kept, F_GETFD) != FD_CLOEXEC) {
		return 2;
	}
	return fcntl(stray, F_GETFD) < 0 && errno == EBADF ? 0 : 3;
}

static void
test_strays_are_closed(void **state)
{
	struct startup s = {.role = PROC_LEDGERD, .program = "x"};
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		_exit(check_closed(&s));
	}
	assert_int_equal(wait_code(pid), 0);
}

static int
drop_to_nobody(void)
{
	struct err e = {0};

	if (privdrop_to_user("no-such-user", &e) != CS_E_NOT_FOUND) {
		return 1;
	}
	if (privdrop_to_user("nobody", &e) != 0 || privdrop_caps(0, &e) != 0) {
		return 2;
	}
	if (geteuid() == 0 || getegid() == 0 || getgroups(0, NULL) != 1) {
		return 3;
	}
	return privdrop_to_user("nobody", &e) == CS_E_DENIED ? 0 : 4;
}

static void
test_privileges_are_dropped(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	pid_t pid = fork();
	if (pid == 0) {
		_exit(drop_to_nobody());
	}
	assert_int_equal(wait_code(pid), 0);
}

/* ---- what a confined process may try ---- */

static int
code_of(long rc)
{
	return rc < 0 ? errno : 0;
}

static int
open_in(const char *folder, const char *name, int flags)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)close(fd);
	}
	return code_of(fd);
}

static int
try_read_passwd(void)
{
	return open_in("/etc", "passwd", O_RDONLY);
}

static int
try_read_scratch(void)
{
	return open_in(scratch, "file", O_RDONLY);
}

static int
try_write_scratch(void)
{
	return open_in(scratch, "new", O_RDWR | O_CREAT);
}

static int
try_list_proc(void)
{
	return open_in("/proc", "1/environ", O_RDONLY);
}

static int
try_exec(void)
{
	char path[] = "/bin/true";
	char *argv[] = {path, NULL};

	return code_of(execve(path, argv, argv + 1));
}

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit(0);
	}
	return code_of(pid);
}

static int
try_thread(void)
{
	return code_of(syscall(SYS_clone,
	    CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, NULL, NULL, NULL, NULL));
}

static int
try_clone3(void)
{
	return code_of(syscall(SYS_clone3, NULL, 0));
}

static int
try_unix_socket(void)
{
	return code_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
try_netlink_socket(void)
{
	return code_of(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
try_socketpair(void)
{
	int pair[2];

	return code_of(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

static int
try_mptcp_socket(void)
{
	return code_of(socket(AF_INET, SOCK_STREAM, 262));
}

static int
connect_to(uint16_t port, int flags)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return errno;
	}
	if (flags != 0) {
		return code_of(sendto(
		    fd, "x", 1, flags, (struct sockaddr *)&sin, sizeof(sin)));
	}
	return code_of(connect(fd, (struct sockaddr *)&sin, sizeof(sin)));
}

static int
try_connect_allowed(void)
{
	return connect_to(open_port, 0);
}

static int
try_connect_other(void)
{
	return connect_to(other_port, 0);
}

static int
try_fast_open(void)
{
	return connect_to(other_port, MSG_FASTOPEN);
}

static int
try_bind(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno
		      : code_of(bind(fd, (struct sockaddr *)&sin, sizeof(sin)));
}

static int
try_listen(void)
{
	return code_of(listen(0, 1));
}

static int
try_resolve(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo("localhost", "80", &hints, &list);

	if (rc == 0) {
		freeaddrinfo(list);
	}
	return rc == 0 ? 0 : 1;
}

static int
try_ptrace(void)
{
	return code_of(ptrace(PTRACE_ATTACH, parent, NULL, NULL));
}

static int
try_process_vm(void)
{
	struct iovec v = {&parent, sizeof(parent)};

	return code_of(process_vm_readv(parent, &v, 1, &v, 1, 0));
}

static int
try_pidfd_open(void)
{
	return code_of(syscall(SYS_pidfd_open, parent, 0));
}

static int
try_pidfd_getfd(void)
{
	return code_of(syscall(SYS_pidfd_getfd, 0, 0, 0));
}

static int
try_kill_parent(void)
{
	return code_of(kill(parent, 0));
}

static int
try_kill_group(void)
{
	return code_of(kill(0, 0));
}

static int
try_tgkill_parent(void)
{
	return code_of(syscall(SYS_tgkill, parent, parent, 0));
}

static int
try_kill_self(void)
{
	return code_of(kill(getpid(), 0));
}

static int
try_abort(void)
{
	abort();
}

static int
try_prlimit_parent(void)
{
	struct rlimit l;

	return code_of(prlimit(parent, RLIMIT_NOFILE, NULL, &l));
}

static int
try_prlimit_self(void)
{
	struct rlimit l;

	return code_of(prlimit(0, RLIMIT_NOFILE, NULL, &l));
}

static int
try_unshare(void)
{
	return code_of(unshare(CLONE_NEWUSER));
}

static int
try_mount(void)
{
	return code_of(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
}

static int
try_bpf(void)
{
	return code_of(syscall(SYS_bpf, 0, NULL, 0));
}

static int
try_io_uring(void)
{
	return code_of(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
try_keyctl(void)
{
	return code_of(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int
try_dumpable(void)
{
	return code_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
try_write_exec_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int
try_make_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code_of(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
try_mprotect(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return code_of(mprotect(p, 4096, PROT_READ));
}

static int
try_type_for_user(void)
{
	return code_of(ioctl(0, TIOCSTI, "x"));
}

static int
try_setuid(void)
{
	return code_of(setuid(0));
}

#ifdef __x86_64__
static int
try_x32_call(void)
{
	return code_of(syscall(0x40000000 + SYS_getpid));
}
#endif

static int
try_allocate(void)
{
	for (size_t size = 16; size < (32U << 20); size *= 2) {
		free(xcalloc(1, size));
	}
	return 0;
}

static int
try_kill_by_pidfd(void)
{
	/* Descriptor 0 is no pidfd: EBADF says that the call is allowed. */
	return code_of(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0));
}

struct attempt {
	const char *name;
	int (*run)(void);
	unsigned roles;
	int expected; /* errno, 0, KILLED or 128 + signal */
};

#define ABORTED (128 + SIGABRT)

static const struct attempt attempts[] = {
    {"read /etc/passwd", try_read_passwd, ALL & ~RUN, EACCES},
    {"read /etc/passwd", try_read_passwd, RUN, EPERM},
    {"read its folder", try_read_scratch, ALL & ~RUN, 0},
    {"write its folder", try_write_scratch, ALL & ~RUN, 0},
    {"read /proc/1/environ", try_list_proc, ALL & ~RUN, EACCES},
    {"exec", try_exec, ALL, KILLED},
    {"fork", try_fork, ALL, KILLED},
    {"thread", try_thread, ALL, EPERM},
    {"clone3", try_clone3, ALL, ENOSYS},
    {"unix socket", try_unix_socket, ALL & ~RUN, EACCES},
    {"unix socket", try_unix_socket, RUN, EPERM},
    {"netlink socket", try_netlink_socket, CLIENTS | LEDGERD, EACCES},
    {"socketpair", try_socketpair, CLIENTS, EACCES},
    {"socketpair", try_socketpair, LEDGERD | RUN, EPERM},
    {"mptcp socket", try_mptcp_socket, CLIENTS, EACCES},
    {"connect to its port", try_connect_allowed, CLIENTS, 0},
    {"connect elsewhere", try_connect_other, CLIENTS, EACCES},
    {"connect by fast open", try_fast_open, CLIENTS, EPERM},
    {"connect to its port", try_connect_allowed, LEDGERD, EACCES},
    {"bind", try_bind, CLIENTS, KILLED},
    {"listen", try_listen, CLIENTS, KILLED},
    {"listen", try_listen, LEDGERD | RUN, EPERM},
    {"resolve", try_resolve, CLIENTS, 0},
    {"ptrace", try_ptrace, ALL, KILLED},
    {"process_vm_readv", try_process_vm, ALL, KILLED},
    {"pidfd_open", try_pidfd_open, ALL, KILLED},
    {"pidfd_getfd", try_pidfd_getfd, ALL, KILLED},
    {"kill parent", try_kill_parent, ALL, KILLED},
    {"kill group", try_kill_group, ALL, KILLED},
    {"tgkill parent", try_tgkill_parent, ALL, KILLED},
    {"kill itself", try_kill_self, ALL, 0},
    {"abort", try_abort, ALL, ABORTED},
    {"signal by pidfd", try_kill_by_pidfd, RUN, EBADF},
    {"signal by pidfd", try_kill_by_pidfd, ALL & ~RUN, KILLED},
    {"prlimit parent", try_prlimit_parent, ALL & ~RUN, KILLED},
    {"prlimit itself", try_prlimit_self, ALL, 0},
    {"unshare", try_unshare, ALL, KILLED},
    {"mount", try_mount, ALL, KILLED},
    {"bpf", try_bpf, ALL, KILLED},
    {"io_uring", try_io_uring, ALL, KILLED},
    {"keyctl", try_keyctl, ALL, KILLED},
    {"dumpable again", try_dumpable, ALL, EPERM},
    {"write+exec memory", try_write_exec_memory, ALL, EPERM},
    {"executable later", try_make_executable, ALL, EPERM},
    {"mprotect", try_mprotect, ALL, 0},
    {"type on the terminal", try_type_for_user, ALL, KILLED},
    {"setuid", try_setuid, ALL, EPERM},
#ifdef __x86_64__
    {"x32 call", try_x32_call, ALL, KILLED},
#endif
    {"allocate", try_allocate, ALL, 0},
};

static int
confine_as(struct startup *s, struct err *e)
{
	const struct path_rule rules[] = {
	    {scratch, PATH_RW},
	    {"/no/such/path", PATH_RO},
	};
	const uint16_t ports[] = {open_port};
	bool is_client = s->role == PROC_MCPD || s->role == PROC_WRITERD;
	const struct confine c = {
	    .paths = rules,
	    .path_count = s->role == PROC_RUN ? 0 : 2,
	    .is_db_client = is_client,
	    .tcp_ports = ports,
	    .tcp_port_count = is_client ? 1 : 0,
	};

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return startup_confine(s, &c, e);
}

static int
run_attempt(const struct attempt *a, enum proc_role role)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct startup s = {.role = role};
		struct err e = {0};
		if (confine_as(&s, &e) != 0) {
			(void)fprintf(stderr, "%s\n", e.msg);
			_exit(SETUP_FAILS);
		}
		_exit(a->run());
	}
	return wait_code(pid);
}

static int
run_attempts_as(enum proc_role role)
{
	int failures = 0;

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];
		if ((a->roles & 1U << role) == 0) {
			continue;
		}
		int got = run_attempt(a, role);
		if (got != a->expected) {
			(void)fprintf(stderr,
			    "role %d, %s: got %d, expected %d\n", (int)role,
			    a->name, got, a->expected);
			failures++;
		}
	}
	return failures;
}

static void
test_confined_mcpd(void **state)
{
	(void)state;
	assert_int_equal(run_attempts_as(PROC_MCPD), 0);
}

static void
test_confined_ledgerd(void **state)
{
	(void)state;
	/* No socket() for ledgerd, so no connect() either way. */
	assert_int_equal(run_attempts_as(PROC_LEDGERD), 0);
}

static void
test_confined_writerd(void **state)
{
	(void)state;
	assert_int_equal(run_attempts_as(PROC_WRITERD), 0);
}

static void
test_confined_run(void **state)
{
	(void)state;
	assert_int_equal(run_attempts_as(PROC_RUN), 0);
}

/* Make this process believe that the kernel has no such call. */
static void
hide_syscall(int nr)
{
	struct sock_filter code[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = 4, .filter = code};

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
}

static int
confine_without(int nr, bool accepts)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct startup s = {
		    .role = PROC_MCPD, .accept_reduced_isolation = accepts};
		struct err e = {0};
		hide_syscall(nr);
		int rc = confine_as(&s, &e);
		if (rc == 0) {
			_exit(s.degraded.len > 0 ? 0 : 100);
		}
		_exit(rc == CS_E_UNSUPPORTED &&
			      strcmp(e.reason, "ISOLATION_REDUCED") == 0
			  ? 1
			  : 101);
	}
	return wait_code(pid);
}

static void
test_missing_sandbox_is_refused(void **state)
{
	(void)state;
	assert_int_equal(
	    confine_without(SYS_landlock_create_ruleset, false), 1);
	assert_int_equal(confine_without(SYS_landlock_create_ruleset, true), 0);
	assert_int_equal(confine_without(SYS_seccomp, false), 1);
	assert_int_equal(confine_without(SYS_seccomp, true), 0);
}

/* Under systemd nothing is left to give up, and capset is refused. */
static int
give_up_capabilities(bool has_them)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (!has_them && privdrop_caps(0, NULL) != 0) {
			_exit(SETUP_FAILS);
		}
		hide_syscall(SYS_capset);
		_exit(privdrop_caps(0, NULL) == 0 ? 0 : 1);
	}
	return wait_code(pid);
}

static void
test_capabilities_that_are_gone_need_no_call(void **state)
{
	(void)state;
	assert_int_equal(give_up_capabilities(false), 0);
	if (geteuid() == 0) {
		assert_int_equal(give_up_capabilities(true), 1);
	}
}

static int
set_up(void **state)
{
	(void)state;
	parent = getpid();
	(void)make_listener(&open_port);
	(void)make_listener(&other_port);
	if (mkdtemp(scratch) == NULL) {
		return -1;
	}
	write_file("file", "x");
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {
	    "file", "new", "READ_URL", "cs_READ_URL", "cs_TOKEN"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		(void)snprintf(path, sizeof(path), "%s/%s", scratch, names[i]);
		(void)unlink(path);
	}
	return rmdir(scratch);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_environment_is_overwritten),
	    cmocka_unit_test(test_listeners_by_name),
	    cmocka_unit_test(test_bootstrap_packets),
	    cmocka_unit_test(test_credentials_over_channel),
	    cmocka_unit_test(test_credentials_from_folder),
	    cmocka_unit_test(test_capabilities_that_are_gone_need_no_call),
	    cmocka_unit_test(test_common_options),
	    cmocka_unit_test(test_strays_are_closed),
	    cmocka_unit_test(test_privileges_are_dropped),
	    cmocka_unit_test(test_confined_mcpd),
	    cmocka_unit_test(test_confined_ledgerd),
	    cmocka_unit_test(test_confined_writerd),
	    cmocka_unit_test(test_confined_run),
	    cmocka_unit_test(test_missing_sandbox_is_refused),
	};

	if (sodium_init() < 0) {
		return 1;
	}
	if (argc == 2 && strcmp(argv[1], "--env-child") == 0) {
		return env_child();
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
