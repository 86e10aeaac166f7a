#include "common/proc/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/proc/bootstrap.h"
#include "common/proc/envclean.h"
#include "common/proc/notify.h"
#include "common/proc/privdrop.h"
#include "common/proc/startup_options.h"

#define NOFILE_DAEMON 4096
#define NOFILE_WRITER 64
#define ADDRESS_SPACE (16ULL << 30)

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
/*
 * The leak checker stops the world with clone and ptrace, which the sandbox
 * answers with death: it stays silent in a process that has confined itself.
 */
static bool leak_check_is_off;

/* Seen by the runtime, which is a library of its own. */
#define SEEN __attribute__((visibility("default")))
SEEN int __lsan_is_turned_off(void); // NOLINT(bugprone-reserved-identifier)
int
__lsan_is_turned_off(void) // NOLINT(bugprone-reserved-identifier)
{
	return leak_check_is_off ? 1 : 0;
}
#endif

/* Step 1. A closed 0, 1 or 2 would be taken by the next thing we open. */
static int
sanitise_process(struct err *e)
{
	sigset_t none;
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			return err_sys(e, "cannot open /dev/null");
		}
		if (fd <= STDERR_FILENO) {
			(void)fcntl(fd, F_SETFD, 0);
		}
	} while (fd <= STDERR_FILENO);
	(void)close(fd);
	/* Handlers do not survive exec, but ignored signals do. */
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction sa;
		if (sigaction(sig, NULL, &sa) == 0 &&
		    sa.sa_handler == SIG_IGN) {
			(void)signal(sig, SIG_DFL);
		}
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); // NOLINT
	(void)umask(077);
	return 0;
}

/* Step 3, and what of the environment belongs to startup itself. */
static void
take_environment(struct startup *s)
{
	s->env = env_snapshot_take();
	s->credentials_folder = env_dup(s->env, "CREDENTIALS_DIRECTORY");
}

/* After the closing of descriptors and before the sandbox: both would end it.
 */
static int
open_notify(struct startup *s, struct err *e)
{
	char *address = env_dup(s->env, "NOTIFY_SOCKET");
	int rc = 0;

	if (address != NULL && s->role != PROC_RUN) {
		rc = notify_open(address, &s->notify_fd, e);
	}
	free(address);
	return rc;
}

/*
 * The supervisor's death must be ours: SIGKILL for mcpd, which may be hostile;
 * SIGTERM for the others, so that a transaction in hand is finished. A change
 * of uid clears the setting, hence it comes after it.
 */
static int
follow_supervisor(const struct startup *s, struct err *e)
{
	int sig = s->role == PROC_MCPD ? SIGKILL : SIGTERM;

	if (s->bootstrap_fd >= 0 &&
	    prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0) != 0) {
		return err_sys(e, "cannot follow the supervisor");
	}
	return 0;
}

/* Note a degradation; one that was not accepted is an error. */
static int
degrade(struct startup *s, const char *text, struct err *e)
{
	if (!s->accept_reduced_isolation) {
		return err_set(e, CS_E_UNSUPPORTED, "ISOLATION_REDUCED",
		    "%s (--accept-reduced-isolation starts nevertheless)",
		    text);
	}
	sandbox_note(&s->degraded, text);
	return 0;
}

/* Step 6. countersign-run stays root until its children run. */
static int
drop_privileges(struct startup *s, struct err *e)
{
	int rc = 0;

	if (s->role == PROC_RUN) {
		return 0;
	}
	if (s->user != NULL) {
		rc = privdrop_to_user(s->user, e);
	} else if (geteuid() == 0) {
		rc = degrade(s, "runs as root without a user of its own", e);
	}
	if (rc == 0) {
		rc = privdrop_caps(0, e);
	}
	return rc == 0 ? proc_make_undumpable(e) : rc;
}

