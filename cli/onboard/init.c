/* countersign init: a contract from flags, a spec, answers or a person. */
#include <unistd.h>

#include "cli/args.h"
#include "cli/onboard/commands.h"
#include "cli/onboard/generate.h"
#include "cli/onboard/inspector.h"
#include "cli/onboard/setup.h"
#include "cli/onboard/wizard.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define FILE_MAX (16U << 20)

/* What each way to a selection works on. */
struct init {
	const struct args *args;
	struct setup setup;
	struct selection *selection;
	enum init_asks asks;
	bool tells_next;
};

/* A file of the person at the keyboard; it is data, so anybody may own it. */
static int
read_document(
    struct init *in, const char *path, struct span *out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = file_read_public(path, FILE_MAX, &bytes, e);

	/* The selection borrows from it. */
	*out = arena_span(in->selection->arena, buf_as_span(&bytes));
	buf_clear(&bytes);
	return rc;
}

/* Warnings do not belong to what is piped on. */
static void
warn(struct buf *warnings)
{
	(void)fd_write_all(STDERR_FILENO, warnings->data, warnings->len, -1);
	buf_clear(warnings);
}

/* What every way to a selection ends with. */
static int
finish(struct init *in, const char *mode, struct err *e)
{
	struct buf out = BUF_INIT;
	int rc = 0;

	selection_complete(in->selection, mode);
	rc = setup_write(&in->setup, in->selection, e);
	if (rc == 0 && !in->setup.dry_run && in->tells_next) {
		setup_print_next(&in->setup, in->selection, &out);
		setup_flush(&out);
	}
	return rc;
}

/* --spec or --answers: no database is asked. */
static int
from_file(struct init *in, const char *flag, struct err *e)
{
	bool is_spec = strcmp(flag, "spec") == 0;
	const char *path = args_get(in->args, flag);
	struct selection *s = in->selection;
	struct span document;
	int rc = read_document(in, path, &document, e);

	if (rc == 0) {
		s->is_spec = is_spec;
		rc = selection_from_json(s, document, e);
	}
	if (rc == 0) {
		rc = selection_from_flags(s, in->args, e);
	}
	if (rc != 0) {
		err_context(e, "--%s %s", flag, path);
		return rc;
	}
	if (!is_spec && s->text[SEL_READ_URL_ENV] == NULL) {
		s->text[SEL_READ_URL_ENV] = "DATABASE_URL";
	}
	for (int i = SEL_SCHEMA; !is_spec && i <= SEL_PRIMARY_KEY; i++) {
		if (s->text[i] == NULL) {
			return err_set(e, CS_E_INVALID, "SELECTION_INVALID",
			    "--answers missing %s. No file was written.",
			    selection_words[i].name);
		}
	}
	return finish(in, is_spec ? "shadow" : "review", e);
}

/* The flags and an inspection. */
static int
from_inspection(struct init *in, struct span document, struct err *e)
{
	struct selection *s = in->selection;
	struct buf warnings = BUF_INIT;
	struct inspection found;
	const char *env = s->text[SEL_READ_URL_ENV];
	int rc = inspection_read(document, s->arena, &found, e);

	if (rc == 0) {
		rc = selection_from_flags(s, in->args, e);
		s->text[SEL_READ_URL_ENV] = env;
		/* Flags say "auto", the inspection knows. */
		s->text[SEL_ENGINE] = NULL;
	}
	if (rc == 0 && s->text[SEL_MODE] == NULL) {
		s->text[SEL_MODE] = "shadow";
	}
	if (rc == 0) {
		rc = selection_from_table(s, &found, &warnings, e);
	}
	if (rc == 0) {
		warn(&warnings);
		in->setup.inspected = true;
		rc = finish(in, "shadow", e);
	}
	buf_clear(&warnings);
	return rc;
}

static int
look(struct init *in, const struct inspect_request *request, struct span *out,
    struct err *e)
{
	struct buf answer = BUF_INIT;
	int rc = inspect_run(request, &answer, e);

	*out = arena_span(in->selection->arena, buf_as_span(&answer));
	buf_clear(&answer);
	return rc;
}

