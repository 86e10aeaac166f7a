#include "cli/check/call.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/control_client.h"
#include "cli/shell.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/contract/contract.h"

#define CALL_MS    60000
#define ANSWER_MAX (16 << 20)

/* A message is one line. A newline that stands in JSON as such is a blank. */
static void
put_input(struct json_out *j, struct span input)
{
	struct buf line = BUF_INIT;

	buf_span(&line, input);
	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] == '\r' || line.data[i] == '\n') {
			line.data[i] = ' ';
		}
	}
	json_field_raw(j, "arguments", buf_as_span(&line));
	buf_clear(&line);
}

/* The three messages of a client of 2025-11-25 that asks once. */
static void
put_messages(const struct call *c, struct buf *out)
{
	struct json_out j;

	buf_puts(out,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
	    "\"params\":{\"protocolVersion\":\"2025-11-25\","
	    "\"capabilities\":{},\"clientInfo\":{\"name\":\"countersign\","
	    "\"version\":\"" CS_VERSION "\"}}}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "jsonrpc", "2.0");
	json_field_int(&j, "id", 2);
	json_field_text(&j, "method", "tools/call");
	json_key(&j, "params");
	json_open(&j, '{');
	json_field_text(&j, "name", c->tool);
	put_input(&j, c->input);
	json_close(&j, '}');
	json_close(&j, '}');
	buf_putc(out, '\n');
}

/* The document inside of the line that answers request 2. */
static int
open_answer(struct call *c, struct span out, struct arena *arena, struct err *e)
{
	size_t start = 0;

	for (size_t i = 0; i < out.len; i++) {
		struct span line = {out.ptr + start, i - start};
		struct view v;
		uint32_t result;
		uint32_t content;
		uint32_t id;
		if (out.ptr[i] != '\n') {
			continue;
		}
		start = i + 1;
		if (view_open(&v, line, arena, e) != 0) {
			continue;
		}
		id = json_get_type(&v.doc, 0, "id", JSON_NUMBER);
		if (id == JSON_NONE || !span_is(json_raw(&v.doc, id), "2")) {
			continue;
		}
		result = json_get_type(&v.doc, 0, "result", JSON_OBJECT);
		if (result == JSON_NONE) {
			uint32_t error = json_get(&v.doc, 0, "error");
			return err_set(e, CS_E_INVALID, "CALL_REFUSED", "%s",
			    view_text(&v, error, "message", "refused"));
		}
		c->failed = view_bool(&v, result, "isError");
		content = view_first(&v, json_get(&v.doc, result, "content"));
		return view_open(&c->view,
		    json_get_string(&v.doc, content, "text", arena), arena, e);
	}
	return err_set(e, CS_E_UNAVAILABLE, "SERVER_FAILED",
	    "the server ended without an answer");
}

static void
add_words(struct child *child, const struct call *c, const char *program)
{
	child_add(child, program);
	child_add(child, "mcp");
	child_add(child, "serve");
	child_add(child, "--config");
	child_add(child, c->config);
	child_add(child, "--store");
	child_add(child, c->store);
	child_add(child, "--no-writer");
	if (secure_getenv("COUNTERSIGN_ACCEPT_REDUCED_ISOLATION") != NULL) {
		child_add(child, "--accept-reduced-isolation");
	}
}

int
call_tool(
    struct call *c, const struct args *a, struct arena *arena, struct err *e)
{
	char program[PATH_MAX];
	struct child child = {.timeout_ms = CALL_MS, .max = ANSWER_MAX};
	struct buf messages = BUF_INIT;
	struct control where;
	struct err unread = {0};
	int rc = control_locate(&where, a, e);

	if (rc == 0) {
		c->place = arena_printf(arena, " --store %s%s%s",
		    shell_word(where.store, arena),
		    args_has(a, "config") ? " --config " : "",
		    args_has(a, "config")
			? shell_word(args_get(a, "config"), arena)
			: "");
		c->store =
		    arena_strndup(arena, where.store, strlen(where.store));
		rc =
		    sibling_program("countersign", program, sizeof(program), e);
	}
	if (rc == 0) {
		put_messages(c, &messages);
		child.input = buf_as_span(&messages);
		add_words(&child, c, program);
		rc = child_run(&child, e);
	}
	if (rc == 0) {
		struct span out = arena_span(arena, buf_as_span(&child.out));
		rc = open_answer(c, out, arena, &unread);
		/* A server that did not come up says why on its own. */
		if (rc == CS_E_UNAVAILABLE) {
			rc = child_explain(&child, rc, e);
		} else if (rc != 0) {
			*e = unread;
		}
	}
	control_close(&where);
	buf_clear(&messages);
	child_clear(&child);
	return rc;
}

/* A member of a member: where format 2 has it; else format 1's, flat. */
static const char *
either(struct call *c, const char *object, const char *key, const char *flat)
{
	uint32_t inner = json_get_type(&c->view.doc, 0, object, JSON_OBJECT);

	if (inner != JSON_NONE) {
		return view_text(&c->view, inner, key, "");
	}
	return view_text(&c->view, 0, flat, "");
}

const char *
call_evidence(struct call *c)
{
	return either(c, "evidence", "bundle_id", "evidence_bundle_id");
}

const char *
call_proposal(struct call *c)
{
	return either(c, "proposal", "id", "proposal_id");
}

const char *
call_error(struct call *c)
{
	return either(c, "error", "message", "error");
}

bool
call_source_changed(struct call *c)
{
	return view_bool(&c->view, 0, "source_database_changed");
}
