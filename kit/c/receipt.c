/*
 * Receipts: what is answered, what is stored, and the codes with their HTTP
 * status. A refusal is 4xx, because nothing was done; 5xx means to the sender
 * that the outcome is not known.
 */
#include "common/base/arena.h"
#include "kit/c/internal.h"

/* What writerd-handler takes. */
#define VERSION_MAX 1024
#define EXACT       (INT64_C(1) << 53)

static const struct {
	const char *code;
	int status;
} statuses[] = {
    {"", 204},
    {"METHOD_NOT_ALLOWED", 405},
    {"REQUEST_TOO_LARGE", 413},
    {"UNAUTHORIZED", 401},
    {"INVALID_SIGNATURE", 401},
    {"INVALID_ISSUED_AT", 401},
    {"BAD_JSON", 400},
    {"BAD_WRITEBACK_REQUEST", 400},
    {"UNSUPPORTED_PROTOCOL_VERSION", 400},
    {"UNSUPPORTED_ACTION", 400},
    {"IDEMPOTENCY_KEY_REUSED", 409},
    {"HANDLER_BUSINESS_ERROR", 422},
    {"HANDLER_OUTCOME_UNKNOWN", 500},
    {"HANDLER_DATABASE_UNAVAILABLE", 503},
};

int
kit_http_status(const char *code)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strcmp(statuses[i].code, code) == 0) {
			return statuses[i].status;
		}
	}
	return 500;
}

/* Upper-case words: a code is no place for other text. */
bool
kit_code_is_valid(const char *code)
{
	size_t len = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return len > 0 && len <= KIT_CODE_MAX && code[len] == '\0';
}

/* Exactly, for every reader: an integer beyond what a double holds goes as
 * text; NULL and what the sender would not take are left out. */
static void
put_version(
    struct json_out *j, const char *key, const struct cs_handler_value *v)
{
	struct scalar s =
	    v == NULL ? (struct scalar){.kind = SCALAR_NULL} : kit_scalar(*v);
	int64_t n = 0;

	if (s.kind == SCALAR_NULL || s.text.len > VERSION_MAX) {
		return;
	}
	if (s.kind == SCALAR_NUMBER &&
	    (json_int64(s.text, &n) != 0 || n <= -EXACT || n >= EXACT)) {
		s.kind = SCALAR_TEXT;
	}
	json_key(j, key);
	scalar_put(j, s);
}

/* Members in the order of 0.1.1, for whoever compares by eye. */
struct span
kit_receipt_put(const struct kit_outcome *o, struct arena *a)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	struct span out;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_field_text(&j, "status", o->status);
	if (o->rows >= 0) {
		json_field_int(&j, "rows_affected", o->rows);
	}
	if (o->mutated >= 0) {
		json_field_bool(&j, "source_database_mutated", o->mutated == 1);
	}
	put_version(&j, "previous_version", o->previous);
	put_version(&j, "new_version", o->now);
	json_field_text(&j, "safe_error_code", o->code);
	json_close(&j, '}');
	out = arena_span(a, buf_as_span(&text));
	buf_clear(&text);
	return out;
}

/* A version of a stored receipt; false when it has none. */
static bool
read_scalar(const struct json_doc *doc, const char *key, struct arena *a,
    struct cs_handler_value *out)
{
	uint32_t node = json_get(doc, 0, key);
	struct scalar s;

	if (node == JSON_NONE || scalar_from_json(doc, node, a, &s) != 0) {
		return false;
	}
	*out = kit_value(s, a);
	return true;
}

/* It is our own text, or 0.1.1's; but others may write to that table. */
void
kit_stored_read(const char *json, struct arena *a, struct kit_stored *out)
{
	struct json_doc doc;
	const char *code;

	*out = (struct kit_stored){.code = NULL};
	if (json_scan(&doc, span_of(json), a, NULL) != 0 ||
	    doc.nodes[0].type != JSON_OBJECT) {
		return;
	}
	out->has_previous =
	    read_scalar(&doc, "previous_version", a, &out->previous);
	out->has_now = read_scalar(&doc, "new_version", a, &out->now);
	code =
	    arena_span(a, json_get_string(&doc, 0, "safe_error_code", a)).ptr;
	if (code != NULL && kit_code_is_valid(code)) {
		out->code = code;
	}
}
