/* countersign handler template: a starter for an application's handler. */
#include <unistd.h>

#include "cli/args.h"
#include "cli/onboard/commands.h"
#include "cli/onboard/handler_template.h"
#include "cli/onboard/setup.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"

static void
list(struct buf *out)
{
	for (const struct handler_template *t = handler_templates;
	     t->name != NULL; t++) {
		buf_printf(out, "%s: %s\n", t->name, t->summary);
		for (size_t i = 0; i < 2 && t->aliases[i] != NULL; i++) {
			buf_printf(out, "%s%s%s", i == 0 ? "  also: " : ", ",
			    t->aliases[i],
			    i == 1 || t->aliases[i + 1] == NULL ? "\n" : "");
		}
		buf_printf(out, "  writes: %s\n", t->output);
	}
}

/* --stdout: for a look, and for pipes; the duties go where people see them. */
static void
show(const struct handler_template *t, const struct handler_words *w,
    struct buf *out)
{
	for (size_t i = 0; i < HANDLER_FILES_MAX && t->files[i].text != NULL;
	     i++) {
		handler_template_put(t, i, w, out);
	}
	(void)fd_write_all(
	    STDERR_FILENO, handler_duties, strlen(handler_duties), -1);
}

static int
write_files(const struct args *a, const struct handler_template *t,
    const struct handler_words *w, struct buf *out, struct err *e)
{
	struct arena *arena = arena_new();
	struct fileset set = {.count = 0};
	const char *to =
	    handler_template_add(t, w, "", args_get(a, "output"), arena, &set);
	int rc = fileset_commit(&set, args_has(a, "force"), e);

	if (rc == 0) {
		buf_puts(out, "created ");
		str_escape_for_people(out, span_of(to));
		buf_printf(out, "\n\n%s", handler_duties);
	}
	fileset_clear(&set);
	arena_free(&arena);
	return rc;
}

static const char *
given(const struct args *a, const char *flag, const char *otherwise)
{
	const char *value = args_get(a, flag);

	return value == NULL ? otherwise : value;
}

int
cmd_handler_template(const struct args *a, struct err *e)
{
	struct handler_words w = {.action = given(a, "action", HANDLER_ACTION),
	    .kit = given(a, "kit-path", HANDLER_KIT),
	    .token_env = "SYNAPSOR_APP_WRITEBACK_TOKEN",
	    .secret_env = "SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET"};
	const struct handler_template *t = NULL;
	struct buf out = BUF_INIT;
	int rc = handler_words_check(&w, e);

	if (rc == 0 && args_has(a, "list")) {
		list(&out);
	} else if (rc == 0 && a->word_count != 1) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "which template? countersign handler template --list "
		    "shows all");
	} else if (rc == 0) {
		rc = handler_template_find(a->words[0], &t, e);
	}
	if (rc == 0 && t != NULL && args_has(a, "stdout")) {
		show(t, &w, &out);
	} else if (rc == 0 && t != NULL) {
		rc = write_files(a, t, &w, &out, e);
	}
	setup_flush(&out);
	return rc;
}
