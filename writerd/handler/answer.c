#include "writerd/handler/answer.h"

#include "common/base/arena.h"
#include "common/base/err.h"

#define CODE_MAX    64U
#define VERSION_MAX 1024U

void
answer_unknown(struct answer *out, const char *code, const char *explain)
{
	*out = (struct answer){.status = RECEIPT_OUTCOME_UNKNOWN,
	    .code = code,
	    .explain = explain,
	    .retryable = true};
}

void
answer_failed(struct answer *out, const char *code, const char *explain)
{
	*out = (struct answer){.status = RECEIPT_FAILED,
	    .code = code,
	    .explain = explain,
	    .retryable = true};
}

void
answer_from_status(long status, struct arena *a, struct answer *out)
{
	const char *code = arena_printf(a, "HANDLER_HTTP_%ld", status);

	if (status >= 300 && status < 500 && status != 408) {
		answer_failed(out, code,
		    status < 400
			? "The handler answered with a redirect, which is not "
			  "followed: set its URL to where it really is."
			: "The handler refused the request.");
		return;
	}
	answer_unknown(out, code,
	    "The handler answered with an error of its own after it had the "
	    "request. Whether it changed anything is not known.");
}

static void
not_a_receipt(struct answer *out, const char *code)
{
	answer_unknown(out, code,
	    "The handler answered, but not with a receipt. Whether it changed "
	    "anything is not known.");
}

/* Upper-case words, as ours: a code is no place for other text. */
static const char *
code_of(struct span text, struct arena *a)
{
	bool ok = text.len > 0 && text.len <= CODE_MAX;

	for (size_t i = 0; ok && i < text.len; i++) {
		char c = text.ptr[i];
		ok = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		     c == '_';
	}
	return ok ? arena_strndup(a, text.ptr, text.len) : NULL;
}

/* A scanned receipt; `is_bad` once a member has the wrong type. */
struct reading {
	struct json_doc doc;
	struct arena *arena;
	bool is_bad;
};

/* The member, JSON_NONE when it is missing or null. */
static uint32_t
member(const struct reading *r, const char *key)
{
	uint32_t node = json_get(&r->doc, 0, key);

	return node != JSON_NONE && r->doc.nodes[node].type == JSON_NULL
		   ? JSON_NONE
		   : node;
}

/* -1: missing. */
static int
read_bool(struct reading *r, const char *key)
{
	uint32_t node = member(r, key);
	enum json_type type =
	    node == JSON_NONE ? JSON_NULL : r->doc.nodes[node].type;

	r->is_bad = r->is_bad || (node != JSON_NONE && type != JSON_TRUE &&
				     type != JSON_FALSE);
	return node == JSON_NONE ? -1 : type == JSON_TRUE;
}

static struct span
read_text(struct reading *r, const char *key)
{
	uint32_t node = member(r, key);

	if (node == JSON_NONE) {
		return (struct span){0};
	}
	if (r->doc.nodes[node].type != JSON_STRING) {
		r->is_bad = true;
		return (struct span){0};
	}
	return json_string(&r->doc, node, r->arena);
}

/* -1: missing. */
static int64_t
read_rows(struct reading *r)
{
	uint32_t node = member(r, "rows_affected");
	int64_t rows = -1;

	if (node != JSON_NONE &&
	    (r->doc.nodes[node].type != JSON_NUMBER ||
		json_int64(json_raw(&r->doc, node), &rows) != 0 || rows < 0 ||
		rows > RECEIPT_ROWS_MAX)) {
		r->is_bad = true;
	}
	return rows;
}

static struct scalar
read_version(struct reading *r, const char *key)
{
	uint32_t node = member(r, key);
	struct scalar v = {.kind = SCALAR_NULL};

	if (node != JSON_NONE &&
	    (scalar_from_json(&r->doc, node, r->arena, &v) != 0 ||
		v.text.len > VERSION_MAX)) {
		r->is_bad = true;
		v = (struct scalar){.kind = SCALAR_NULL};
	}
	return v;
}

static bool
read_status(struct reading *r, enum receipt_status *out)
{
	struct span name = read_text(r, "status");

	for (unsigned i = 0; i < RECEIPT_OUTCOME_UNKNOWN; i++) {
		if (span_is(name, receipt_status_name(i))) {
			*out = (enum receipt_status)i;
			return true;
		}
	}
	return false;
}

/* What the words of each status are to people. */
static const char *const explanations[] = {
    [RECEIPT_APPLIED] = "The application applied the change.",
    [RECEIPT_ALREADY_APPLIED] = "The application had applied it before.",
    [RECEIPT_CONFLICT] = "The application found another state than reviewed.",
    [RECEIPT_FAILED] = "The application did not apply the change.",
};

static void
fill(struct reading *r, bool dry_run, struct answer *out)
{
	enum receipt_status status = RECEIPT_FAILED;
	int mutated;
	int64_t rows;

	r->is_bad = r->is_bad || !read_status(r, &status);
	rows = read_rows(r);
	mutated = read_bool(r, "source_database_mutated");
	*out = (struct answer){.status = status,
	    .code = code_of(read_text(r, "safe_error_code"), r->arena),
	    .explain = explanations[status],
	    .retryable = status == RECEIPT_FAILED,
	    .previous_version = read_version(r, "previous_version"),
	    .new_version = read_version(r, "new_version")};
	if (status == RECEIPT_FAILED && out->code == NULL) {
		out->code = "HANDLER_FAILED";
	} else if (status == RECEIPT_CONFLICT && out->code == NULL) {
		out->code = "HANDLER_CONFLICT";
	}
	if (status == RECEIPT_APPLIED && !dry_run) {
		out->mutated = mutated != 0;
		out->rows = rows > 0 ? rows : 1;
	}
	/* It says that it changed something and that it did not. */
	if ((status == RECEIPT_CONFLICT || status == RECEIPT_FAILED ||
		dry_run) &&
	    mutated == 1) {
		r->is_bad = true;
	}
}

void
answer_from_receipt(
    struct span text, bool dry_run, struct arena *a, struct answer *out)
{
	struct reading r = {.arena = a};

	if (json_scan(&r.doc, text, a, NULL) != 0) {
		not_a_receipt(out, "HANDLER_INVALID_JSON");
		return;
	}
	if (r.doc.nodes[0].type != JSON_OBJECT) {
		not_a_receipt(out, "HANDLER_RECEIPT_INVALID");
		return;
	}
	fill(&r, dry_run, out);
	if (r.is_bad) {
		not_a_receipt(out, "HANDLER_RECEIPT_INVALID");
	}
}

void
answer_unsettled(struct answer *out, struct arena *a)
{
	const char *said = out->code == NULL ? "" : out->code;

	if (out->status != RECEIPT_CONFLICT && out->status != RECEIPT_FAILED) {
		return;
	}
	answer_unknown(out, "HANDLER_NOT_SETTLED",
	    arena_printf(a,
		"What an earlier request did is not known, and asked again the "
		"answer was %s (%s), which does not tell. Look at the row and "
		"the application's records.",
		receipt_status_name(out->status), said));
}
