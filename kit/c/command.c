/*
 * The same for a command_handler: the request on standard input, the receipt on
 * standard output.
 */
#include "common/base/xalloc.h"
#include "kit/c/internal.h"

int
cs_handler_command(const struct cs_handler *h, FILE *in, FILE *out)
{
	char *body = xcalloc(CS_HANDLER_BODY_MAX + 1, 1);
	struct cs_handler_request request = {.method = "POST", .body = body};
	struct cs_handler_answer answer;
	bool is_whole;

	request.body_len = fread(body, 1, CS_HANDLER_BODY_MAX + 1, in);
	/* Half a request is none; nothing was looked at. */
	if (!h->command_mode || ferror(in)) {
		free(body);
		return EXIT_FAILURE;
	}
	cs_handler_handle(h, &request, &answer);
	/* An outcome that is not known has no receipt: the status says so. */
	is_whole =
	    answer.http_status != 500 &&
	    fwrite(answer.body, 1, answer.body_len, out) == answer.body_len &&
	    fflush(out) == 0;
	cs_handler_answer_clear(&answer);
	free(body);
	return is_whole ? EXIT_SUCCESS : EXIT_FAILURE;
}
