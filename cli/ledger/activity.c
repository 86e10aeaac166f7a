/*
 * activity search: proposals, and the reads and receipts that no listed
 * proposal accounts for, in one list (cli-config.md §2.18). A kind of record
 * that does not have what is filtered by is left out, never shown unfiltered.
 */
#include <stdlib.h>

#include "cli/control_client.h"
#include "cli/ledger/commands.h"
#include "cli/render.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"

#define LIMIT_DEFAULT 20U

/* A member of an interaction, and where each kind of record has it. */
struct field {
	const char *name;
	const char *key; /* of the record */
};

/* How one kind of record becomes an interaction. */
struct kind {
	const char *name;
	enum query_kind query;
	const char *member;
	const char *status; /* fixed, or NULL: the field "status" */
	const struct field *fields;
};

static const struct field proposal_fields[] = {{"capability", "action"},
    {"tenant", "tenant_id"}, {"principal", "principal"},
    {"proposal", "proposal_id"}, {"status", "state"}, {"source", "source_id"},
    {"table", "source_table"}, {NULL, NULL}};
static const struct field evidence_fields[] = {{"capability", "capability"},
    {"tenant", "tenant_id"}, {"principal", "principal"},
    {"proposal", "proposal_id"}, {"evidence", "evidence_bundle_id"},
    {"source", "source_id"}, {"table", "source_table"},
    {"query_fingerprint", "query_fingerprint"}, {NULL, NULL}};
static const struct field receipt_fields[] = {{"proposal", "proposal_id"},
    {"status", "status"}, {"receipt", "receipt_id"},
    {"source_database_mutated", "source_database_mutated"}, {NULL, NULL}};

/* One event is both evidence and audit here, so the audit has no line of its
 * own: it is counted with its evidence. */
static const struct kind kinds[] = {
    {"proposal", QUERY_PROPOSALS, "proposals", NULL, proposal_fields},
    {"evidence", QUERY_EVIDENCE, "evidence", "evidence_recorded",
	evidence_fields},
    {"receipt", QUERY_RECEIPTS, "receipts", NULL, receipt_fields},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct interaction {
	const struct kind *kind;
	struct view *view;
	uint32_t node;
	const char *at;
};

struct search {
	struct control control;
	struct view views[KINDS];
	struct interaction *found; /* owned */
	size_t count;
	uint32_t limit;
	struct view out;
};

/* The id that --replay names is a proposal's. */
static void
translate_replay(struct filter_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct msg_filter *f = &list->items[i];
		if (!span_is(f->key, "replay")) {
			continue;
		}
		f->key = span_of("proposal");
		if (f->value.len > 7 &&
		    memcmp(f->value.ptr, "replay_", 7) == 0) {
			f->value.ptr += 7;
			f->value.len -= 7;
		}
	}
}

/* One kind's rows; none when it does not have what is filtered by. */
static int
ask(struct search *s, size_t i, const struct args *a, struct err *e)
{
	struct msg_filter filters[ARGS_MAX + 1];
	struct msg_query m = {
	    .kind = kinds[i].query, .limit = s->limit, .filters = {filters, 0}};
	struct span answer;
	int rc = control_filters(
	    a, kinds[i].query == QUERY_PROPOSALS, &m.filters, e);

	if (rc != 0) {
		return rc;
	}
	translate_replay(&m.filters);
	rc = control_list(&s->control, &m, &answer, e);
	if (rc != 0 && strcmp(err_reason(e), "INVALID_FILTER") == 0 &&
	    strstr(e->msg, "cannot be filtered by") != NULL) {
		*e = (struct err){0};
		return 0;
	}
	return rc != 0 ? rc
		       : view_open(&s->views[i], answer, s->control.arena, e);
}

/* Is the record's proposal in the list already? */
static bool
is_told(const struct search *s, const char *proposal)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->found[i].kind == &kinds[0] &&
		    strcmp(view_text(s->found[i].view, s->found[i].node,
			       "proposal_id", ""),
			proposal) == 0) {
			return true;
		}
	}
	return false;
}

static void
collect(struct search *s, size_t i)
{
	struct view *v = &s->views[i];
	uint32_t list;

	if (v->doc.count == 0) {
		return;
	}
	list = json_get(&v->doc, 0, kinds[i].member);
	for (uint32_t n = view_first(v, list); n != JSON_NONE;
	     n = view_next(v, list, n)) {
		const char *proposal = view_text(v, n, "proposal_id", "");
		if (i > 0 && proposal[0] != '\0' && is_told(s, proposal)) {
			continue;
		}
		s->found =
		    xreallocarray(s->found, s->count + 1, sizeof(*s->found));
		s->found[s->count++] = (struct interaction){
		    &kinds[i], v, n, view_text(v, n, "created_at", "")};
	}
}

