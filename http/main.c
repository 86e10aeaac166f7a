/*
 * countersign-http - one outbound HTTP exchange for the command line.
 *
 * Reads a description (URL, method, headers, body, limits) as JSON from
 * standard input, does the exchange, and writes the answer to standard output.
 * countersign itself links no HTTP library: what a hostile server sends is
 * parsed here, by a process that holds nothing but this one request.
 *
 * SECURITY
 *
 * Headers may hold a token: they come on standard input, never in argv or
 * environment, and no error text repeats them or the URL. Certificates are
 * verified; plain HTTP goes to loopback unless the description allows more; the
 * address is looked up once; no redirect, no proxy, no .netrc. The process
 * cannot be dumped and gains no privileges.
 *
 * DIAGNOSTICS
 *
 * Exit 0: an answer came, whatever its status. 1: none came; the line on
 * standard output says why. 100: called with arguments.
 */
#include <curl/curl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "http/describe.h"

/* What is in memory here may be a token. */
static void
harden(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	// NOLINTNEXTLINE(concurrency-mt-unsafe): nothing else runs yet
	(void)clearenv();
}

int
main(int argc, char **argv)
{
	struct buf text = BUF_INIT;
	struct buf out = BUF_INIT;
	struct exchange_answer answer = {0};
	struct exchange x;
	struct err e = {0};
	struct arena *a = arena_new();
	int rc;

	(void)argv;
	log_init("countersign-http", LOG_LEVEL_WARN);
	harden();
	if (argc != 1) {
		static const char usage[] =
		    "usage: countersign-http < description.json\n";
		(void)fd_write_all(STDERR_FILENO, usage, sizeof(usage) - 1, -1);
		arena_free(&a);
		return CS_EXIT_USAGE;
	}
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	rc = fd_read_rest(STDIN_FILENO, DESCRIPTION_MAX, &text, &e);
	if (rc == 0) {
		rc = describe_read(&x, buf_as_span(&text), a, &e);
	}
	if (rc == 0) {
		rc = exchange_run(&x, &answer, &e);
	}
	if (rc == 0) {
		describe_answer(&answer, &out);
	} else {
		describe_failure(&e, &out);
	}
	if (fd_write_all(STDOUT_FILENO, out.data, out.len, -1) != 0) {
		rc = CS_E_EOF;
	}
	exchange_clear(&answer);
	curl_global_cleanup();
	buf_clear(&text);
	buf_clear(&out);
	arena_free(&a);
	return rc == 0 ? CS_EXIT_OK : CS_EXIT_FAILED;
}
