#include "cli/render.h"
#include "cli/shell.h"

#include <stdarg.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"

int
view_open(struct view *v, struct span document, struct arena *a, struct err *e)
{
	*v = (struct view){.arena = a};
	return json_scan(&v->doc, document, a, e);
}

void
view_flush(struct view *v)
{
	(void)fd_write_all(STDOUT_FILENO, v->out.data, v->out.len, -1);
	buf_clear(&v->out);
}

void
view_print(struct view *v, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0) {
		buf_puts(&v->out, text);
	}
	va_end(ap);
	free(text);
}

void
view_json(struct view *v, uint32_t node)
{
	struct json_out j;

	json_begin(&j, &v->out, 2);
	json_rewrite(&j, &v->doc, node, v->arena);
	buf_putc(&v->out, '\n');
}

/* What a terminal would obey or hide is written out: a reviewer must see
 * what is there, not what the model wants to be seen. */
static const char *
escaped(struct view *v, struct span raw)
{
	struct buf text = BUF_INIT;
	const char *copy;

	str_escape_for_people(&text, raw);
	copy = arena_strndup(v->arena, text.data, text.len);
	buf_clear(&text);
	return copy;
}

const char *
view_scalar(struct view *v, uint32_t node)
{
	if (node == JSON_NONE) {
		return "unset";
	}
	return escaped(v, v->doc.nodes[node].type == JSON_STRING
			      ? json_string(&v->doc, node, v->arena)
			      : json_raw(&v->doc, node));
}

const char *
view_text(
    struct view *v, uint32_t object, const char *key, const char *otherwise)
{
	uint32_t node = json_get(&v->doc, object, key);

	return node == JSON_NONE || v->doc.nodes[node].type == JSON_NULL
		   ? otherwise
		   : view_scalar(v, node);
}

bool
view_bool(struct view *v, uint32_t object, const char *key)
{
	uint32_t node = json_get(&v->doc, object, key);

	return node != JSON_NONE && v->doc.nodes[node].type == JSON_TRUE;
}

uint32_t
view_first(const struct view *v, uint32_t array)
{
	return array == JSON_NONE || v->doc.nodes[array].type != JSON_ARRAY ||
		       v->doc.nodes[array].count == 0
		   ? JSON_NONE
		   : array + 1;
}

uint32_t
view_next(const struct view *v, uint32_t array, uint32_t element)
{
	uint32_t next = v->doc.nodes[element].next;

	return next < v->doc.nodes[array].next ? next : JSON_NONE;
}

void
view_diff(struct view *v, uint32_t change_set, const char *indent)
{
	uint32_t before = json_get(&v->doc, change_set, "before");
	uint32_t patch = json_get(&v->doc, change_set, "patch");
	uint32_t key;

	if (patch == JSON_NONE || v->doc.nodes[patch].type != JSON_OBJECT) {
		return;
	}
	key = patch + 1;
	for (uint32_t i = 0; i < v->doc.nodes[patch].count; i++) {
		struct span name = json_string(&v->doc, key, v->arena);
		/* Column names come from the contract, where they are plain
		 * identifiers. */
		const char *column =
		    arena_strndup(v->arena, name.ptr, name.len);
		view_print(v, "%s%s: %s -> %s\n", indent, column,
		    view_scalar(v, json_get(&v->doc, before, column)),
		    view_scalar(v, key + 1));
		key = v->doc.nodes[key + 1].next;
	}
}

void
view_fenced(struct view *v, const char *title, const char *text)
{
	view_print(v,
	    "%s (written by the model or the data; not an "
	    "instruction):\n  | %s\n",
	    title, text);
}

/* The columns that this proposal may change at all. */
static void
print_columns(struct view *v, uint32_t guards)
{
	uint32_t list = json_get(&v->doc, guards, "allowed_columns");
	const char *separator = "";

	view_print(v, "allowed columns: ");
	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		view_print(v, "%s%s", separator, view_scalar(v, i));
		separator = ", ";
	}
	view_print(v, "\n");
}

void
view_proposal_details(struct view *v, uint32_t proposal)
{
	uint32_t cs = json_get(&v->doc, proposal, "change_set");
	uint32_t principal = json_get(&v->doc, cs, "principal");
	uint32_t source = json_get(&v->doc, cs, "source");
	uint32_t key = json_get(&v->doc, source, "primary_key");
	uint32_t guards = json_get(&v->doc, cs, "guards");
	uint32_t version = json_get(&v->doc, guards, "expected_version");
	uint32_t evidence = json_get(&v->doc, cs, "evidence");
	uint32_t approval = json_get(&v->doc, cs, "approval");
	uint32_t writeback = json_get(&v->doc, cs, "writeback");
	uint32_t role = json_get(&v->doc, approval, "required_role");

	view_print(v, "Proposal details: %s\n\nReview details:\n",
	    view_text(v, proposal, "proposal_id", "?"));
	view_print(v, "principal: %s (%s)\n",
	    view_text(v, principal, "id", "?"),
	    view_text(v, principal, "source", "?"));
	view_print(v, "tenant: %s\n", view_text(v, proposal, "tenant_id", "?"));
	view_print(v, "target: %s:%s/%s.%s/%s\n",
	    view_text(v, source, "kind", "?"),
	    view_text(v, source, "source_id", "?"),
	    view_text(v, source, "schema", "?"),
	    view_text(v, source, "table", "?"),
	    view_text(v, proposal, "object_id", "?"));
	view_print(v, "primary key: %s=%s\n", view_text(v, key, "column", "?"),
	    view_scalar(v, json_get(&v->doc, key, "value")));
	view_print(v, "status: %s\naction: %s\n",
	    view_text(v, proposal, "state", "?"),
	    view_text(v, proposal, "action", "?"));
	view_print(v, "approval: %s", view_text(v, approval, "status", "?"));
	if (role != JSON_NONE) {
		view_print(v, " required role %s", view_scalar(v, role));
	}
	view_print(v, "\nproposal hash: %s\nproposal version: %s\n",
	    view_text(v, proposal, "proposal_hash", "?"),
	    view_text(v, proposal, "proposal_version", "?"));
	print_columns(v, guards);
	view_print(v, "conflict guard: %s=%s\n",
	    view_text(v, version, "column", "?"),
	    view_scalar(v, json_get(&v->doc, version, "value")));
	view_print(v, "evidence: %s  query %s\n",
	    view_text(v, evidence, "bundle_id", "?"),
	    view_text(v, evidence, "query_fingerprint", "?"));
	view_print(v, "contract: %s\n",
	    view_text(v, proposal, "contract_digest", "?"));
	view_print(v, "writeback: %s via %s\nsource database changed: %s\n\n",
	    view_text(v, writeback, "status", "?"),
	    view_text(v, writeback, "mode", "?"),
	    view_bool(v, proposal, "source_database_mutated") ? "yes" : "no");
	view_print(v, "Diff (values by the model or the data; not an "
		      "instruction):\n");
	view_diff(v, cs, "  | ");
}

void
view_command(
    struct view *v, const char *verb, const char *word, const char *tail)
{
	view_print(v, "  countersign %s %s%s%s\n", verb,
	    shell_word(word, v->arena), v->place != NULL ? v->place : "", tail);
}
