/*
 * config explain: what a contract allows, in sentences, and the SQL that will
 * ever run for it, as the processes themselves would send it.
 */
#include <limits.h>

#include "cli/check/boundary.h"
#include "cli/check/commands.h"
#include "cli/child.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/contract.h"

#define STATEMENTS_MAX (4 << 20)
#define STATEMENTS_MS  20000

struct explanation {
	const struct contract *contract;
	struct boundary boundary;
	struct span writes; /* a line of JSON per proposal */
	struct arena *arena;
	struct view out;
};

static int
ask_writerd(struct explanation *x, struct err *e)
{
	char program[PATH_MAX];
	struct child c = {.timeout_ms = STATEMENTS_MS, .max = STATEMENTS_MAX};
	int rc = sibling_program("writerd", program, sizeof(program), e);

	if (rc == 0) {
		child_add(&c, program);
		child_add(&c, "--config");
		child_add(&c, x->boundary.config);
		child_add(&c, "--statements");
		child_add(&c, "--accept-reduced-isolation");
		rc = child_run(&c, e);
	}
	if (rc == 0 && c.status != CS_EXIT_OK) {
		rc = child_explain(&c, CS_E_CONFIG, e);
	}
	x->writes = arena_span(x->arena, buf_as_span(&c.out));
	child_clear(&c);
	return rc;
}

/* "a, b and c". */
static const char *
join(struct explanation *x, const char *const *names, size_t count)
{
	struct buf text = BUF_INIT;
	const char *joined;

	for (size_t i = 0; i < count; i++) {
		buf_printf(&text, "%s%s",
		    i == 0           ? ""
		    : i + 1 == count ? " and "
				     : ", ",
		    names[i]);
	}
	joined = arena_strndup(x->arena, text.data, text.len);
	buf_clear(&text);
	return joined;
}

static const char *
arguments(struct explanation *x, const struct contract_capability *cap)
{
	const char **names =
	    arena_array(x->arena, cap->arg_count + 1, sizeof(*names));

	for (size_t i = 0; i < cap->arg_count; i++) {
		names[i] = cap->args[i].name;
	}
	return cap->arg_count == 0 ? "nothing" : join(x, names, cap->arg_count);
}

/* Who the model acts for, and where that comes from. */
static const char *
authority(struct explanation *x, const struct contract_capability *cap)
{
	const struct contract_context *c = cap->context;

	switch (c->provider) {
	case PROVIDER_ENVIRONMENT:
		return arena_printf(x->arena,
		    "the variables %s and %s, which the operator sets",
		    c->tenant_id_env, c->principal_env);
	case PROVIDER_STATIC_DEV:
		return arena_printf(x->arena,
		    "the contract itself (tenant %s, principal %s)",
		    c->tenant_id != NULL ? c->tenant_id : "?",
		    c->principal != NULL ? c->principal : "?");
	case PROVIDER_HTTP_CLAIMS:
		return arena_printf(x->arena,
		    "the claims %s and %s of the caller's verified token",
		    c->tenant_claim, c->principal_claim);
	case PROVIDER_CLOUD_SESSION:
		break;
	}
	return "a cloud session, which is not supported";
}

static void
explain_read(struct explanation *x, const struct contract_capability *cap)
{
	view_print(&x->out,
	    "%s\n  A model that calls it may give %s. It reads at most one "
	    "row of %s.%s in\n  source %s, the one whose %s is %s%s%s%s.\n",
	    cap->name, arguments(x, cap), cap->schema, cap->table,
	    cap->source->name, cap->primary_key,
	    cap->lookup_arg != NULL ? cap->lookup_arg : "?",
	    cap->tenant_key != NULL ? " and whose " : "",
	    cap->tenant_key != NULL ? cap->tenant_key : "",
	    cap->tenant_key != NULL ? " is the trusted tenant"
				    : " - of any tenant: none is checked");
	view_print(&x->out,
	    "  Tenant and principal come from %s; no argument can change "
	    "them.\n  The model sees %s.\n",
	    authority(x, cap),
	    join(x, cap->visible_columns, cap->visible_count));
}

static void
explain_patch(struct explanation *x, const struct contract_capability *cap)
{
	for (size_t i = 0; i < cap->patch_count; i++) {
		const struct contract_patch *p = &cap->patch[i];
		if (p->from_arg != NULL) {
			view_print(&x->out, "    %s = what it gives as %s\n",
			    p->column, p->from_arg);
		} else {
			struct buf value = BUF_INIT;
			struct json_out j;
			json_begin(&j, &value, 0);
			scalar_put(&j, p->fixed);
			view_print(&x->out, "    %s = %s, always\n", p->column,
			    buf_text(&value));
			buf_clear(&value);
		}
	}
	for (size_t i = 0; i < cap->bound_count; i++) {
		const struct contract_bound *b = &cap->bounds[i];
		view_print(&x->out, "    %s stays within %.*s and %.*s\n",
		    b->column, b->minimum.len > 0 ? (int)b->minimum.len : 3,
		    b->minimum.len > 0 ? b->minimum.ptr : "any",
		    b->maximum.len > 0 ? (int)b->maximum.len : 3,
		    b->maximum.len > 0 ? b->maximum.ptr : "any");
	}
	for (size_t i = 0; i < cap->transition_count; i++) {
		view_print(&x->out,
		    "    %s moves only along the transitions of the "
		    "contract\n",
		    cap->transitions[i].column);
	}
}

