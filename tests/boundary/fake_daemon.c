/*
 * Stands for ledgerd, writerd or mcpd (by the name it is started under) in the
 * tests of countersign-run: starts like the real ones, then obeys.
 *
 * It reports what it sees on stderr, one `fake ROLE key=value` per line. As
 * mcpd it reads commands from stdin until the end: exit N, crash, env.
 * The credential FAKE_FAIL makes its owner refuse to start.
 */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/crypto/secret.h"
#include "common/proc/startup.h"

static const char *program;

static const char *const names[] = {
    "FAKE_READ_URL", "FAKE_WRITE_URL", "FAKE_EXTRA", "FAKE_FAIL"};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static int
print_secret(struct span value, void *name)
{
	(void)fprintf(stderr, "fake %s secret=%s value=%.*s\n", program,
	    (const char *)name, SPAN_ARGS(value));
	return 0;
}

static int
receive(struct startup *s, struct err *e)
{
	struct credential list[NAME_COUNT];
	int rc = 0;

	for (size_t i = 0; i < NAME_COUNT; i++) {
		list[i] = (struct credential){names[i], NULL};
	}
	rc = startup_credentials(s, list, NAME_COUNT, e);
	for (size_t i = 0; i < NAME_COUNT; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "%s", names[i]);
		if (list[i].value != NULL) {
			(void)secret_with(list[i].value, print_secret, name);
		}
	}
	if (rc == 0 && list[NAME_COUNT - 1].value != NULL) {
		rc = err_set(e, CS_E_CONFIG, NULL, "told to fail");
	}
	credentials_clear(list, NAME_COUNT);
	return rc;
}

/* As the real ledgerd does; the text is as good as a key here. */
static void
write_public_key(int argc, char **argv)
{
	char path[4096];

	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--store") == 0) {
			(void)snprintf(
			    path, sizeof(path), "%s.key.pub", argv[i + 1]);
			FILE *f = fopen(path, "we");
			if (f != NULL) {
				(void)fprintf(f, "key\n");
				(void)fchmod(fileno(f), 0644);
				(void)fclose(f);
			}
		}
	}
}

static void
report(const struct startup *s, int argc, char **argv)
{
	char *tenant = startup_env_dup(s, "SYNAPSOR_TENANT_ID");

	(void)fprintf(stderr,
	    "fake %s pid=%d uid=%u ledger=%d listeners=%zu "
	    "lock=%d tenant=%s\n",
	    program, getpid(), geteuid(), s->ledger_fd >= 0, s->listeners.count,
	    s->lock_fd >= 0, tenant == NULL ? "none" : tenant);
	for (int i = 1; i < argc; i++) {
		(void)fprintf(stderr, "fake %s arg=%s\n", program, argv[i]);
	}
	free(tenant);
}

/* One accepted connection is enough for a test of being reachable. */
static void
answer(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0) {
		(void)send(fd, "hi", 2, MSG_NOSIGNAL);
		(void)close(fd);
	}
}

static int
obey(char *line)
{
	if (strncmp(line, "exit ", 5) == 0) {
		exit(line[5] - '0'); // NOLINT(concurrency-mt-unsafe)
	}
	if (strncmp(line, "crash", 5) == 0) {
		abort();
	}
	if (strncmp(line, "ping", 4) == 0) {
		return write(STDOUT_FILENO, "pong\n", 5) == 5 ? 0 : 1;
	}
	return 0;
}

static int
serve(const struct startup *s)
{
	int control = listenfds_get(&s->listeners, "control");
	bool has_input = s->role == PROC_MCPD;

	for (;;) {
		struct pollfd fds[] = {
		    {.fd = startup_liveness_fd(s), .events = POLLIN},
		    {.fd = control, .events = POLLIN},
		    {.fd = has_input ? STDIN_FILENO : -1, .events = POLLIN},
		};
		char line[256] = {0};

		if (poll(fds, 3, -1) < 0) {
			return errno == EINTR ? 0 : 1;
		}
		if (fds[0].revents != 0) {
			(void)fprintf(
			    stderr, "fake %s supervisor=gone\n", program);
			return 0;
		}
		if (fds[1].revents != 0) {
			answer(control);
		}
		if (fds[2].revents != 0 &&
		    (read(STDIN_FILENO, line, sizeof(line) - 1) <= 0 ||
			obey(line) != 0)) {
			return 0;
		}
	}
}

static enum proc_role
role_of(const char *name)
{
	if (strcmp(name, "mcpd") == 0) {
		return PROC_MCPD;
	}
	return strcmp(name, "ledgerd") == 0 ? PROC_LEDGERD : PROC_WRITERD;
}

int
main(int argc, char **argv)
{
	static const char *const listeners[] = {
	    "mcpd", "writer", "control", "handler", NULL};
	struct startup s = {.listen_names = listeners};
	struct confine c = {0};
	struct err e = {0};

	program = s.program = basename(argv[0]);
	s.role = role_of(program);
	if (startup_harden(&s, &argc, argv, &e) != 0) {
		return startup_fail(&s, &e);
	}
	report(&s, argc, argv);
	write_public_key(argc, argv);
	if (receive(&s, &e) != 0 || startup_confine(&s, &c, &e) != 0 ||
	    startup_ready(&s, &e) != 0) {
		return startup_fail(&s, &e);
	}
	int code = serve(&s);
	startup_clear(&s);
	return code;
}
