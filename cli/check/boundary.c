#include "cli/check/boundary.h"

#include <limits.h>
#include <string.h>

#include "cli/child.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/contract.h"

#define LIST_MAX   (8 << 20)
#define LIST_MS    20000
#define WORDS_LAST NULL

const char *const boundary_names[BOUNDARY_CHECKS] = {
    "semantic tools present",
    "execute_sql absent",
    "approval tools absent",
    "commit tools absent",
    "database_url absent",
    "write credentials absent",
};

const char *const boundary_not_exposed[NOT_EXPOSED_COUNT] = {
    "execute_sql / raw query tools",
    "approval tools",
    "commit/apply tools",
    "database URLs",
    "write credentials",
    "model-controlled tenant authority",
    "arbitrary table or column names",
};

/* Where the words of a check are looked for. */
enum where {
	IN_NAMES,     /* of tools */
	IN_ARGUMENTS, /* names of tools and of their arguments */
	IN_ALL        /* everything that is shown */
};

/* The first check has no words: it asks whether there is any tool. */
static const struct {
	enum where where;
	const char *words[6];
} rules[BOUNDARY_CHECKS] = {
    {IN_NAMES, {WORDS_LAST}},
    {IN_NAMES, {"execute_sql", "run_query", "query_database", WORDS_LAST}},
    {IN_NAMES, {"approve", WORDS_LAST}},
    {IN_NAMES, {"commit", "apply_writeback", WORDS_LAST}},
    {IN_ALL,
	{"postgres://", "postgresql://", "mysql://", "mariadb://", WORDS_LAST}},
    /* 0.1.1 looked at descriptions, too, where "token" means nothing. */
    {IN_ARGUMENTS,
	{"password", "secret", "bearer", "private_key", "token", WORDS_LAST}},
};

/* The first of the words that the text holds; NULL if none. */
static const char *
find_word(struct span text, const char *const *words)
{
	for (; *words != WORDS_LAST; words++) {
		size_t len = strlen(*words);
		for (size_t i = 0; i + len <= text.len; i++) {
			if (strncasecmp(text.ptr + i, *words, len) == 0) {
				return *words;
			}
		}
	}
	return NULL;
}

/* The names of one tool's arguments, judged. */
static const char *
find_in_arguments(struct view *v, uint32_t tool, const char *const *words)
{
	uint32_t schema = json_get(&v->doc, tool, "inputSchema");
	uint32_t members = json_get(&v->doc, schema, "properties");
	const struct json_node *nodes = v->doc.nodes;

	if (members == JSON_NONE || nodes[members].type != JSON_OBJECT) {
		return NULL;
	}
	for (uint32_t i = members + 1; i < nodes[members].next;
	     i = nodes[i + 1].next) {
		const char *word =
		    find_word(json_string(&v->doc, i, v->arena), words);
		if (word != NULL) {
			return word;
		}
	}
	return NULL;
}

/* What is wrong with the tools by one rule: "word in name", or NULL. */
static const char *
judge(struct view *v, size_t rule)
{
	uint32_t tools = json_get(&v->doc, 0, "tools");
	const char *const *words = rules[rule].words;

	for (uint32_t t = view_first(v, tools); t != JSON_NONE;
	     t = view_next(v, tools, t)) {
		struct span name =
		    json_get_string(&v->doc, t, "name", v->arena);
		const char *word = find_word(
		    rules[rule].where == IN_ALL ? json_raw(&v->doc, t) : name,
		    words);
		if (word == NULL && rules[rule].where == IN_ARGUMENTS) {
			word = find_in_arguments(v, t, words);
		}
		if (word != NULL) {
			return arena_printf(
			    v->arena, "%s in %.*s", word, SPAN_ARGS(name));
		}
	}
	return NULL;
}

/* "a, b, c", or "none". */
static const char *
join_names(struct view *v, uint32_t names)
{
	struct buf text = BUF_INIT;
	const char *joined;

	for (uint32_t n = view_first(v, names); n != JSON_NONE;
	     n = view_next(v, names, n)) {
		buf_printf(&text, "%s%s", text.len > 0 ? ", " : "",
		    view_text(v, n, "exposedName", "?"));
	}
	joined = text.len == 0 ? "none"
			       : arena_strndup(v->arena, text.data, text.len);
	buf_clear(&text);
	return joined;
}

static void
judge_all(struct boundary *b)
{
	struct view *v = &b->view;

	b->names = json_get(&v->doc, 0, "names");
	b->all_ok = true;
	for (size_t i = 0; i < BOUNDARY_CHECKS; i++) {
		const char *bad = judge(v, i);
		b->ok[i] = bad == NULL;
		b->detail[i] = bad == NULL ? "none found" : bad;
		if (rules[i].words[0] == WORDS_LAST) {
			b->ok[i] = view_first(v, b->names) != JSON_NONE;
			b->detail[i] = join_names(v, b->names);
		}
		b->all_ok = b->all_ok && b->ok[i];
	}
}