/* Only the one table, so that large schemas are no matter; all of them when it
 * is not there, to say what is. */
static int
from_database(struct init *in, struct inspect_request *request, struct err *e)
{
	struct inspection found;
	struct span document;
	int rc = 0;

	request->tables = args_get(in->args, "table");
	request->brief = request->tables == NULL;
	rc = look(in, request, &document, e);
	if (rc == 0 && request->tables != NULL) {
		rc = inspection_read(document, in->selection->arena, &found, e);
		if (rc == 0 && found.table_count == 0) {
			request->tables = NULL;
			request->brief = true;
			rc = look(in, request, &document, e);
		}
	}
	return rc != 0 ? rc : from_inspection(in, document, e);
}

/* Without any database: names to be replaced by hand. */
static int
from_starter(struct init *in, struct err *e)
{
	static const char note[] =
	    "Edit its names to yours, set the variables that it names, then: "
	    "countersign config validate\n";
	const char *engine = args_get(in->args, "engine");
	const char *mode = args_get(in->args, "mode");
	struct buf contract = BUF_INIT;
	int rc = generate_starter(engine == NULL ? "postgres" : engine,
	    mode == NULL ? "review" : mode, in->setup.store, &contract, e);

	if (rc == 0) {
		rc =
		    setup_write_contract(&in->setup, buf_as_span(&contract), e);
	}
	if (rc == 0 && !in->setup.dry_run) {
		(void)fd_write_all(STDOUT_FILENO, note, sizeof(note) - 1, -1);
	}
	buf_clear(&contract);
	return rc;
}

bool
init_is_scripted(const struct args *a)
{
	static const char *const flags[] = {"yes", "non-interactive", "dry-run",
	    "answers", "spec", "inspection-json", "table"};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (args_has(a, flags[i])) {
			return true;
		}
	}
	return false;
}

/* A person who gave no decision is asked. */
static bool
wants_wizard(const struct init *in)
{
	const struct args *a = in->args;

	if (in->asks != INIT_ASK_ON_TERMINAL) {
		return in->asks == INIT_ASK;
	}
	return args_has(a, "wizard") ||
	       (isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0 &&
		   !args_has(a, "starter") && !init_is_scripted(a));
}

/* The order of 0.1.1: files, then asking, then an inspection, then a
 * database, then the starter. */
static int
dispatch(struct init *in, struct err *e)
{
	struct inspect_request request = {0};
	struct span document;
	int rc = 0;

	if (args_has(in->args, "answers")) {
		return from_file(in, "answers", e);
	}
	if (args_has(in->args, "spec")) {
		return args_has(in->args, "non-interactive") ||
			       args_has(in->args, "yes")
			   ? from_file(in, "spec", e)
			   : err_set(e, CS_E_INVALID, "USAGE",
				 "init --spec requires --non-interactive");
	}
	rc = inspect_request_take(in->args, &request, e);
	if (rc != 0) {
		return rc;
	}
	if (wants_wizard(in)) {
		return wizard_run(in->args, &request, in->selection, e);
	}
	in->selection->text[SEL_READ_URL_ENV] = request.env;
	if (args_has(in->args, "inspection-json")) {
		rc = read_document(
		    in, args_get(in->args, "inspection-json"), &document, e);
		return rc != 0 ? rc : from_inspection(in, document, e);
	}
	return request.is_explicit ? from_database(in, &request, e)
				   : from_starter(in, e);
}

int
init_run(const struct args *a, enum init_asks asks, struct selection *s,
    struct err *e)
{
	struct init in = {.args = a,
	    .selection = s,
	    .asks = asks,
	    .tells_next = asks == INIT_ASK_ON_TERMINAL};

	setup_take(a, &in.setup);
	return dispatch(&in, e);
}

int
cmd_init(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct selection *s = arena_alloc(arena, sizeof(*s));
	int rc = 0;

	s->arena = arena;
	rc = init_run(a, INIT_ASK_ON_TERMINAL, s, e);
	arena_free(&arena);
	return rc;
}
