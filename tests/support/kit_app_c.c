/*
 * The example's application with an adapter of its own around the ready one,
 * for tests/integration/test_kit_c.py: FAULT=die-after-commit ends it between
 * COMMIT and the answer, pause-before-claim lets a second request come first.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "credit.h"
#include "server.h"

static struct cs_handler_database *inner;

static void
log_line(void *context, const char *code, const char *key, const char *detail)
{
	(void)context;
	(void)fprintf(stderr, "%s key=%s %s\n", code, key, detail);
}

static int
commit_and_die(void *session)
{
	int rc = inner->commit(session);

	if (rc == 0) {
		_exit(9);
	}
	return rc;
}

/* Long enough for a second request to come in between. */
static int
pause_and_claim(void *session, const struct cs_handler_job *job,
    struct cs_handler_receipt *existing)
{
	(void)usleep(300000);
	return inner->claim(session, job, existing);
}

int
main(void)
{
	char error[CS_HANDLER_ERROR_SIZE] = "";
	struct cs_handler_source source = {.url = NULL};
	struct cs_handler_options options = {.actions = credit_actions,
	    .action_count = credit_action_count,
	    .log = log_line};
	struct cs_handler_database database;
	const char *port = getenv("PORT");
	const char *fault = getenv("FAULT");
	struct cs_handler *handler;

	(void)signal(SIGPIPE, SIG_IGN);
	inner = cs_handler_database_open(&source, error);
	if (inner == NULL) {
		(void)fprintf(stderr, "%s\n", error);
		return EXIT_FAILURE;
	}
	database = *inner;
	if (fault != NULL && strcmp(fault, "die-after-commit") == 0) {
		database.commit = commit_and_die;
	} else if (fault != NULL && strcmp(fault, "pause-before-claim") == 0) {
		database.claim = pause_and_claim;
	}
	options.database = &database;
	handler = cs_handler_new(&options, error);
	if (handler == NULL) {
		(void)fprintf(stderr, "%s\n", error);
		return EXIT_FAILURE;
	}
	return server_run(
	    (unsigned short)strtoul(port != NULL ? port : "0", NULL, 10),
	    server_handle, handler);
}
