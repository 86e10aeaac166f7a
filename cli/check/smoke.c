/*
 * smoke call and propose: a tool called from the command line, recorded like
 * any call of a model.
 */
#include <string.h>

#include "cli/check/call.h"
#include "cli/check/commands.h"
#include "cli/check/sample.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/xalloc.h"
#include "common/contract/contract.h"

#define INPUT_MAX (1 << 20)

/* Exactly one object, from wherever it is to come. */
static int
check_input(struct span text, struct arena *arena, struct err *e)
{
	struct json_doc doc;
	int rc = json_scan(&doc, text, arena, e);

	if (rc == 0 && doc.nodes[0].type != JSON_OBJECT) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "the input must be a JSON object");
	}
	return rc;
}

static int
read_input(
    const char *path, struct arena *arena, struct span *out, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int rc = file_read_public(path, INPUT_MAX, &bytes, e);

	*out = arena_span(arena, buf_as_span(&bytes));
	buf_clear(&bytes);
	return rc;
}

/* --sample, --input or --json '{…}'; the first of them when `may_omit` and none
 * is there. */
static int
find_input(struct call *c, const struct args *a, bool may_omit,
    struct arena *arena, struct err *e)
{
	const char *json = args_get(a, "json");
	bool has_json = json != NULL && json[0] != '\0';
	int given = has_json + args_has(a, "input") + args_has(a, "sample");
	int rc = 0;

	if (given > 1 || (given == 0 && !may_omit)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "exactly one of --sample, --input FILE and --json '{...}' "
		    "is wanted");
	}
	if (has_json) {
		c->input = span_of(json);
	} else if (args_has(a, "input")) {
		rc = read_input(args_get(a, "input"), arena, &c->input, e);
	} else {
		struct buf text = BUF_INIT;
		struct json_out j;
		json_begin(&j, &text, 0);
		sample_put(&j, c->cap);
		c->input = arena_span(arena, buf_as_span(&text));
		buf_clear(&text);
	}
	return rc != 0 ? rc : check_input(c->input, arena, e);
}

/* The names to choose from, in an error. */
static int
list_tools(const struct contract *contract, const char *why, struct err *e)
{
	struct buf names = BUF_INIT;
	int rc;

	for (size_t i = 0; i < contract->capability_count; i++) {
		buf_printf(&names, "%s%s", i > 0 ? ", " : "",
		    contract->capabilities[i].name);
	}
	rc = err_set(e, CS_E_INVALID, "USAGE",
	    "%s; tools: %s. Source database changed: no.", why,
	    names.len > 0 ? buf_text(&names) : "(none)");
	buf_clear(&names);
	return rc;
}

static int
find_tool(struct call *c, const struct contract *contract, const struct args *a,
    struct err *e)
{
	if (a->word_count > 1) {
		return list_tools(contract, "one tool is wanted", e);
	}
	if (a->word_count == 0 && contract->capability_count != 1) {
		return list_tools(contract, "name one of the tools", e);
	}
	c->tool =
	    a->word_count == 0 ? contract->capabilities[0].name : a->words[0];
	c->cap = contract_capability(contract, span_of(c->tool));
	return c->cap != NULL
		   ? 0
		   : list_tools(contract, "there is no such tool", e);
}

/* "Label:" and an indented value, as 0.1.1 laid it out. */
static void
print_block(struct view *v, const char *label, const char *value)
{
	view_print(v, "%s:\n  %s\n", label, value);
}

static void
print_next(struct call *c, struct view *v, const char *label)
{
	const char *id = call_proposal(c);

	v->arena = c->view.arena;
	v->place = c->place;
	view_print(v, "%s:\n", label);
	if (call_evidence(c)[0] != '\0') {
		view_command(v, "evidence show", call_evidence(c), "");
	}
	if (id[0] == '\0') {
		view_command(v, "query-audit", "list", "");
		return;
	}
	view_command(v, "proposals show", id, "");
	view_command(v, "proposals approve", id, "");
	view_command(v, "apply", id, "");
	view_command(v, "replay show", id, "");
}

