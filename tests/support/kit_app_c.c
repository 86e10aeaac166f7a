/*
 * The example's application with an adapter of its own around the ready one,
 * for tests/integration/test_kit_c.py: FAULT=die-after-commit ends it between
 * COMMIT and the answer, pause-before-claim lets a second request come first.
 * claim-again and claim-never deadlock. Its other actions do what a function
 * must not.
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

/* As after a deadlock: twice, and then it goes well. */
static int
claim_again(void *session, const struct cs_handler_job *job,
    struct cs_handler_receipt *existing)
{
	static int count;

	return ++count <= 2 ? CS_HANDLER_E_RETRY
			    : inner->claim(session, job, existing);
}

static int
claim_never(void *session, const struct cs_handler_job *job,
    struct cs_handler_receipt *existing)
{
	(void)inner->claim(session, job, existing);
	return CS_HANDLER_E_RETRY;
}

/* Goes on after a statement that failed, as if nothing had been. */
static int
ignore_error(
    const struct cs_handler_job *job, struct cs_handler_tx *tx, void *context)
{
	const struct cs_handler_field bad[] = {
	    {"idempotency_key", cs_handler_text("no other column")}};

	(void)cs_handler_insert(tx, "account_credits", bad, 1);
	(void)credit_actions[0].apply(job, tx, context);
	return 0;
}

/* The statement that a function has no business with. */
static int
say(const struct cs_handler_job *job, struct cs_handler_tx *tx, void *context)
{
	const char *const *texts = context;

	(void)credit_actions[0].apply(job, tx, NULL);
	for (; *texts != NULL; texts++) {
		(void)cs_handler_query(tx, *texts, NULL, 0, NULL);
	}
	return 0;
}

static const char *commits[] = {"COMMIT", NULL};
static const char *hides[] = {"/* x */ COMMIT", NULL};
static const char *twice[] = {"SELECT 1; COMMIT", NULL};
static const char *reads[] = {"SELECT 1 AS one", NULL};

static const struct cs_handler_action actions[] = {
    {"billing.propose_account_credit", NULL, NULL},
    {"test.ignores_an_error", ignore_error, NULL},
    {"test.commits", say, commits},
    {"test.hides_a_commit", say, hides},
    {"test.says_two_things", say, twice},
    {"test.reads", say, reads},
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static const struct {
	const char *fault;
	int (*claim)(void *session, const struct cs_handler_job *job,
	    struct cs_handler_receipt *existing);
} claims[] = {{"pause-before-claim", pause_and_claim},
    {"claim-again", claim_again}, {"claim-never", claim_never}};

int
main(void)
{
	char error[CS_HANDLER_ERROR_SIZE] = "";
	struct cs_handler_action own[ACTIONS];
	struct cs_handler_source source = {.url = NULL};
	struct cs_handler_options options = {
	    .actions = own, .action_count = ACTIONS, .log = log_line};
	struct cs_handler_database database;
	const char *port = getenv("PORT");
	const char *fault = getenv("FAULT");
	struct cs_handler *handler;

	(void)signal(SIGPIPE, SIG_IGN);
	memcpy(own, actions, sizeof(own));
	own[0] = credit_actions[0];
	inner = cs_handler_database_open(&source, error);
	if (inner == NULL) {
		(void)fprintf(stderr, "%s\n", error);
		return EXIT_FAILURE;
	}
	database = *inner;
	if (fault != NULL && strcmp(fault, "die-after-commit") == 0) {
		database.commit = commit_and_die;
	}
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		if (fault != NULL && strcmp(fault, claims[i].fault) == 0) {
			database.claim = claims[i].claim;
		}
	}
	options.database = &database;
	handler = cs_handler_new(&options, error);
	if (handler == NULL) {
		(void)fprintf(stderr, "%s\n", error);
		return EXIT_FAILURE;
	}
	return server_run(
	    (unsigned short)strtoul(port != NULL ? port : "0", NULL, 10),
	    handler);
}