/* Steps 3 and 4. */
static int
take_inheritance(struct startup *s, int *argc, char **argv, struct err *e)
{
	take_environment(s);
	int rc = startup_take_options(s, argc, argv, e);
	if (rc == 0 && s->role != PROC_RUN) {
		rc = listenfds_from_env(
		    &s->listeners, s->listen_names, s->env, e);
	}
	if (rc == 0) {
		/* After the options, which name what stays; before the first
		 * thing that we open ourselves. */
		rc = startup_close_others(s, e);
	}
	return rc == 0 ? open_notify(s, e) : rc;
}

/* Under a service manager nobody hands us a connection. As the daemon's own
 * user: the socket's mode is what lets it in, as nobody else. */
static int
connect_ledger(struct startup *s, struct err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (s->ledger_fd >= 0 ||
	    strlen(s->ledger_socket) >= sizeof(address.sun_path)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--ledger-socket is a path of at most %zu bytes, without "
		    "--ledger-fd",
		    sizeof(address.sun_path) - 1);
	}
	memcpy(address.sun_path, s->ledger_socket, strlen(s->ledger_socket));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
			  sizeof(address)) != 0) {
		(void)err_sys(
		    e, "cannot reach ledgerd at %s", s->ledger_socket);
		fd_close(&fd);
		return e->code;
	}
	s->ledger_fd = fd;
	return 0;
}

int
startup_harden(struct startup *s, int *argc, char **argv, struct err *e)
{
	s->bootstrap_fd = s->ledger_fd = s->lock_fd = s->notify_fd = -1;
	int rc = proc_make_undumpable(e);
	log_init(s->program, LOG_LEVEL_INFO);
	if (rc == 0) {
		rc = sanitise_process(e);
	}
	if (rc == 0 && sodium_init() < 0) {
		rc = err_set(e, CS_E_IO, NULL, "libsodium does not start");
	}
	if (rc == 0) {
		rc = take_inheritance(s, argc, argv, e);
	}
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		rc = err_sys(e, "cannot set no_new_privs");
	}
	if (rc == 0) {
		rc = drop_privileges(s, e);
	}
	if (rc == 0 && s->ledger_socket != NULL) {
		rc = connect_ledger(s, e);
	}
	return rc == 0 ? follow_supervisor(s, e) : rc;
}

char *
startup_env_dup(const struct startup *s, const char *name)
{
	return env_dup(s->env, name);
}

int
startup_credentials(
    struct startup *s, struct credential *list, size_t count, struct err *e)
{
	/* Never both: under countersign-run a folder in the environment is
	 * not ours to read. */
	if (s->bootstrap_fd >= 0) {
		return credentials_from_channel(
		    s->bootstrap_fd, list, count, e);
	}
	if (s->credentials_folder != NULL) {
		return credentials_from_folder(
		    s->credentials_folder, list, count, e);
	}
	return 0;
}

/* Landlock confines the calling thread only. */
static int
check_single_thread(struct err *e)
{
	struct stat st;

	/* A folder has two links and one more for each folder in it. */
	if (stat("/proc/self/task", &st) == 0 && st.st_nlink != 3) {
		return err_set(
		    e, CS_E_STATE, NULL, "threads exist before the sandbox");
	}
	return 0;
}

/* Lower soft and hard limit at once; never raise either. */
static int
set_limit(__rlimit_resource_t what, rlim_t most, struct err *e)
{
	struct rlimit l;

	if (getrlimit(what, &l) != 0) {
		return err_sys(e, "cannot read a limit");
	}
	l.rlim_max = l.rlim_max < most ? l.rlim_max : most;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(what, &l) != 0) {
		return err_sys(e, "cannot set a limit");
	}
	return 0;
}

/*
 * Step 10. No FSIZE limit: it would also hit stdout and stderr when they are
 * files, and Landlock already decides what may be written.
 */
static int
set_limits(const struct startup *s, struct err *e)
{
	bool has_clients = s->role == PROC_MCPD || s->role == PROC_LEDGERD;
	int rc = set_limit(
	    RLIMIT_NOFILE, has_clients ? NOFILE_DAEMON : NOFILE_WRITER, e);

	if (rc == 0) {
		/* No new process or thread, even where seccomp cannot be
		 * had. */
		rc = set_limit(RLIMIT_NPROC, 0, e);
	}
#ifndef SANITIZED
	if (rc == 0) {
		rc = set_limit(RLIMIT_AS, ADDRESS_SPACE, e);
	}
#endif
	return rc;
}

