#include "cli/onboard/handler_template.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/err.h"

extern const char handler_node_fastify[];
extern const char handler_node_http[];
extern const char handler_python_fastapi[];
extern const char handler_python_http[];
extern const char handler_command[];
extern const char handler_c_handler[];
extern const char handler_c_server[];
extern const char handler_c_server_h[];
extern const char handler_c_makefile[];

#define NODE_FILE   "synapsor-writeback-handler.mjs"
#define PYTHON_FILE "synapsor_writeback_handler.py"

const struct handler_template handler_templates[] = {
    {"node-fastify", {"node", "fastify"}, NODE_FILE, "Fastify and pg", "null",
	{{NULL, handler_node_fastify}}},
    {"node-http", {NULL}, NODE_FILE, "Node alone, and pg", "null",
	{{NULL, handler_node_http}}},
    {"python-fastapi", {"python", "fastapi"}, PYTHON_FILE,
	"FastAPI, uvicorn and psycopg", "None",
	{{NULL, handler_python_fastapi}}},
    {"python-http", {NULL}, PYTHON_FILE, "Python alone, and psycopg", "None",
	{{NULL, handler_python_http}}},
    {"command", {"script", "local-command"}, "synapsor-command-handler.mjs",
	"a command in Node: standard input to standard output", "null",
	{{NULL, handler_command}}},
    {"c", {NULL}, "synapsor-writeback-handler",
	"a folder with a program in C: libevent", "\"\"",
	{{"handler.c", handler_c_handler}, {"server.c", handler_c_server},
	    {"server.h", handler_c_server_h},
	    {"Makefile", handler_c_makefile}}},
    {NULL, {NULL}, NULL, NULL, NULL, {{NULL, NULL}}},
};

const char handler_duties[] =
    "IMPORTANT: your app handler owns the final business write.\n"
    "The kit does for it: tenant/scope check; expected-version or conflict "
    "guard; idempotency key; allowed business action; transaction/rollback; "
    "safe error receipt.\n"
    "Yours: everything goes through the transaction that it is given, or lost "
    "updates, duplicate writes and cross-tenant writes are possible again.\n";

int
handler_template_find(
    const char *word, const struct handler_template **out, struct err *e)
{
	for (const struct handler_template *t = handler_templates;
	     t->name != NULL; t++) {
		bool is_it = strcmp(t->name, word) == 0;

		for (size_t i = 0; i < 2 && t->aliases[i] != NULL; i++) {
			is_it = is_it || strcmp(t->aliases[i], word) == 0;
		}
		if (is_it) {
			*out = t;
			return 0;
		}
	}
	return err_set(e, CS_E_NOT_FOUND, "TEMPLATE_UNKNOWN",
	    "no such handler template; countersign handler template --list "
	    "shows all. No file was written.");
}

static bool
is_made_of(const char *text, const char *extra)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (strchr(plain, text[i]) == NULL &&
		    strchr(extra, text[i]) == NULL) {
			return false;
		}
	}
	return len > 0;
}

int
handler_words_check(const struct handler_words *w, struct err *e)
{
	if (!is_made_of(w->action, ".-")) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--action is the name of a capability: letters, digits, "
		    "dots, dashes, underscores");
	}
	if (w->kit[0] != '/' || !is_made_of(w->kit, "/.-+~")) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--kit-path is an absolute folder of plain names");
	}
	return 0;
}

static void
put_name(
    struct buf *out, const struct handler_template *t, const char *variable)
{
	if (variable == NULL) {
		buf_puts(out, t->none);
	} else {
		buf_printf(out, "\"%s\"", variable);
	}
}

/* The marks are whole words of the templates; everything else stays. */
void
handler_template_put(const struct handler_template *t, size_t file,
    const struct handler_words *w, struct buf *out)
{
	static const char *const marks[] = {
	    "@ACTION@", "@KIT@", "@TOKEN_ENV@", "@SECRET_ENV@"};
	const char *at = t->files[file].text;
	const char *mark = NULL;

	while ((mark = strchr(at, '@')) != NULL) {
		size_t which = 0;

		while (which < 4 &&
		       strncmp(mark, marks[which], strlen(marks[which])) != 0) {
			which++;
		}
		buf_append(out, at, (size_t)(mark - at));
		at = mark + (which < 4 ? strlen(marks[which]) : 1);
		switch (which) {
		case 0:
			buf_puts(out, w->action);
			break;
		case 1:
			buf_puts(out, w->kit);
			break;
		case 2:
			put_name(out, t, w->token_env);
			break;
		case 3:
			put_name(out, t, w->secret_env);
			break;
		default:
			buf_putc(out, '@');
			break;
		}
	}
	buf_puts(out, at);
}

const char *
handler_template_add(const struct handler_template *t,
    const struct handler_words *w, const char *folder, const char *output,
    struct arena *a, struct fileset *set)
{
	const char *to = output != NULL
			     ? output
			     : arena_printf(a, "%s%s", folder, t->output);

	for (size_t i = 0; i < HANDLER_FILES_MAX && t->files[i].text != NULL;
	     i++) {
		const char *name = t->files[i].name;
		const char *path =
		    name == NULL ? to : arena_printf(a, "%s/%s", to, name);

		handler_template_put(t, i, w, fileset_add(set, path, 0644));
	}
	return to;
}
