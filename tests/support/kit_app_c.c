/*
 * The example's application with faults, for tests/integration/test_kit.py:
 * FAULT=redirect, big, hang, die-after-commit or pause-before-claim. Built with
 * the example's own files and the shared library, as an application is.
 */
#include <event2/buffer.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "credit.h"
#include "server.h"

#define BIG_BYTES (10U << 20)

static struct cs_handler_database *inner;
static const char *fault = "";

static void
log_line(void *context, const char *code, const char *key, const char *detail)
{
	(void)context;
	(void)fprintf(stderr, "%s key=%s %s\n", code, key, detail);
}

static void
redirect(struct evhttp_request *request, void *context)
{
	(void)context;
	(void)evhttp_add_header(evhttp_request_get_output_headers(request),
	    "Location", "/elsewhere");
	evhttp_send_reply(request, 307, NULL, NULL);
}

/* It acts, and then says more than anybody wants to hear. */
static void
big(struct evhttp_request *request, void *context)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	struct evkeyvalq *in = evhttp_request_get_input_headers(request);
	static const char *const names[] = {"Authorization",
	    "X-Synapsor-Signature", "X-Synapsor-Issued-At", "Idempotency-Key"};
	struct cs_handler_header headers[4];
	struct cs_handler_request r = {.method = "POST", .headers = headers};
	struct cs_handler_answer answer;
	struct evbuffer *body = evbuffer_new();
	static char text[4096];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = evhttp_find_header(in, names[i]);
		if (value != NULL) {
			headers[r.header_count++] =
			    (struct cs_handler_header){names[i], value};
		}
	}
	r.body_len = evbuffer_get_length(input);
	r.body = evbuffer_pullup(input, -1);
	cs_handler_handle(context, &r, &answer);
	cs_handler_answer_clear(&answer);
	memset(text, ' ', sizeof(text));
	for (size_t n = 0; n < BIG_BYTES; n += sizeof(text)) {
		(void)evbuffer_add(body, text, sizeof(text));
	}
	evhttp_send_reply(request, 200, NULL, body);
	evbuffer_free(body);
}

static void
hang(struct evhttp_request *request, void *context)
{
	(void)request;
	(void)context;
	for (;;) {
		(void)pause();
	}
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

static server_answer
answer_of(const char *name)
{
	static const struct {
		const char *name;
		server_answer answer;
	} answers[] = {{"redirect", redirect}, {"big", big}, {"hang", hang}};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (strcmp(answers[i].name, name) == 0) {
			return answers[i].answer;
		}
	}
	return server_handle;
}

int
main(int argc, char **argv)
{
	char error[CS_HANDLER_ERROR_SIZE] = "";
	struct cs_handler_source source = {.url = NULL};
	struct cs_handler_options options = {.actions = credit_actions,
	    .action_count = credit_action_count,
	    .command_mode = argc > 1 && strcmp(argv[1], "--command") == 0,
	    .log = log_line};
	struct cs_handler_database database;
	const char *port = getenv("PORT");
	struct cs_handler *handler;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 2 && strcmp(argv[1], "--print-ddl") == 0) {
		return cs_handler_print_ddl(strcmp(argv[2], "mysql") == 0
						? CS_HANDLER_MYSQL
						: CS_HANDLER_POSTGRES,
		    NULL, stdout);
	}
	fault = getenv("FAULT") != NULL ? getenv("FAULT") : "";
	inner = cs_handler_database_open(&source, error);
	if (inner == NULL) {
		(void)fprintf(stderr, "%s\n", error);
		return EXIT_FAILURE;
	}
	database = *inner;
	if (strcmp(fault, "die-after-commit") == 0) {
		database.commit = commit_and_die;
	} else if (strcmp(fault, "pause-before-claim") == 0) {
		database.claim = pause_and_claim;
	}
	options.database = &database;
	handler = cs_handler_new(&options, error);
	if (handler == NULL) {
		(void)fprintf(stderr, "%s\n", error);
		return EXIT_FAILURE;
	}
	if (options.command_mode) {
		int status = cs_handler_command(handler, stdin, stdout);

		cs_handler_free(handler);
		cs_handler_database_close(inner);
		return status;
	}
	return server_run(
	    (unsigned short)strtoul(port != NULL ? port : "0", NULL, 10),
	    answer_of(fault), handler);
}