/* What cannot be had on this system may be accepted; an error never is. */
static int
judge(struct startup *s, int rc, struct err *e)
{
	struct err missing;

	if (rc != CS_E_UNSUPPORTED) {
		return rc;
	}
	missing = *e;
	return degrade(s, missing.msg, e);
}

/* The boundary tests run code of their own behind a daemon's very own sandbox
 * (tests/boundary/inside.c). No program that is installed has this. */
#ifdef CS_TEST_HOOKS
void startup_test_confining(const char *program) __attribute__((weak));
void startup_test_confined(const char *program) __attribute__((weak));
/* A file seccomp-mode beside the program: see sandbox_test_mode. */
static void
take_test_mode(void)
{
	char path[PATH_MAX] = "";
	char mode[16] = "";
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *slash = len > 0 ? strrchr(path, '/') : NULL;
	int fd = -1;

	if (slash != NULL) {
		(void)snprintf(slash, 32, "/seccomp-mode");
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd >= 0 && read(fd, mode, sizeof(mode) - 1) > 0) {
		mode[strcspn(mode, "\n")] = '\0';
		sandbox_test_mode(mode);
	}
	fd_close(&fd);
}
#define TEST_MODE() take_test_mode()
#define TEST_HOOK(hook)             \
	if ((hook) != NULL) {       \
		(hook)(s->program); \
	}
#else
#define TEST_MODE()
#define TEST_HOOK(hook)
#endif

int
startup_confine(struct startup *s, const struct confine *c, struct err *e)
{
	struct err local = {0};
	int rc = check_single_thread(&local);

	TEST_MODE();
	TEST_HOOK(startup_test_confining);
	/* Also on failure: what was not asked for by now is not needed. */
	env_snapshot_free(&s->env);
	if (rc == 0) {
		rc = set_limits(s, &local);
	}
	if (rc == 0 && c->needs_unix_socket) {
		sandbox_note(&s->degraded, "AF_UNIX is open because a "
					   "database URL is a Unix socket");
	}
	if (rc == 0) {
		rc = sandbox_landlock(s->role, c, &s->degraded, &local);
		rc = judge(s, rc, &local);
	}
	if (rc == 0) {
#ifdef SANITIZED
		leak_check_is_off = true;
#endif
		rc = sandbox_seccomp(s->role, c, &local);
		rc = judge(s, rc, &local);
	}
	/* Said in the log, too: who reads only that must not think that it
	 * is whole. */
	if (rc == 0 && s->degraded.len > 0) {
		log_event(LOG_LEVEL_WARN, "reduced_isolation", "missing=\"%s\"",
		    buf_text(&s->degraded));
	}
	if (rc != 0 && e != NULL) {
		*e = local;
	}
	TEST_HOOK(startup_test_confined);
	return rc;
}

int
startup_ready(struct startup *s, struct err *e)
{
	if (s->bootstrap_fd >= 0) {
		return bootstrap_send(
		    s->bootstrap_fd, BOOT_CONFINED, buf_text(&s->degraded), e);
	}
	return notify_ready(&s->notify_fd, e);
}

int
startup_fail(struct startup *s, const struct err *e)
{
	int code =
	    e->code == CS_E_INVALID ? CS_EXIT_USAGE : CS_EXIT_ENVIRONMENT;

	log_err(LOG_LEVEL_ERR, "start_failed", e);
	if (s->bootstrap_fd >= 0) {
		(void)bootstrap_send(
		    s->bootstrap_fd, BOOT_FAILED, e->msg, NULL);
	}
	startup_clear(s);
	return code;
}

int
startup_liveness_fd(const struct startup *s)
{
	return s->bootstrap_fd;
}

void
startup_clear(struct startup *s)
{
	env_snapshot_free(&s->env);
	free(s->credentials_folder);
	s->credentials_folder = NULL;
	buf_clear(&s->degraded);
	if (s->notify_fd >= 0) {
		(void)close(s->notify_fd);
		s->notify_fd = -1;
	}
}
