#include "ledgerd/freezes.h"

#include "common/base/clock.h"
#include "common/base/xalloc.h"
#include "ledgerd/ledger.h"
#include "ledgerd/revoke.h"
#include "ledgerd/rules/approval.h"
#include "ledgerd/store/events.h"

#define FREEZES_ID  "freezes"
#define MAX_FREEZES 1024

static const char *const scope_names[] = {"all", "tenant", "capability"};
static const char *const kinds[] = {"thawed", "frozen"};

static struct freeze *
find(struct freezes *f, enum freeze_scope scope, struct span name)
{
	for (size_t i = 0; i < f->count; i++) {
		if (f->list[i].scope == scope &&
		    span_is(name, f->list[i].name)) {
			return &f->list[i];
		}
	}
	return NULL;
}

static void
forget(struct freezes *f, size_t index)
{
	struct freeze gone = f->list[index];

	f->list[index] = f->list[--f->count];
	free(gone.name);
	free(gone.by);
	free(gone.reason);
}

/* The list after one event. A freeze of what is frozen is a new reason. */
static void
take(struct freezes *f, const struct msg_freeze *m, struct span by, int64_t at)
{
	enum freeze_scope scope = (enum freeze_scope)m->scope;
	struct freeze *known = find(f, scope, m->name);

	if (known != NULL) {
		forget(f, (size_t)(known - f->list));
	}
	if (!m->frozen) {
		return;
	}
	f->list = xreallocarray(f->list, f->count + 1, sizeof(*f->list));
	f->list[f->count++] = (struct freeze){.scope = scope,
	    .name = xspandup(m->name),
	    .by = xspandup(by),
	    .reason = xspandup(m->reason),
	    .at_us = at};
}

/* FREEZE_SCOPES for a word that is none. */
static unsigned
scope_of(struct span word)
{
	unsigned i = 0;

	while (i < FREEZE_SCOPES && !span_is(word, scope_names[i])) {
		i++;
	}
	return i;
}

/* One event of the file, which anybody may have edited: its body must be the
 * one that the chain has. */
static int
take_row(struct ledger *l, sqlite3_stmt *st, struct err *e)
{
	struct span salt = stmt_span(st, 3);
	struct span body = arena_span(l->scratch, stmt_span(st, 4));
	struct span expected = stmt_span(st, 5);
	struct msg_freeze m = {.scope = FREEZE_SCOPES};
	struct json_doc doc = {0};
	uint8_t digest[DIGEST_LEN];
	struct err why = {0};

	event_body_digest(salt, body, digest);
	if (expected.len == sizeof(digest) &&
	    memcmp(expected.ptr, digest, sizeof(digest)) == 0 &&
	    json_scan(&doc, body, l->scratch, &why) == 0) {
		m.scope =
		    scope_of(json_get_string(&doc, 0, "scope", l->scratch));
	}
	if (m.scope == FREEZE_SCOPES) {
		return err_set(e, CS_E_INTEGRITY, "FREEZE_DAMAGED",
		    "event %lld, which says what is frozen, was edited: run "
		    "'countersign ledger verify'",
		    (long long)stmt_int(st, 0));
	}
	m.name = json_get_string(&doc, 0, "name", l->scratch);
	m.reason = json_get_string(&doc, 0, "reason", l->scratch);
	m.frozen = span_is(stmt_span(st, 1), kinds[1]);
	take(&l->freezes, &m, stmt_span(st, 6), stmt_int(st, 2));
	return 0;
}

/* The list from the chain, into l->freezes, which is empty. */
static int
read_list(struct ledger *l, struct err *e)
{
	struct store *s = &l->store;
	int bad = 0;
	int rc = stmt_run(s, STMT_FREEZES, e, "s", FREEZES_ID);

	for (; rc == SQLITE_ROW && bad == 0;
	     rc = stmt_next(s, STMT_FREEZES, e)) {
		bad = take_row(l, s->stmts[STMT_FREEZES], e);
	}
	stmt_done(s, STMT_FREEZES);
	if (bad != 0) {
		return bad;
	}
	return rc == SQLITE_DONE ? 0 : CS_E_UNAVAILABLE;
}

void
freezes_free(struct freezes *f)
{
	while (f->count > 0) {
		forget(f, f->count - 1);
	}
	free(f->list);
	f->list = NULL;
}

/* Nobody knows what is frozen: then everything is. */
static void
freeze_unread(struct freezes *f)
{
	take(f,
	    &(struct msg_freeze){.scope = FREEZE_ALL,
		.frozen = true,
		.name = span_of(""),
		.reason = span_of("what is frozen could not be read: see its "
				  "log, then restart it")},
	    span_of("ledgerd"), clock_now_us());
}

int
freezes_load(struct ledger *l, struct err *e)
{
	struct freezes before = l->freezes;
	int rc;

	l->freezes = (struct freezes){0};
	rc = read_list(l, e);
	if (rc != 0) {
		freezes_free(&l->freezes);
		l->freezes = before;
		freeze_unread(&l->freezes);
		return rc;
	}
	freezes_free(&before);
	return 0;
}