static void
print_smoke(struct call *c, struct view *v)
{
	const char *evidence = call_evidence(c);

	view_print(v, "Countersign smoke call: ok\n");
	print_block(v, "Tool", c->tool);
	view_print(v, "Input:\n  %.*s\n", SPAN_ARGS(c->input));
	print_block(
	    v, "Source DB changed", call_source_changed(c) ? "yes" : "no");
	print_block(
	    v, "Evidence", evidence[0] != '\0' ? evidence : "(not returned)");
	if (call_proposal(c)[0] != '\0') {
		print_block(v, "Proposal", call_proposal(c));
		view_print(v, "Replay:\n  synapsor://replay/replay_%s\n",
		    call_proposal(c));
	}
	print_next(c, v, "Next");
}

static void
print_proposed(struct call *c, struct view *v)
{
	view_print(v, "Proposal created.\n");
	print_block(v, "Capability", c->tool);
	print_block(v, "Proposal", call_proposal(c));
	print_block(v, "Evidence", call_evidence(c));
	print_block(
	    v, "Source DB changed", call_source_changed(c) ? "yes" : "no");
	print_next(c, v, "Review");
}

static void
put_smoke(struct call *c, struct json_out *j)
{
	json_open(j, '{');
	json_field_bool(j, "ok", !c->failed);
	json_field_text(j, "tool", c->tool);
	json_field_raw(j, "input", c->input);
	json_key(j, "result");
	json_rewrite(j, &c->view.doc, 0, c->view.arena);
	json_field_text(j, "store_path", c->store);
	json_close(j, '}');
}

static void
put_result(struct call *c, struct json_out *j)
{
	json_rewrite(j, &c->view.doc, 0, c->view.arena);
}

/* How the two commands differ. */
struct manner {
	bool proposals_only;
	bool may_omit_input;
	void (*print)(struct call *c, struct view *v);
	void (*put)(struct call *c, struct json_out *j);
};

static int
prepare(struct call *c, struct contract **contract, const struct manner *m,
    const struct args *a, struct arena *arena, struct err *e)
{
	int rc = contract_find(args_get(a, "config"), &c->config, e);

	if (rc == 0) {
		rc = contract_load(c->config, contract, e);
	}
	if (rc == 0) {
		cs_assert(*contract != NULL);
		rc = find_tool(c, *contract, a, e);
	}
	if (rc == 0 && m->proposals_only && c->cap->kind != KIND_PROPOSAL) {
		rc = err_set(e, CS_E_INVALID, "USAGE",
		    "%s is a read capability. Try: countersign smoke call %s",
		    c->tool, c->tool);
	}
	return rc != 0 ? rc : find_input(c, a, m->may_omit_input, arena, e);
}

static int
run(const struct args *a, const struct manner *m, struct err *e)
{
	struct arena *arena = arena_new();
	struct contract *contract = NULL;
	struct call c = {0};
	struct view v = {.arena = arena};
	struct json_out j;
	int rc = prepare(&c, &contract, m, a, arena, e);

	if (rc == 0) {
		rc = call_tool(&c, a, arena, e);
	}
	if (rc == 0 && args_has(a, "json")) {
		json_begin(&j, &v.out, 2);
		m->put(&c, &j);
		view_print(&v, "\n");
		view_flush(&v);
		rc = c.failed ? CS_EXIT_FAILED : CS_EXIT_OK;
	} else if (rc == 0 && c.failed) {
		rc = err_set(
		    e, CS_E_INVALID, "TOOL_ERROR", "%s", call_error(&c));
	} else if (rc == 0) {
		m->print(&c, &v);
		view_flush(&v);
	}
	contract_free(&contract);
	arena_free(&arena);
	return rc;
}

int
cmd_smoke_call(const struct args *a, struct err *e)
{
	static const struct manner smoke = {
	    false, true, print_smoke, put_smoke};

	return run(a, &smoke, e);
}

int
cmd_propose(const struct args *a, struct err *e)
{
	static const struct manner propose = {
	    true, false, print_proposed, put_result};

	return run(a, &propose, e);
}
