/*
 * benchmark mcp-efficiency (cli-config.md §2.20): how large two tool surfaces
 * and their answers are for one task. Deterministic: everything is measured
 * from a fixture that the build puts in.
 */
#include "cli/benchmark/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"

#define TOKENIZER "synapsor-fixture-tokenizer-v1"
#define METHOD                                                       \
	"count of maximal runs of [A-Za-z0-9_] plus each other non-" \
	"space character"

/* fixture.json, put in by the build. */
extern const char benchmark_fixture[];

/* Sizes of one document. */
struct size {
	int64_t bytes;
	int64_t tokens;
};

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

static int64_t
count_tokens(struct span text)
{
	int64_t count = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool goes_on =
		    is_word(text.ptr[i]) && i > 0 && is_word(text.ptr[i - 1]);
		/* A character, not each of its bytes. */
		bool is_rest = ((unsigned char)text.ptr[i] & 0xc0U) == 0x80U;
		bool is_blank = strchr(" \t\r\n", text.ptr[i]) != NULL;
		count += !goes_on && !is_rest && !is_blank;
	}
	return count;
}

/* Of the compact text; `wrap` puts it into {"tools": …}. */
static struct size
measure(const struct view *v, uint32_t node, bool wrap)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	struct size s;

	json_begin(&j, &text, 0);
	if (wrap) {
		json_open(&j, '{');
		json_key(&j, "tools");
	}
	json_rewrite(&j, &v->doc, node, v->arena);
	if (wrap) {
		json_close(&j, '}');
	}
	s = (struct size){(int64_t)text.len, count_tokens(buf_as_span(&text))};
	buf_clear(&text);
	return s;
}

/* What is measured, and under which names. */
static const struct {
	const char *member;
	const char *bytes;
	const char *tokens;
	const char *label;
} measured[] = {
    {"tools", "serialized_tools_list_bytes", "serialized_tools_list_tokens",
	"tools/list"},
    {"schema_context", "schema_context_bytes", "schema_context_tokens",
	"schema context"},
    {"business_result", "business_result_bytes", "business_result_tokens",
	"business result"},
};
static const char *const flags[] = {"exposes_raw_sql",
    "exposes_write_credentials", "approval_separated",
    "stale_row_conflict_checked"};

static uint32_t
count_of(const struct view *v, uint32_t path, const char *member)
{
	return v->doc.nodes[json_get(&v->doc, path, member)].count;
}

static void
put_path(struct view *v, uint32_t path, struct json_out *j)
{
	json_open(j, '{');
	json_field_int(j, "exposed_tools", count_of(v, path, "tools"));
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
		struct size s = measure(
		    v, json_get(&v->doc, path, measured[i].member), i == 0);
		json_field_int(j, measured[i].bytes, s.bytes);
		json_field_int(j, measured[i].tokens, s.tokens);
	}
	json_field_int(j, "scripted_tool_calls", count_of(v, path, "plan"));
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		json_field_bool(j, flags[i], view_bool(v, path, flags[i]));
	}
	json_close(j, '}');
}

static void
print_json(struct view *v, uint32_t paths)
{
	const struct json_node *n = v->doc.nodes;
	struct json_out j;

	json_begin(&j, &v->out, 2);
	json_open(&j, '{');
	json_field_text(&j, "benchmark", "mcp-efficiency");
	json_field_text(&j, "fixture", view_text(v, 0, "fixture", ""));
	json_key(&j, "tokenizer");
	json_open(&j, '{');
	json_field_text(&j, "name", TOKENIZER);
	json_field_int(&j, "version", 1);
	json_field_text(&j, "method", METHOD);
	json_close(&j, '}');
	json_field_text(&j, "note", view_text(v, 0, "note", ""));
	json_key(&j, "paths");
	json_open(&j, '{');
	for (uint32_t k = paths + 1; k < n[paths].next; k = n[k + 1].next) {
		json_key_span(&j, json_string(&v->doc, k, v->arena));
		put_path(v, k + 1, &j);
	}
	json_close(&j, '}');
	json_key(&j, "scripted_plans");
	json_open(&j, '{');
	for (uint32_t k = paths + 1; k < n[paths].next; k = n[k + 1].next) {
		json_key_span(&j, json_string(&v->doc, k, v->arena));
		json_rewrite(
		    &j, &v->doc, json_get(&v->doc, k + 1, "plan"), v->arena);
	}
	json_close(&j, '}');
	json_close(&j, '}');
	view_print(v, "\n");
}

static void
print_text(struct view *v, uint32_t paths)
{
	const struct json_node *n = v->doc.nodes;

	view_print(v, "MCP efficiency benchmark\nFixture: %s\nTokenizer: %s\n",
	    view_text(v, 0, "fixture", ""), TOKENIZER);
	for (uint32_t k = paths + 1; k < n[paths].next; k = n[k + 1].next) {
		view_print(v, "\n%s\n  exposed tools: %u\n", view_scalar(v, k),
		    count_of(v, k + 1, "tools"));
		for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]);
		     i++) {
			struct size s = measure(v,
			    json_get(&v->doc, k + 1, measured[i].member),
			    i == 0);
			view_print(v, "  %s: %lld B, %lld tokens\n",
			    measured[i].label, (long long)s.bytes,
			    (long long)s.tokens);
		}
		view_print(v, "  scripted tool calls: %u\n",
		    count_of(v, k + 1, "plan"));
		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
			view_print(v, "  %s: %s\n", flags[i],
			    view_bool(v, k + 1, flags[i]) ? "yes" : "no");
		}
	}
	view_print(v, "\nScope: %s\n", view_text(v, 0, "note", ""));
}

int
cmd_benchmark_mcp(const struct args *a, struct err *e)
{
	struct arena *arena = arena_new();
	struct view v = {0};
	int rc = view_open(&v, span_of(benchmark_fixture), arena, e);

	if (rc == 0) {
		uint32_t paths = json_get(&v.doc, 0, "paths");
		if (args_has(a, "json")) {
			print_json(&v, paths);
		} else {
			print_text(&v, paths);
		}
		view_flush(&v);
	}
	arena_free(&arena);
	return rc;
}