const struct freeze *
freezes_cover(
    const struct ledger *l, struct span tenant, struct span capability)
{
	for (size_t i = 0; i < l->freezes.count; i++) {
		const struct freeze *f = &l->freezes.list[i];
		if (f->scope == FREEZE_ALL ||
		    (f->scope == FREEZE_TENANT && span_is(tenant, f->name)) ||
		    (f->scope == FREEZE_CAPABILITY &&
			span_is(capability, f->name))) {
			return f;
		}
	}
	return NULL;
}

int
freezes_check(
    const struct ledger *l, const struct change_set *cs, struct err *e)
{
	const struct freeze *f = freezes_cover(l, cs->tenant, cs->action);
	char at[CLOCK_TEXT_SIZE];

	if (f == NULL) {
		return 0;
	}
	clock_format(f->at_us, at);
	return err_set(e, CS_E_STATE, "FROZEN",
	    "%s%s%.60s is frozen by %.60s since %s. Source database changed: "
	    "no. 'countersign freeze list' shows it, 'countersign thaw' ends "
	    "it. The reason: %.120s",
	    f->scope == FREEZE_ALL ? "everything" : scope_names[f->scope],
	    f->scope == FREEZE_ALL ? "" : " ", f->name, f->by, at, f->reason);
}

/* Whoever may decide at all may stop; a stop must not wait for a role. */
static int
may_freeze(struct ledger *l, const struct person *person, struct err *e)
{
	bool signs = l->signers != NULL &&
		     signers_has_role(l->signers, span_of(person->user),
			 (struct span){"", 0}, clock_now_us());

	if (person->row != NULL || signs || person->is_owner) {
		return 0;
	}
	return err_set(e, CS_E_DENIED, "REVIEWER_NOT_LISTED",
	    "%s (uid %lld) is no reviewer and not the ledger's owner; nothing "
	    "was frozen or thawed",
	    person->user, (long long)person->uid);
}

static int
check_request(struct ledger *l, const struct msg_freeze *m, struct err *e)
{
	enum freeze_scope scope = (enum freeze_scope)m->scope;

	if (m->reason.len == 0) {
		return err_set(e, CS_E_INVALID, "FREEZE_REASON_REQUIRED",
		    "say why with --reason; nothing was changed");
	}
	if ((scope == FREEZE_ALL) != (m->name.len == 0)) {
		return err_set(e, CS_E_INVALID, "FREEZE_NAME_REQUIRED",
		    "a tenant or a capability is named, everything is not");
	}
	if (scope == FREEZE_CAPABILITY && m->frozen &&
	    contract_capability(l->contract, m->name) == NULL) {
		return err_set(e, CS_E_NOT_FOUND, "CAPABILITY_NOT_FOUND",
		    "the contract has no capability %.*s; nothing was frozen",
		    SPAN_ARGS(m->name));
	}
	if (!m->frozen && find(&l->freezes, scope, m->name) == NULL) {
		return err_set(e, CS_E_NOT_FOUND, "FREEZE_NOT_FOUND",
		    "that is not frozen; nothing was changed");
	}
	if (m->frozen && l->freezes.count >= MAX_FREEZES) {
		return err_set(e, CS_E_TOO_LARGE, "TOO_MANY_FREEZES",
		    "there are %d freezes already; freeze everything instead",
		    MAX_FREEZES);
	}
	return 0;
}

static int
record(struct ledger *l, const struct person *person,
    const struct msg_freeze *m, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	struct event_row row = {.kind = kinds[m->frozen],
	    .actor = span_of(person->user),
	    .proposal_id = span_of(FREEZES_ID)};
	int rc;

	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_text(&j, "scope", scope_names[m->scope]);
	json_field_span(&j, "name", m->name);
	json_field_span(&j, "reason", m->reason);
	json_field_int(&j, "uid", person->uid);
	json_close(&j, '}');
	row.body = buf_as_span(&body);
	rc = event_append(&l->store, &row, e);
	buf_clear(&body);
	if (rc == 0) {
		l->head_wanted = true;
		take(&l->freezes, m, row.actor, row.at_us);
	}
	return rc;
}

static void
put_list(struct ledger *l, struct json_out *j)
{
	json_key(j, "frozen");
	json_open(j, '[');
	for (size_t i = 0; i < l->freezes.count; i++) {
		const struct freeze *f = &l->freezes.list[i];
		char at[CLOCK_TEXT_SIZE];

		clock_format(f->at_us, at);
		json_open(j, '{');
		json_field_text(j, "scope", scope_names[f->scope]);
		json_field_text(j, "name", f->name);
		json_field_text(j, "by", f->by);
		json_field_text(j, "since", at);
		json_field_text(j, "reason", f->reason);
		json_close(j, '}');
	}
	json_close(j, ']');
}

void
freezes_put(struct ledger *l, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	put_list(l, &j);
	json_close(&j, '}');
}

int
freezes_set(struct ledger *l, const struct person *person,
    const struct msg_freeze *m, struct buf *out, struct err *e)
{
	struct json_out j;
	int rc = may_freeze(l, person, e);

	if (rc != 0 || (rc = check_request(l, m, e)) != 0 ||
	    (rc = record(l, person, m, e)) != 0) {
		return rc;
	}
	json_begin(&j, out, 0);
	json_open(&j, '{');
	put_list(l, &j);
	json_key(&j, "in_hand");
	json_open(&j, '[');
	if (m->frozen) {
		revoke_frozen(l, &j);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	return 0;
}
