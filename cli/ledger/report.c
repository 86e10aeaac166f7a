/*
 * Reports as files that somebody else can check: the signed envelope, or a page
 * of Markdown that is rendered from it and carries it at its end.
 */
#include <sodium.h>
#include <unistd.h>

#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/crypto/verify.h"
#include "proto/job.h"

#define REPORT_MAX (16U << 20)
#define FENCE      "```countersign-report\n"
#define FENCE_END  "\n```\n"

/* An envelope taken apart; nothing of it is believed yet. */
struct envelope {
	struct span payload;
	uint8_t signature[SIGNATURE_LEN];
};

static int
from_base64(struct span text, struct arena *a, struct span *out)
{
	unsigned char *bytes = arena_alloc(a, text.len + 1);
	size_t len = 0;

	if (sodium_base642bin(bytes, text.len + 1, text.ptr, text.len, NULL,
		&len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
		return CS_E_INVALID;
	}
	*out = (struct span){(const char *)bytes, len};
	return 0;
}

static int
open_envelope(
    struct span text, struct arena *a, struct envelope *out, struct err *e)
{
	struct json_doc doc;
	struct err why = {0};
	struct span signature = {"", 0};
	uint32_t list;
	uint32_t first = JSON_NONE;

	if (json_scan(&doc, text, a, &why) == 0) {
		list = json_get_type(&doc, 0, "signatures", JSON_ARRAY);
		first = list != JSON_NONE && doc.nodes[list].count == 1
			    ? list + 1
			    : JSON_NONE;
	}
	if (first == JSON_NONE ||
	    !span_is(
		json_get_string(&doc, 0, "payloadType", a), DSSE_TYPE_REPORT) ||
	    from_base64(json_get_string(&doc, 0, "payload", a), a,
		&out->payload) != 0 ||
	    from_base64(
		json_get_string(&doc, first, "sig", a), a, &signature) != 0 ||
	    signature.len != SIGNATURE_LEN) {
		return err_set(e, CS_E_INVALID, "REPORT_INVALID",
		    "this is no report of countersign");
	}
	memcpy(out->signature, signature.ptr, SIGNATURE_LEN);
	return 0;
}

/* A value that came from an application: what Markdown would read as its own
 * comes out as an escape, as control characters do. */
static const char *
cell(struct view *v, uint32_t object, const char *key)
{
	const char *text = view_text(v, object, key, "?");
	struct buf out = BUF_INIT;
	const char *copy;

	for (; *text != '\0'; text++) {
		if (strchr("`|<*[", *text) != NULL) {
			buf_printf(&out, "\\u%04x", (unsigned)*text);
		} else {
			buf_putc(&out, *text);
		}
	}
	copy = arena_strndup(v->arena, buf_text(&out), out.len);
	buf_clear(&out);
	return copy;
}

static void
put_entry(struct view *v, uint32_t entry)
{
	view_print(v, "| %s | %s | %s | %s |\n", cell(v, entry, "event_id"),
	    cell(v, entry, "at"), cell(v, entry, "kind"),
	    cell(v, entry, "actor"));
}

static void
put_decision(struct view *v, uint32_t decision)
{
	uint32_t statement = json_get(&v->doc, decision, "statement");
	uint32_t who = json_get(&v->doc, statement, "reviewer");
	uint32_t ssh = json_get(&v->doc, decision, "ssh_signature");

	view_print(v, "- %s by `%s` at %s, %s\n", cell(v, statement, "action"),
	    cell(v, who, "user"), cell(v, statement, "issued_at"),
	    ssh != JSON_NONE && v->doc.nodes[ssh].type == JSON_STRING
		? "signed with a key of their own"
		: "signed by the ledger");
}

static void
put_proposal(struct view *v, uint32_t p)
{
	uint32_t list = json_get(&v->doc, p, "decisions");

	view_print(v,
	    "\n## `%s`\n\n%s `%s` of `%s`, proposed by `%s`: **%s**, "
	    "source database changed: %s\n\n",
	    cell(v, p, "proposal_id"), cell(v, p, "action"),
	    cell(v, p, "object_id"), cell(v, p, "business_object"),
	    cell(v, p, "principal"), cell(v, p, "state"),
	    view_bool(v, p, "source_database_mutated") ? "yes" : "no");
	view_print(v, "Hash `%s` under contract `%s`.\n\n",
	    cell(v, p, "proposal_hash"), cell(v, p, "contract_digest"));
	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		put_decision(v, i);
	}
	view_print(v, "\n| entry | time | what | who |\n|---|---|---|---|\n");
	list = json_get(&v->doc, p, "entries");
	for (uint32_t i = view_first(v, list); i != JSON_NONE;
	     i = view_next(v, list, i)) {
		put_entry(v, i);
	}
}

