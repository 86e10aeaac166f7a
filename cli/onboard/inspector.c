#include "cli/onboard/inspector.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"

#define DEFAULT_ENV "SYNAPSOR_DATABASE_READ_URL"
#define INLINE_ENV  "SYNAPSOR_RUNNER_INLINE_DATABASE_URL"
#define ANSWER_MAX  (32U << 20)
#define WORDS       16

bool
inspect_is_url(const char *word)
{
	static const char *const schemes[] = {"postgres://", "postgresql://",
	    "mysql://", "mariadb://", "sqlite:", NULL};
	const char *const *s = schemes;

	while (*s != NULL && strncmp(word, *s, strlen(*s)) != 0) {
		s++;
	}
	return *s != NULL;
}

/* A URL may be typed, once. */
static int
take_inline(const struct args *a, struct inspect_request *r, struct err *e)
{
	const char *from = args_get(a, "from");
	const char *word = a->word_count > 0 && inspect_is_url(a->words[0])
			       ? a->words[0]
			       : NULL;

	if (from != NULL && word != NULL) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "give the URL once: with --from or as a word");
	}
	if (from != NULL && !inspect_is_url(from)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--from wants a postgres://, mysql:// or sqlite: URL; for "
		    "a variable use --from-env NAME");
	}
	r->inline_url = from != NULL ? from : word;
	return 0;
}

int
inspect_request_take(
    const struct args *a, struct inspect_request *r, struct err *e)
{
	static const char *const envs[] = {
	    "from-env", "url-env", "database-url-env"};
	static const char *const engines[] = {
	    "auto", "postgres", "mysql", "sqlite"};
	size_t engine = 0;
	int rc = take_inline(a, r, e);

	r->engine = args_get(a, "engine");
	r->schema = args_get(a, "schema");
	for (size_t i = 0; i < 3 && r->env == NULL; i++) {
		r->env = args_get(a, envs[i]);
	}
	r->is_explicit = r->env != NULL || r->inline_url != NULL;
	r->env = r->env == NULL ? DEFAULT_ENV : r->env;
	r->engine = r->engine == NULL ? "auto" : r->engine;
	while (engine < 4 && strcmp(engines[engine], r->engine) != 0) {
		engine++;
	}
	if (rc == 0 && engine == 4) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "inspect --engine must be postgres, mysql, or auto. "
		    "(sqlite is known as well)");
	}
	if (rc == 0 && !str_is_env_name(span_of(r->env))) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "database-url-env must be an environment variable name.");
	}
	return rc;
}

/* In the child: the answer goes to `out`; nothing of our environment but the
 * URL. */
static _Noreturn void
become_inspector(const char *program, const char **words, char *url, int out)
{
	char *environment[] = {url, NULL};
	union {
		const char **read;
		char **argv;
	} argv = {.read = words};

	if (dup2(out, STDOUT_FILENO) >= 0) {
		(void)execve(program, argv.argv, environment);
	}
	_exit(CS_EXIT_ENVIRONMENT);
}

/* A signal to us is no end of the child. */
static int
wait_for(pid_t pid, int *status, struct err *e)
{
	while (waitpid(pid, status, 0) < 0) {
		if (errno != EINTR) {
			return err_sys(e, "waitpid");
		}
	}
	return 0;
}

/* Everything until it closes its output, then its end. */
static int
read_answer(pid_t pid, int fd, struct buf *out, struct err *e)
{
	int status = 0;
	int rc = fd_read_rest(fd, ANSWER_MAX, out, e);
	int waited = wait_for(pid, &status, e);

	if (rc == 0 && waited == 0 && out->len == 0) {
		rc = err_set(e, CS_E_UNAVAILABLE, "INSPECTION_FAILED",
		    "countersign-inspect ended without an answer (%s %d): the "
		    "database took too long, or the program is damaged",
		    WIFSIGNALED(status) ? "signal" : "exit",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
	}
	return rc != 0 ? rc : waited;
}

/* A flag with its value, if there is one. */
static void
add(const char **words, size_t *n, const char *flag, const char *value)
{
	if (value != NULL) {
		words[(*n)++] = flag;
		words[(*n)++] = value;
	}
}

int
inspect_run(const struct inspect_request *r, struct buf *out, struct err *e)
{
	const char *name = r->inline_url != NULL ? INLINE_ENV : r->env;
	const char *url =
	    r->inline_url != NULL ? r->inline_url : secure_getenv(r->env);
	char program[PATH_MAX];
	const char *words[WORDS] = {program};
	size_t n = 1;
	struct buf variable = BUF_INIT;
	int ends[2] = {-1, -1};
	pid_t pid = 0;
	int rc =
	    sibling_program("countersign-inspect", program, sizeof(program), e);

	if (rc != 0) {
		return rc;
	}
	if (url == NULL || url[0] == '\0') {
		return err_set(e, CS_E_CONFIG, "DATABASE_URL_MISSING",
		    "%s is not set. Set it to the URL of a role that may only "
		    "read, for example: export "
		    "%s='postgres://reader:...@host/database'",
		    r->env, r->env);
	}
	add(words, &n, "--url-env", name);
	add(words, &n, "--engine", r->engine);
	add(words, &n, "--schema", r->schema);
	add(words, &n, "--tables", r->tables);
	if (r->brief) {
		words[n++] = "--brief";
	}
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return err_sys(e, "pipe");
	}
	buf_printf(&variable, "%s=%s", name, url);
	pid = fork();
	if (pid == 0) {
		become_inspector(program, words, variable.data, ends[1]);
	}
	explicit_bzero(variable.data, variable.len);
	buf_clear(&variable);
	fd_close(&ends[1]);
	rc = pid < 0 ? err_sys(e, "fork") : read_answer(pid, ends[0], out, e);
	fd_close(&ends[0]);
	return rc;
}

int
run_countersign(const char *const *words, struct err *e)
{
	char program[PATH_MAX];
	const char *argv[WORDS] = {"countersign"};
	union {
		const char **read;
		char **argv;
	} list = {.read = argv};
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int status = 0;
	pid_t pid = 0;

	if (len < 0) {
		return err_sys(e, "cannot find this program");
	}
	program[len] = '\0';
	for (size_t n = 0; words[n] != NULL && n + 2 < WORDS; n++) {
		argv[n + 1] = words[n];
	}
	pid = fork();
	if (pid == 0) {
		(void)execv(program, list.argv);
		_exit(CS_EXIT_ENVIRONMENT);
	}
	if (pid < 0) {
		return err_sys(e, "fork");
	}
	if (wait_for(pid, &status, e) != 0) {
		return CS_E_IO;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : CS_EXIT_FAILED;
}