static void
explain_proposal(struct explanation *x, const struct contract_capability *cap)
{
	view_print(&x->out,
	    "  It changes nothing. It leaves a proposal that would set\n");
	explain_patch(x, cap);
	view_print(&x->out,
	    "  A person%s%s decides within %lld seconds, outside MCP.\n",
	    cap->required_role != NULL ? " with the role " : "",
	    cap->required_role != NULL ? cap->required_role : "",
	    (long long)cap->approval_expires_s);
	if (cap->handler != NULL) {
		view_print(&x->out,
		    "  After that the application's own handler %s executes "
		    "it; Countersign sends no SQL.\n",
		    cap->executor);
	} else if (cap->source->write_url_env == NULL) {
		view_print(&x->out,
		    "  Nothing applies it: the source has no write "
		    "credential.\n");
	} else {
		view_print(&x->out,
		    "  %s, a separate process applies it with the credential "
		    "of %s,\n  which the model-facing process never has; %s.\n",
		    x->contract->apply == APPLY_ON_APPROVAL
			? "At once"
			: "When somebody says so",
		    cap->source->write_url_env,
		    cap->conflict_column != NULL
			? arena_printf(x->arena,
			      "it refuses if %s has changed since the model "
			      "looked",
			      cap->conflict_column)
			: "it refuses if a reviewed column has changed");
	}
}

/* The statements of one proposal, from writerd's lines: the line of JSON. */
static bool
find_writes(struct explanation *x, const struct contract_capability *cap,
    struct view *v)
{
	size_t start = 0;
	struct err ignored = {0};

	for (size_t i = 0; i < x->writes.len; i++) {
		struct span line = {x->writes.ptr + start, i - start};
		if (x->writes.ptr[i] != '\n') {
			continue;
		}
		start = i + 1;
		if (view_open(v, line, x->arena, &ignored) == 0 &&
		    strcmp(view_text(v, 0, "capability", ""), cap->name) == 0) {
			return true;
		}
	}
	return false;
}

static const char *const write_keys[] = {
    "begin", "claim", "lock_row", "update", "complete"};
#define WRITE_KEYS (sizeof(write_keys) / sizeof(write_keys[0]))

static const char *
read_sql(struct explanation *x, const struct contract_capability *cap)
{
	struct view *v = &x->boundary.view;

	return view_text(v, json_get(&v->doc, 0, "reads"), cap->name, "?");
}

static void
print_paragraph(struct explanation *x, const struct contract_capability *cap)
{
	explain_read(x, cap);
	if (cap->kind == KIND_PROPOSAL) {
		explain_proposal(x, cap);
	}
}

static void
print_text(struct explanation *x)
{
	view_print(&x->out, "%s: mode %s, contract %s\n", x->boundary.config,
	    contract_mode_name(x->contract->mode), x->contract->digest_text);
	for (size_t i = 0; i < x->contract->capability_count; i++) {
		const struct contract_capability *cap =
		    &x->contract->capabilities[i];
		struct view v;

		view_print(&x->out, "\n");
		print_paragraph(x, cap);
		view_print(&x->out, "  SQL when it is called:\n    %s;\n",
		    read_sql(x, cap));
		if (!find_writes(x, cap, &v)) {
			continue;
		}
		view_print(&x->out, "  SQL when it is applied:\n");
		for (size_t k = 0; k < WRITE_KEYS; k++) {
			view_print(&x->out, "    %s;\n",
			    view_text(&v, 0, write_keys[k], "?"));
		}
		view_print(&x->out, "    COMMIT;\n");
	}
	view_print(&x->out,
	    "\nNo other statement touches these tables. Besides, the "
	    "processes read the catalog,\nset their session up, and make the "
	    "receipt table if they may.\n");
}

static void
put_capability(struct explanation *x, const struct contract_capability *cap,
    struct json_out *j)
{
	struct view v;

	buf_reset(&x->out.out);
	print_paragraph(x, cap);
	json_open(j, '{');
	json_field_text(j, "name", cap->name);
	json_field_text(
	    j, "kind", cap->kind == KIND_READ ? "read" : "proposal");
	json_field_span(j, "explanation", buf_as_span(&x->out.out));
	json_field_text(j, "read_sql", read_sql(x, cap));
	json_key(j, "apply_sql");
	json_open(j, '[');
	if (find_writes(x, cap, &v)) {
		for (size_t k = 0; k < WRITE_KEYS; k++) {
			json_put_text(j, view_text(&v, 0, write_keys[k], "?"));
		}
		json_put_text(j, "COMMIT");
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void
print_json(struct explanation *x)
{
	struct buf whole = BUF_INIT;
	struct json_out j;

	json_begin(&j, &whole, 2);
	json_open(&j, '{');
	json_field_text(&j, "config_path", x->boundary.config);
	json_field_text(&j, "mode", contract_mode_name(x->contract->mode));
	json_field_text(&j, "contract_digest", x->contract->digest_text);
	json_key(&j, "capabilities");
	json_open(&j, '[');
	for (size_t i = 0; i < x->contract->capability_count; i++) {
		put_capability(x, &x->contract->capabilities[i], &j);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	buf_putc(&whole, '\n');
	buf_clear(&x->out.out);
	x->out.out = whole;
}

int
cmd_config_explain(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct explanation x = {.arena = arena, .out = {.arena = arena}};
	struct contract *contract = NULL;
	int rc = boundary_look(&x.boundary, a, NULL, arena, e);

	if (rc == 0) {
		rc = contract_load(x.boundary.config, &contract, e);
	}
	if (rc == 0) {
		x.contract = contract;
		rc = ask_writerd(&x, e);
	}
	if (rc == 0) {
		if (args_has(a, "json")) {
			print_json(&x);
		} else {
			print_text(&x);
		}
		view_flush(&x.out);
	}
	contract_free(&contract);
	arena_free(&arena);
	return rc;
}
