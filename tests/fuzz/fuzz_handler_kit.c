/*
 * A request to an application, as the C kit verifies it: a method, headers and
 * a body. What passes is a job that may be put into statements; without the
 * secret's signature nothing passes.
 */
#include "common/base/str.h"
#include "kit/c/internal.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS      INT64_C(1782907200000) /* 2026-07-01T12:00:00Z */
#define HEADERS_MAX 8

static struct cs_handler *handlers[3]; /* open, signed, command */

static int
never(const struct cs_handler_job *job, struct cs_handler_tx *tx, void *context)
{
	(void)job;
	(void)tx;
	(void)context;
	return -1;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct cs_handler_action action = {
	    "billing.propose_late_fee_waiver", never, NULL};
	static const struct cs_handler_options options[] = {
	    {.actions = &action,
		.action_count = 1,
		.verify_only = true,
		.token_env = "",
		.signing_secret_env = "",
		.allow_unauthenticated = true},
	    {.actions = &action,
		.action_count = 1,
		.verify_only = true,
		.token = "token of the fuzzer",
		.signing_secret = "a secret that no input was signed with"},
	    {.actions = &action,
		.action_count = 1,
		.verify_only = true,
		.command_mode = true},
	};
	char error[CS_HANDLER_ERROR_SIZE];

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < 3; i++) {
		handlers[i] = cs_handler_new(&options[i], error);
		cs_assert(handlers[i] != NULL);
	}
	return 0;
}

static void
check_field(const struct cs_handler_field *f)
{
	cs_assert(str_is_identifier(span_of(f->name)));
	cs_assert(scalar_is_valid(kit_scalar(f->value)));
}

static void
check_job(const struct cs_handler_job *job)
{
	cs_assert(str_is_identifier(span_of(job->schema)));
	cs_assert(str_is_identifier(span_of(job->table)));
	cs_assert(job->idempotency_key[0] != '\0');
	cs_assert(job->proposal_hash[0] != '\0');
	cs_assert(job->tenant_id[0] != '\0' && job->object_id[0] != '\0');
	check_field(&job->primary_key);
	check_field(&job->tenant_guard);
	check_field(&job->expected_version);
	cs_assert(job->patch_count > 0);
	for (size_t i = 0; i < job->patch_count; i++) {
		check_field(&job->patch[i]);
		cs_assert(
		    strcmp(job->patch[i].name, job->primary_key.name) != 0);
		cs_assert(
		    strcmp(job->patch[i].name, job->tenant_guard.name) != 0);
	}
	for (size_t i = 0; i < job->before_count; i++) {
		check_field(&job->before[i]);
	}
}

/* "METHOD\nName: value\n…\n\nbody"; the texts are cut where they stand. */
static void
take_head(struct arena *a, const uint8_t *data, size_t size,
    struct cs_handler_request *r, struct cs_handler_header *headers)
{
	const char *end = memmem(data, size, "\n\n", 2);
	size_t head = end == NULL ? 0 : (size_t)(end - (const char *)data);
	char *line = arena_strndup(a, (const char *)data, head);
	char *next = NULL;

	r->body = end == NULL ? data : data + head + 2;
	r->body_len = end == NULL ? size : size - head - 2;
	r->method = strtok_r(line, "\n", &next);
	r->method = r->method == NULL ? "POST" : r->method;
	while (r->header_count < HEADERS_MAX &&
	       (line = strtok_r(NULL, "\n", &next)) != NULL) {
		char *colon = strstr(line, ": ");
		if (colon != NULL) {
			*colon = '\0';
			headers[r->header_count++] =
			    (struct cs_handler_header){line, colon + 2};
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct cs_handler_header headers[HEADERS_MAX];
	struct cs_handler_request r = {.headers = headers};

	take_head(a, data, size, &r, headers);
	for (size_t i = 0; i < 3; i++) {
		struct cs_handler_checked got;

		cs_handler_verify(handlers[i], &r, NOW_MS, &got);
		if (got.job != NULL) {
			cs_assert(i != 1 && got.http_status == 200);
			check_job(got.job);
		} else {
			cs_assert(
			    got.http_status == 204 ||
			    (got.http_status >= 400 && got.http_status < 500));
		}
		cs_handler_checked_clear(&got);
	}
	arena_free(&a);
	return 0;
}
