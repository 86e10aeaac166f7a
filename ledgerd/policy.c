#include "ledgerd/policy.h"

#include "common/base/clock.h"
#include "common/contract/rules.h"
#include "ledgerd/decide.h"
#include "ledgerd/freezes.h"
#include "ledgerd/store/events.h"

#define DAY_US (INT64_C(86400) * 1000000)

/* How one limit stands with this change. */
struct tally {
	const struct contract_auto_limit *limit;
	int64_t observed;
	int64_t proposed;
};

/* The change's share of a limit: one, or the value's size. The rule has made
 * sure that it is a whole number. */
static int64_t
share_of(const struct contract_auto_limit *limit, const struct change_set *cs)
{
	const struct named_scalar *v;
	int64_t value = 0;

	if (limit->column == NULL) {
		return 1;
	}
	v = scalars_find(cs->patch, cs->patch_count, span_of(limit->column));
	if (v == NULL || json_int64(v->value.text, &value) != 0) {
		return 0;
	}
	return value == INT64_MIN ? INT64_MAX : value < 0 ? -value : value;
}

/* Both are at least 0. */
static int64_t
projected(const struct tally *t)
{
	return t->observed > INT64_MAX - t->proposed
		   ? INT64_MAX
		   : t->observed + t->proposed;
}

static int
look_up(struct ledger *l, const struct contract_capability *cap,
    const struct change_set *cs, size_t index, struct tally *t, struct err *e)
{
	struct store *s = &l->store;
	const struct contract_auto_limit *limit =
	    &cap->automatic->limits[index];
	int64_t now = event_next_time(s);
	int64_t since =
	    limit->window == WINDOW_DAY ? now - now % DAY_US : now - DAY_US;
	int rc = stmt_run(s, STMT_AUTOMATIC_SUM, e, "titit", cs->action,
	    (int64_t)index, cs->tenant, since,
	    limit->per_object ? cs->object_id : (struct span){"", 0});

	t->limit = limit;
	t->proposed = share_of(limit, cs);
	if (rc == SQLITE_ROW) {
		t->observed = stmt_int(s->stmts[STMT_AUTOMATIC_SUM], 0);
	}
	stmt_done(s, STMT_AUTOMATIC_SUM);
	return rc == SQLITE_ROW ? 0 : CS_E_UNAVAILABLE;
}

static void
put_tally(struct json_out *j, const struct tally *t)
{
	json_open(j, '{');
	json_field_text(
	    j, "kind", t->limit->column == NULL ? "count" : "total");
	if (t->limit->column != NULL) {
		json_field_text(j, "column", t->limit->column);
	}
	json_field_text(
	    j, "window", t->limit->window == WINDOW_DAY ? "day" : "24h");
	json_field_text(j, "per", t->limit->per_object ? "object" : "tenant");
	json_field_int(j, "observed", t->observed);
	json_field_int(j, "proposed", t->proposed);
	json_field_int(j, "projected", projected(t));
	json_field_int(j, "maximum", t->limit->maximum);
	json_close(j, '}');
}

static struct span
tallies_text(struct ledger *l, const struct tally *list, size_t count)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	struct span copy;

	json_begin(&j, &text, 0);
	json_open(&j, '{');
	json_key(&j, "limits");
	json_open(&j, '[');
	for (size_t i = 0; i < count; i++) {
		put_tally(&j, &list[i]);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	copy = arena_span(l->scratch, buf_as_span(&text));
	buf_clear(&text);
	return copy;
}

/* Over the limit; and the first time that it comes near, people hear of it. */
static bool
is_over(const struct tally *t)
{
	return t->observed > t->limit->maximum - t->proposed;
}

static bool
comes_near(const struct tally *t)
{
	int64_t near = t->limit->maximum - t->limit->maximum / 5;

	return t->observed < near && projected(t) >= near;
}

static int
note(struct ledger *l, const struct change_set *cs, const char *kind,
    struct span body, struct err *e)
{
	return proposal_event(&l->store, cs, kind, span_of("policy"), body, e);
}

static int
count_it(struct ledger *l, const struct change_set *cs,
    const struct tally *list, size_t count, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = stmt_change(&l->store, STMT_AUTOMATIC_ADD, e, "tittiit",
		    cs->action, (int64_t)i, cs->tenant, cs->object_id,
		    event_next_time(&l->store), list[i].proposed,
		    cs->proposal_id);
	}
	return rc;
}

static int
approve(struct ledger *l, struct proposal *p, const struct change_set *cs,
    const struct tally *list, size_t count, struct err *e)
{
	struct span text = tallies_text(l, list, count);
	int rc = decide_by_policy(l, p, cs, text, e);

	if (rc == 0) {
		rc = count_it(l, cs, list, count, e);
	}
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (comes_near(&list[i])) {
			rc = note(l, cs, "policy_limit_near",
			    tallies_text(l, &list[i], 1), e);
		}
	}
	return rc;
}

static int
weigh(struct ledger *l, const struct contract_capability *cap,
    struct proposal *p, const struct change_set *cs, const char **state_out,
    struct err *e)
{
	size_t count = cap->automatic->limit_count;
	struct tally *list = arena_array(l->scratch, count + 1, sizeof(*list));
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		rc = look_up(l, cap, cs, i, &list[i], e);
		if (rc != 0) {
			return rc;
		}
		if (is_over(&list[i])) {
			return note(l, cs, "policy_auto_approval_deferred",
			    tallies_text(l, &list[i], 1), e);
		}
	}
	rc = approve(l, p, cs, list, count, e);
	if (rc == 0) {
		*state_out = state_name(STATE_APPROVED);
	}
	return rc;
}

int
policy_consider(struct ledger *l, struct span proposal_id,
    const char **state_out, struct err *e)
{
	const struct contract_capability *cap;
	struct proposal p;
	struct change_set cs;
	struct err why = {0};
	int rc = proposal_load(&l->store, proposal_id, l->scratch, &p, e);

	if (rc == 0) {
		rc = proposal_check(&p, l->scratch, &cs, e);
	}
	if (rc != 0) {
		return rc;
	}
	cap = contract_capability(l->contract, cs.action);
	if (cap == NULL || cap->automatic == NULL ||
	    l->contract->mode != MODE_REVIEW ||
	    freezes_check(l, &cs, &why) != 0 ||
	    rules_check_automatic(cap, cs.patch, cs.patch_count, &why) != 0) {
		return 0;
	}
	rc = store_request_begin(&l->store, e);
	if (rc == 0) {
		rc = weigh(l, cap, &p, &cs, state_out, e);
		store_request_end(&l->store, rc == 0);
	}
	return rc;
}
