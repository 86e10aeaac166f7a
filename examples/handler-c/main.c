/*
 * An application with a Countersign handler, in C.
 *
 *   credit                serve on 127.0.0.1:$PORT (8787; 0 takes a free one)
 *   credit --command      one request on standard input, for a command_handler
 *   credit --print-ddl    the receipt table for PostgreSQL (or: mysql)
 *
 * Environment: DATABASE_URL, SYNAPSOR_APP_WRITEBACK_TOKEN and
 * SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "credit.h"
#include "server.h"

/* The application's log: codes and keys, nothing that was sent. */
static void
log_line(void *context, const char *code, const char *key, const char *detail)
{
	(void)context;
	(void)fprintf(stderr, "%s key=%s %s\n", code, key, detail);
}

static int
run(bool command_mode)
{
	char error[CS_HANDLER_ERROR_SIZE] = "";
	struct cs_handler_source source = {.url = NULL};
	struct cs_handler_options options = {.actions = credit_actions,
	    .action_count = credit_action_count,
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
		(void)fprintf(stderr, "credit: %s\n", error);
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
		(void)fputs("usage: credit [--command | --print-ddl [mysql]]\n",
		    stderr);
		return EXIT_FAILURE;
	}
	return run(word[0] != '\0');
}
