/*
 * tools preview, tools list, mcp smoke, smoke boundary: what the model would
 * see, before anything is served.
 */
#include "cli/check/boundary.h"
#include "cli/check/commands.h"
#include "cli/shell.h"
#include "common/base/arena.h"
#include "common/base/err.h"

static void
put_preview(const struct boundary *b, struct json_out *j)
{
	json_open(j, '{');
	json_field_bool(j, "ok", b->all_ok);
	json_field_text(j, "config_path", b->config);
	json_field_text(j, "store_path", b->store);
	json_field_text(j, "alias_mode", b->style);
	boundary_put_names(b, j, "exposed_to_mcp");
	json_key(j, "alias_mappings");
	json_rewrite(j, &b->view.doc, b->names, b->view.arena);
	json_key(j, "not_exposed_to_mcp");
	json_open(j, '[');
	for (size_t i = 0; i < NOT_EXPOSED_COUNT; i++) {
		json_put_text(j, boundary_not_exposed[i]);
	}
	json_close(j, ']');
	boundary_put_checks(b, j);
	json_close(j, '}');
}

static void
print_preview(const struct boundary *b, struct view *v)
{
	view_print(v,
	    "Countersign tools preview: %s\nConfig: %s\nStore: %s\n"
	    "Alias mode: %s\n\nExposed to MCP:\n",
	    b->all_ok ? "ok" : "failed", b->config, b->store, b->style);
	boundary_print_names(b, v);
	view_print(v, "\nNot exposed to MCP:\n");
	for (size_t i = 0; i < NOT_EXPOSED_COUNT; i++) {
		view_print(v, "  - %s\n", boundary_not_exposed[i]);
	}
	view_print(v, "\nSafety checks:\n");
	boundary_print_checks(b, v);
	view_print(v,
	    "\nNext:\n  countersign mcp serve --config %s --store %s\n",
	    shell_word(b->config, b->view.arena),
	    shell_word(b->store, b->view.arena));
}

static void
put_smoke(const struct boundary *b, struct json_out *j)
{
	json_open(j, '{');
	json_field_bool(j, "ok", b->all_ok);
	json_field_text(j, "config_path", b->config);
	json_field_text(j, "store_path", b->store);
	boundary_put_names(b, j, "tools");
	boundary_put_checks(b, j);
	json_close(j, '}');
}

static void
print_smoke(const struct boundary *b, struct view *v)
{
	view_print(v,
	    "Countersign MCP smoke: %s\nConfig: %s\nStore: %s\n\n"
	    "Tools the model would see:\n",
	    b->all_ok ? "ok" : "failed", b->config, b->store);
	boundary_print_names(b, v);
	view_print(v, "\n");
	boundary_print_checks(b, v);
}

/* One inspection in either shape: 1 if a check failed. */
static int
inspect(const struct args *a,
    void (*put)(const struct boundary *b, struct json_out *j),
    void (*print)(const struct boundary *b, struct view *v), struct err *e)
{
	struct arena *arena = arena_new();
	struct view v = {.arena = arena};
	struct boundary b;
	struct json_out j;
	const char *style = NULL;
	int rc = boundary_style(a, &style, e);

	if (rc == 0) {
		rc = boundary_look(&b, a, style, arena, e);
	}
	if (rc == 0 && args_has(a, "json")) {
		json_begin(&j, &v.out, 2);
		put(&b, &j);
		view_print(&v, "\n");
	} else if (rc == 0) {
		print(&b, &v);
	}
	if (rc == 0) {
		view_flush(&v);
		rc = b.all_ok ? CS_EXIT_OK : CS_EXIT_FAILED;
	}
	arena_free(&arena);
	return rc;
}

int
cmd_tools_preview(const struct args *a, struct err *e)
{
	return inspect(a, put_preview, print_preview, e);
}

int
cmd_mcp_smoke(const struct args *a, struct err *e)
{
	return inspect(a, put_smoke, print_smoke, e);
}