/* Newest first; times are texts of one form. */
static int
compare(const void *a, const void *b)
{
	const struct interaction *x = a;
	const struct interaction *y = b;

	return strcmp(y->at, x->at);
}

/* "invoices:INV-1", of the record or, for a receipt, nothing. */
static const char *
object_of(struct search *s, const struct interaction *x)
{
	const char *id = view_text(x->view, x->node, "object_id", "");

	return id[0] == '\0'
		   ? ""
		   : arena_printf(s->control.arena, "%s:%s",
			 view_text(x->view, x->node, "business_object", "?"),
			 id);
}

/* The number of the query behind a read. */
static const char *
audit_of(const struct interaction *x)
{
	struct view *v = x->view;
	uint32_t list = json_get(&v->doc, x->node, "query_audit");
	uint32_t number = json_get_type(
	    &v->doc, view_first(v, list), "audit_id", JSON_NUMBER);

	return number == JSON_NONE ? "0" : view_scalar(v, number);
}

static void
put_interaction(
    struct search *s, const struct interaction *x, struct json_out *j)
{
	const char *object = object_of(s, x);

	json_open(j, '{');
	json_field_text(j, "kind", x->kind->name);
	json_field_text(j, "created_at", x->at);
	for (const struct field *f = x->kind->fields; f->name != NULL; f++) {
		uint32_t node = json_get(&x->view->doc, x->node, f->key);
		if (node != JSON_NONE) {
			json_field_raw(
			    j, f->name, json_raw(&x->view->doc, node));
		}
	}
	if (x->kind->status != NULL) {
		json_field_text(j, "status", x->kind->status);
		json_field_raw(j, "query_audit", span_of(audit_of(x)));
	}
	if (object[0] != '\0') {
		json_field_text(j, "object", object);
	}
	if (x->kind == &kinds[0]) {
		json_field_text(j, "replay",
		    arena_printf(s->control.arena, "replay_%s",
			view_text(x->view, x->node, "proposal_id", "?")));
	}
	json_close(j, '}');
}

static void
print_interaction(struct search *s, const struct interaction *x, size_t number)
{
	const char *object = object_of(s, x);

	view_print(
	    &s->out, "%zu. %s\n   kind: %s\n", number, x->at, x->kind->name);
	if (object[0] != '\0') {
		view_print(&s->out, "   object: %s\n", object);
	}
	for (const struct field *f = x->kind->fields; f->name != NULL; f++) {
		uint32_t node = json_get(&x->view->doc, x->node, f->key);
		if (node != JSON_NONE) {
			view_print(&s->out, "   %s: %s\n", f->name,
			    view_scalar(x->view, node));
		}
	}
	if (x->kind->status != NULL) {
		view_print(&s->out, "   status: %s\n   query audit: %s\n",
		    x->kind->status, audit_of(x));
	}
}

static void
print_all(struct search *s, const struct args *a)
{
	struct json_out j;

	if (args_has(a, "json")) {
		json_begin(&j, &s->out.out, 2);
		json_open(&j, '{');
		json_key(&j, "interactions");
		json_open(&j, '[');
		for (size_t i = 0; i < s->count; i++) {
			put_interaction(s, &s->found[i], &j);
		}
		json_close(&j, ']');
		json_close(&j, '}');
		view_print(&s->out, "\n");
		return;
	}
	if (s->count == 0) {
		view_print(&s->out, "No local interactions found.\n");
		return;
	}
	view_print(&s->out, "Found %zu local interaction%s\n\n", s->count,
	    s->count == 1 ? "" : "s");
	for (size_t i = 0; i < s->count; i++) {
		print_interaction(s, &s->found[i], i + 1);
	}
	s->out.place = s->control.place;
	view_print(&s->out, "\nNext:\n");
	view_command(&s->out, "replay show", "ID", "");
	view_command(&s->out, "evidence show", "ID", "");
}

int
cmd_activity_search(const struct args *a, struct err *e)
{
	struct search s = {.limit = LIMIT_DEFAULT};
	uint32_t limit = 0;
	int rc = control_open(&s.control, a, e);

	s.out.arena = s.control.arena;
	if (rc == 0) {
		rc = control_limit(a, &limit, e);
		s.limit = limit > 0 ? limit : LIMIT_DEFAULT;
	}
	for (size_t i = 0; rc == 0 && i < KINDS; i++) {
		rc = ask(&s, i, a, e);
		if (rc == 0) {
			collect(&s, i);
		}
	}
	if (rc == 0) {
		if (s.count > 1) {
			qsort(s.found, s.count, sizeof(*s.found), compare);
		}
		s.count = s.count < s.limit ? s.count : s.limit;
		print_all(&s, a);
		view_flush(&s.out);
	}
	free(s.found);
	control_close(&s.control);
	return rc;
}
