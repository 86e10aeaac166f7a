/* countersign inspect: what tables there are. */
#include <unistd.h>

#include "cli/args.h"
#include "cli/onboard/commands.h"
#include "cli/onboard/fileset.h"
#include "cli/onboard/inspection.h"
#include "cli/onboard/inspector.h"
#include "cli/onboard/setup.h"
#include "cli/render.h"
#include "cli/shell.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"

#define SHOWN_MAX 12

/* A line with names of a database in it, escaped. */
static void
line(struct view *v, const char *label, const char *text)
{
	struct buf escaped = BUF_INIT;

	str_escape_for_people(&escaped, span_of(text));
	view_print(v, "%s%s\n", label, buf_text(&escaped));
	buf_clear(&escaped);
}

/* "a (reason), b" */
static void
suggested(struct view *v, const char *label, const struct inspected_table *t,
    const struct names *columns, const char *kind, const char *none)
{
	struct names told = {0};

	for (size_t i = 0; i < columns->count; i++) {
		const char *name = columns->items[i];
		const char *why = inspected_reason(t, name, kind);
		names_add(&told,
		    why == NULL ? name
				: arena_printf(v->arena, "%s (%s)", name, why),
		    v->arena);
	}
	line(v, label, names_join(&told, none, v->arena));
}

/* One table: its keys, and what its names suggest. */
static void
print_table(struct view *v, const struct inspected_table *t)
{
	struct names shown = t->visible;
	bool is_guess = false;
	const char *key = inspected_key(t, v->arena, &is_guess);
	const char *keys = names_join(&t->key, "not detected", v->arena);

	if (t->key.count == 0 && key != NULL) {
		keys =
		    arena_printf(v->arena, "not detected; candidate: %s", key);
	}
	shown.count = shown.count > SHOWN_MAX ? SHOWN_MAX : shown.count;
	line(v, "- ",
	    arena_printf(v->arena, "%s.%s (%s)", t->schema, t->name,
		t->is_view ? "view" : "table"));
	line(v, "  primary key: ", keys);
	suggested(v, "  possible tenant/scope columns: ", t, &t->tenant,
	    "tenant", "not detected");
	suggested(v, "  possible conflict/version columns: ", t, &t->conflict,
	    "conflict", "not detected");
	suggested(v, "  fields suggested for review: ", t, &t->sensitive,
	    "sensitive", "none");
	line(v, "  suggested visible fields: ",
	    names_join(&shown, "none", v->arena));
}

static void
print_text(struct view *v, const struct inspection *in,
    const struct inspect_request *r)
{
	view_print(v, "Countersign schema inspection\n");
	line(v, "Engine: ", in->engine);
	line(v, "Server: ", in->server);
	line(v, "Current user: ", in->user);
	line(v, "Schemas: ", names_join(&in->schemas, "(none)", v->arena));
	view_print(v, "\nFound %zu tables/views:\n", in->table_count);
	for (size_t i = 0; i < in->table_count; i++) {
		print_table(v, &in->tables[i]);
	}
	view_print(v, "\nWarnings:\n");
	for (size_t i = 0; i < in->warnings.count; i++) {
		line(v, "! ", in->warnings.items[i]);
	}
	view_print(v, "\nNext:\n  countersign onboard db --from-env %s\n",
	    shell_word(r->env, v->arena));
}

/* Only for a URL that was typed. */
static void
tip(const struct inspect_request *r)
{
	static const char text[] =
	    "tip: a URL on the command line can be seen by others on this "
	    "machine and stays in the shell's history; put it into a variable "
	    "and give its name with --from-env\n";

	if (r->inline_url != NULL) {
		(void)fd_write_all(STDERR_FILENO, text, sizeof(text) - 1, -1);
	}
}

/* The document as it came, to a file. */
static int
write_file(
    const struct args *a, const char *path, struct span text, struct err *e)
{
	struct fileset set = {.count = 0};
	struct buf said = BUF_INIT;
	int rc = 0;

	buf_span(fileset_add(&set, path, 0644), text);
	rc = fileset_commit(&set, args_has(a, "force"), e);
	fileset_clear(&set);
	if (rc == 0) {
		buf_printf(&said, "created %s\n", path);
		setup_flush(&said);
	}
	return rc;
}

int
cmd_inspect(const struct args *a, struct err *e)
{
	struct inspect_request request = {.tables = args_get(a, "tables")};
	struct view v = {.arena = arena_new()};
	struct inspection found;
	struct buf answer = BUF_INIT;
	const char *output = args_get(a, "output");
	bool json = args_has(a, "json");
	int rc = inspect_request_take(a, &request, e);

	output = output != NULL ? output : args_get(a, "out");
	request.brief = !json && output == NULL;
	if (rc == 0) {
		tip(&request);
		rc = inspect_run(&request, &answer, e);
	}
	/* A large schema is not looked into, but an error always is. */
	if (rc == 0) {
		rc = inspection_read(buf_as_span(&answer), v.arena, &found, e);
		rc = rc == CS_E_TOO_LARGE && !request.brief ? 0 : rc;
	}
	if (rc == 0 && output != NULL) {
		rc = write_file(a, output, buf_as_span(&answer), e);
	} else if (rc == 0 && json) {
		view_print(&v, "%s", buf_text(&answer));
	} else if (rc == 0) {
		print_text(&v, &found, &request);
	}
	view_flush(&v);
	buf_clear(&answer);
	arena_free(&v.arena);
	return rc;
}