/* What `mcpd --list-tools` prints, opened. */
static int
ask_mcpd(struct boundary *b, struct arena *arena, struct err *e)
{
	char program[PATH_MAX];
	struct child c = {.timeout_ms = LIST_MS, .max = LIST_MAX};
	int rc = sibling_program("mcpd", program, sizeof(program), e);

	if (rc == 0) {
		child_add(&c, program);
		child_add(&c, "--config");
		child_add(&c, b->config);
		child_add(&c, "--list-tools");
		child_add(&c, "--tool-name-style");
		child_add(&c, b->style);
		/* It opens nothing, so nothing has to be confined. */
		child_add(&c, "--accept-reduced-isolation");
		rc = child_run(&c, e);
	}
	if (rc == 0 && c.status != CS_EXIT_OK) {
		rc = child_explain(&c, CS_E_CONFIG, e);
	}
	if (rc == 0) {
		rc = view_open(
		    &b->view, arena_span(arena, buf_as_span(&c.out)), arena, e);
	}
	child_clear(&c);
	return rc;
}

/* 0.1.1's three lines for a folder without a contract. */
static int
missing_config(struct err *e)
{
	char what[sizeof(e->msg)];

	memcpy(what, e->msg, sizeof(what));
	return err_set(e, CS_E_NOT_FOUND, "CONFIG_NOT_FOUND",
	    "%s\nWhy it matters: the contract says which tools there are.\n"
	    "Fix: countersign onboard db --from-env DATABASE_URL",
	    what);
}

int
boundary_look(struct boundary *b, const struct args *a, const char *style,
    struct arena *arena, struct err *e)
{
	struct control c;
	struct contract *contract = NULL;
	int rc;

	*b = (struct boundary){.style = style != NULL ? style : "canonical"};
	rc = contract_find(args_get(a, "config"), &b->config, e);
	if (rc != 0) {
		return missing_config(e);
	}
	rc = contract_load(b->config, &contract, e);
	contract_free(&contract);
	if (rc == 0) {
		rc = control_locate(&c, a, e);
		if (rc == 0) {
			b->store =
			    arena_strndup(arena, c.store, strlen(c.store));
		}
		control_close(&c);
	}
	if (rc == 0) {
		rc = ask_mcpd(b, arena, e);
	}
	if (rc == 0) {
		judge_all(b);
	}
	return rc;
}

int
boundary_style(const struct args *a, const char **out, struct err *e)
{
	const char *mode = args_get(a, "alias-mode");
	const char *style = args_get(a, "tool-name-style");

	if (mode != NULL && style != NULL && strcmp(mode, style) != 0) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--alias-mode %s and --tool-name-style %s disagree", mode,
		    style);
	}
	*out = mode != NULL ? mode : style;
	if (args_has(a, "openai-tool-aliases")) {
		if (*out != NULL && strcmp(*out, "openai") != 0) {
			return err_set(e, CS_E_INVALID, "USAGE",
			    "--openai-tool-aliases and %s disagree", *out);
		}
		*out = "openai";
	}
	if (*out == NULL && args_has(a, "aliases")) {
		*out = "both";
	}
	if (*out == NULL) {
		*out = "canonical";
	}
	if (strcmp(*out, "canonical") != 0 && strcmp(*out, "openai") != 0 &&
	    strcmp(*out, "both") != 0 && strcmp(*out, "flat") != 0) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "the alias mode is canonical, openai, both or flat, not %s",
		    *out);
	}
	return 0;
}

void
boundary_print_names(const struct boundary *b, struct view *v)
{
	struct view from = b->view;
	uint32_t n = view_first(&from, b->names);

	if (n == JSON_NONE) {
		view_print(v, "  - (none)\n");
	}
	for (; n != JSON_NONE; n = view_next(&from, b->names, n)) {
		view_print(
		    v, "  - %s", view_text(&from, n, "exposedName", "?"));
		if (view_bool(&from, n, "isAlias")) {
			view_print(v, " -> %s",
			    view_text(&from, n, "canonicalName", "?"));
		}
		view_print(v, "\n");
	}
}

void
boundary_print_checks(const struct boundary *b, struct view *v)
{
	for (size_t i = 0; i < BOUNDARY_CHECKS; i++) {
		struct buf line = BUF_INIT;
		str_escape_for_people(&line, span_of(b->detail[i]));
		view_print(v, "  %s %s\n      %s\n", b->ok[i] ? "PASS" : "FAIL",
		    boundary_names[i], buf_text(&line));
		buf_clear(&line);
	}
}

void
boundary_put_checks(const struct boundary *b, struct json_out *j)
{
	json_key(j, "checks");
	json_open(j, '[');
	for (size_t i = 0; i < BOUNDARY_CHECKS; i++) {
		json_open(j, '{');
		json_field_text(j, "name", boundary_names[i]);
		json_field_bool(j, "ok", b->ok[i]);
		json_field_text(j, "detail", b->detail[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
}

void
boundary_put_names(
    const struct boundary *b, struct json_out *j, const char *key)
{
	struct view from = b->view;

	json_key(j, key);
	json_open(j, '[');
	for (uint32_t n = view_first(&from, b->names); n != JSON_NONE;
	     n = view_next(&from, b->names, n)) {
		json_put_span(j,
		    json_get_string(&from.doc, n, "exposedName", from.arena));
	}
	json_close(j, ']');
}
