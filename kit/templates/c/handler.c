/*
 * IMPORTANT: your app handler owns the final business write.
 * The kit checks the request (token, signature, time, schema, tenant and
 * version) and keeps the receipt, against lost updates, duplicate writes and
 * cross-tenant writes. Yours is what happens in between (`apply`), in the same
 * transaction/rollback and under the same idempotency key.
 *
 *   handler               serve on 127.0.0.1:$PORT (8787; 0 takes a free one)
 *   handler --command     one request on standard input, for a command_handler
 *   handler --print-ddl   the receipt table for PostgreSQL (or: mysql)
 *
 * Environment: DATABASE_URL and the two variables below. See
 * countersign-handler(3).
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

/* Names of variables; "": not used. */
/* clang-format off */
static const char token_env[] = @TOKEN_ENV@;
static const char secret_env[] = @SECRET_ENV@;
/* clang-format on */

/*
 * The request was checked, the row is locked and as it was reviewed (job->row);
 * job->patch is what was approved, job->principal who proposed. Everything goes
 * through `tx`, or is not rolled back. 0 commits it; refuse with
 * `return cs_handler_refuse(tx, "YOUR_CODE")`.
 */
static int
apply(const struct cs_handler_job *job, struct cs_handler_tx *tx, void *context)
{
	const struct cs_handler_field where[] = {
	    job->primary_key, job->tenant_guard};
	char table[256];
	const struct cs_handler_update update = {.table = table,
	    .where = where,
	    .where_count = 2,
	    .values = job->patch,
	    .count = job->patch_count,
	    .expected = 1};

	(void)context;
	(void)snprintf(table, sizeof(table), "%s.%s", job->schema, job->table);
	return cs_handler_update(tx, &update);
}

static const struct cs_handler_action actions[] = {
    {"@ACTION@", apply, NULL},
};

/* Codes and keys; nothing that was sent. */
static void
log_line(void *context, const char *code, const char *key, const char *detail)
{
	(void)context;
	(void)fprintf(stderr, "%s key=%s %s\n", code, key, detail);
}

/* Everything that is missing shows here, before the first request. */
static int
run(bool command_mode)
{
	char error[CS_HANDLER_ERROR_SIZE] = "";
	struct cs_handler_source source = {.url = NULL};
	struct cs_handler_options options = {.actions = actions,
	    .action_count = sizeof(actions) / sizeof(actions[0]),
	    .token_env = token_env,
	    .signing_secret_env = secret_env,
	    .command_mode = command_mode,
	    .log = log_line};
	const char *port = getenv("PORT");
	struct cs_handler_database *database =
	    cs_handler_database_open(&source, error);
	struct cs_handler *handler = NULL;
	int status = EXIT_FAILURE;

	if (database != NULL) {
		options.database = database;
		handler = cs_handler_new(&options, error);
	}
	if (handler == NULL) {
		(void)fprintf(stderr, "handler: %s\n", error);
	} else if (command_mode) {
		status = cs_handler_command(handler, stdin, stdout);
	} else {
		status = server_run((unsigned short)strtoul(
					port != NULL ? port : "8787", NULL, 10),
		    handler);
	}
	cs_handler_free(handler);
	cs_handler_database_close(database);
	return status;
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	(void)signal(SIGPIPE, SIG_IGN);
	if (strcmp(word, "--print-ddl") == 0) {
		return cs_handler_print_ddl(
			   argc > 2 && strcmp(argv[2], "mysql") == 0
			       ? CS_HANDLER_MYSQL
			       : CS_HANDLER_POSTGRES,
			   NULL, stdout) == 0
			   ? EXIT_SUCCESS
			   : EXIT_FAILURE;
	}
	if (word[0] != '\0' && strcmp(word, "--command") != 0) {
		(void)fputs(
		    "usage: handler [--command | --print-ddl [mysql]]\n",
		    stderr);
		return EXIT_FAILURE;
	}
	return run(word[0] != '\0');
}