/* The page follows from the signed bytes alone, so that it can be made again
 * and compared. */
static int
render(struct span payload, struct span envelope, struct arena *a,
    struct buf *out, struct err *e)
{
	struct view v = {0};
	uint32_t list;
	int rc = view_open(&v, payload, a, e);

	if (rc != 0) {
		return rc;
	}
	list = json_get(&v.doc, 0, "proposals");
	view_print(&v,
	    "# Countersign report\n\nGenerated %s, at entry %s of "
	    "the chain (`%s`).\n\n%s\n",
	    view_text(&v, 0, "generated_at", "?"),
	    view_text(&v, json_get(&v.doc, 0, "head"), "event_id", "?"),
	    view_text(&v, json_get(&v.doc, 0, "head"), "hash", "?"),
	    view_text(&v, 0, "boundary", ""));
	for (uint32_t i = view_first(&v, list); i != JSON_NONE;
	     i = view_next(&v, list, i)) {
		put_proposal(&v, i);
	}
	view_print(&v, "\nCheck it: `countersign report verify --file FILE "
		       "--public-key LEDGER.key.pub`\n\n" FENCE);
	buf_span(&v.out, envelope);
	buf_puts(&v.out, FENCE_END);
	*out = v.out;
	return 0;
}

static int
take_filters(const struct args *a, struct msg_filter list[5], uint32_t *count,
    struct arena *arena, struct err *e)
{
	static const char *const flags[] = {"proposal", "tenant", "principal"};
	const char *object = args_get(a, "object");

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const char *value = args_get(a, flags[i]);
		if (value != NULL) {
			list[(*count)++] = (struct msg_filter){
			    span_of(flags[i]), span_of(value)};
		}
	}
	if (object != NULL) {
		const char *colon = strchr(object, ':');
		if (colon == NULL || colon == object || colon[1] == '\0') {
			return err_set(e, CS_E_INVALID, "USAGE",
			    "--object is written type:id");
		}
		list[(*count)++] = (struct msg_filter){
		    span_of("object_type"), span_of(arena_strndup(arena, object,
						(size_t)(colon - object)))};
		list[(*count)++] = (struct msg_filter){
		    span_of("object_id"), span_of(colon + 1)};
	}
	return 0;
}

static int
write_out(const struct args *a, struct buf *text, struct err *e)
{
	const char *output = args_get(a, "output");
	struct buf line = BUF_INIT;
	int rc;

	if (output == NULL) {
		return fd_write_all(STDOUT_FILENO, text->data, text->len, -1) ==
			       0
			   ? 0
			   : err_sys(e, "cannot print");
	}
	rc = file_write_atomic(output, text->data, text->len, 0600, e);
	if (rc == 0) {
		buf_printf(&line, "wrote the signed report to %s\n", output);
		(void)fd_write_all(STDOUT_FILENO, line.data, line.len, -1);
		buf_clear(&line);
	}
	return rc;
}

int
cmd_report(const struct args *a, struct err *e)
{
	const char *format = args_get(a, "format");
	struct msg_filter filters[5];
	struct msg_query m = {.kind = QUERY_REPORT, .filters = {filters, 0}};
	struct control c = {.fd = -1};
	struct envelope envelope;
	struct span answer;
	struct buf text = BUF_INIT;
	bool markdown = format != NULL && strcmp(format, "markdown") == 0;
	int rc;

	if (format != NULL && !markdown && strcmp(format, "json") != 0) {
		return err_set(
		    e, CS_E_INVALID, "USAGE", "--format is json or markdown");
	}
	if ((rc = control_open(&c, a, e)) == 0 &&
	    (rc = take_filters(a, filters, &m.filters.count, c.arena, e)) ==
		0 &&
	    (rc = control_list(&c, &m, &answer, e)) == 0) {
		if (markdown) {
			rc = open_envelope(answer, c.arena, &envelope, e);
			rc = rc != 0 ? rc
				     : render(envelope.payload, answer, c.arena,
					   &text, e);
		} else {
			buf_span(&text, answer);
			buf_putc(&text, '\n');
		}
		rc = rc != 0 ? rc : write_out(a, &text, e);
	}
	buf_clear(&text);
	control_close(&c);
	return rc;
}

/* The envelope at the end of a page, or the whole file. */
static struct span
find_envelope(struct span file, bool *is_page)
{
	const char *fence = memmem(file.ptr, file.len, FENCE, strlen(FENCE));
	struct span rest;
	const char *end;

	*is_page = fence != NULL;
	if (fence == NULL) {
		return file;
	}
	rest.ptr = fence + strlen(FENCE);
	rest.len = file.len - (size_t)(rest.ptr - file.ptr);
	end = memmem(rest.ptr, rest.len, FENCE_END, strlen(FENCE_END));
	if (end != NULL) {
		rest.len = (size_t)(end - rest.ptr);
	}
	return rest;
}

static int
check_page(struct span file, struct span envelope, struct span payload,
    struct arena *a, struct err *e)
{
	struct buf again = BUF_INIT;
	int rc = render(payload, envelope, a, &again, e);

	if (rc == 0 && !span_equal(buf_as_span(&again), file)) {
		rc = err_set(e, CS_E_INTEGRITY, "REPORT_EDITED",
		    "the page is not what follows from the signed report in "
		    "it: it was edited");
	}
	buf_clear(&again);
	return rc;
}

/* The signature covers the payload; what is around it follows from it, so that
 * one report has one spelling. */
static bool
is_spelled_so(const struct envelope *envelope,
    const uint8_t public_key[PUBLIC_KEY_LEN], struct span text)
{
	struct buf again = BUF_INIT;
	bool same;

	dsse_envelope(DSSE_TYPE_REPORT, envelope->payload, envelope->signature,
	    public_key, &again);
	if (text.len > 0 && text.ptr[text.len - 1] == '\n') {
		text.len--;
	}
	same = span_equal(buf_as_span(&again), text);
	buf_clear(&again);
	return same;
}

int
cmd_report_verify(const struct args *a, struct err *e)
{
	const char *path = args_get(a, "file");
	const char *key = args_get(a, "public-key");
	uint8_t public_key[PUBLIC_KEY_LEN];
	struct arena *arena = arena_new();
	struct buf file = BUF_INIT;
	struct envelope envelope = {0};
	struct span text = {"", 0};
	bool is_page = false;
	int rc;

	if (path == NULL || key == NULL) {
		arena_free(&arena);
		return err_set(e, CS_E_INVALID, "USAGE",
		    "--file and --public-key are wanted");
	}
	if ((rc = public_key_load(key, public_key, e)) == 0 &&
	    (rc = file_read_public(path, REPORT_MAX, &file, e)) == 0) {
		text = find_envelope(buf_as_span(&file), &is_page);
		rc = open_envelope(text, arena, &envelope, e);
	}
	if (rc == 0 && (verify_dsse(public_key, DSSE_TYPE_REPORT,
			    envelope.payload, envelope.signature) != 0 ||
			   !is_spelled_so(&envelope, public_key, text))) {
		rc = err_set(e, CS_E_INTEGRITY, "REPORT_NOT_SIGNED",
		    "the report was not signed with this key, or was edited");
	}
	if (rc == 0 && is_page) {
		rc = check_page(
		    buf_as_span(&file), text, envelope.payload, arena, e);
	}
	if (rc == 0) {
		static const char good[] =
		    "report verified: it is as the ledger signed it\n";
		(void)fd_write_all(STDOUT_FILENO, good, strlen(good), -1);
	}
	buf_clear(&file);
	arena_free(&arena);
	return rc;
}
