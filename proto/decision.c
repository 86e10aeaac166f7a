#include "proto/decision.h"

#include "common/base/clock.h"
#include "common/base/err.h"
#include "proto/members.h"

#define SCHEMA "countersign.decision.v1"

static void
put_time(struct json_out *j, const char *key, int64_t time_us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time_us, text);
	json_field_text(j, key, text);
}

/* Empty is null, so that the member is always there. */
static void
put_or_null(struct json_out *j, const char *key, struct span text)
{
	if (text.len == 0) {
		json_field_null(j, key);
	} else {
		json_field_span(j, key, text);
	}
}

void
decision_build(const struct decision *d, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "schema_version", SCHEMA);
	json_field_text(&j, "action", decision_name(d->action));
	json_field_span(&j, "proposal_id", d->proposal_id);
	json_field_int(&j, "proposal_version", d->proposal_version);
	json_field_span(&j, "proposal_hash", d->proposal_hash);
	json_field_span(&j, "contract_digest", d->contract_digest);
	json_key(&j, "reviewer");
	json_open(&j, '{');
	json_field_span(&j, "user", d->user);
	json_field_int(&j, "uid", d->uid);
	put_or_null(&j, "role", d->role);
	json_close(&j, '}');
	put_or_null(&j, "reason", d->reason);
	put_time(&j, "issued_at", d->issued_us);
	put_time(&j, "expires_at", d->expires_us);
	json_close(&j, '}');
}

int
decision_parse(
    struct span statement, struct arena *a, struct decision *out, struct err *e)
{
	struct document doc;
	struct members m;
	struct members reviewer;
	struct span action;

	members_begin(&m, &doc, statement, a);
	take_literal(&m, "schema_version", SCHEMA);
	action = take_text(&m, "action");
	out->proposal_id = take_text(&m, "proposal_id");
	out->proposal_version = take_int(&m, "proposal_version");
	out->proposal_hash = take_text(&m, "proposal_hash");
	out->contract_digest = take_text(&m, "contract_digest");
	take_object(&m, "reviewer", &reviewer);
	out->user = take_text(&reviewer, "user");
	out->uid = take_int(&reviewer, "uid");
	out->role = take_text_or_null(&reviewer, "role");
	members_end(&reviewer);
	out->reason = take_text_or_null(&m, "reason");
	out->issued_us = take_time(&m, "issued_at");
	out->expires_us = take_time(&m, "expires_at");
	members_end(&m);
	/* A word that is not known is refused, and counts as nothing. */
	out->action = DECISION_ACTIONS;
	for (unsigned i = 0; i < DECISION_ACTIONS; i++) {
		if (span_is(action, decision_name((enum decision_action)i))) {
			out->action = (enum decision_action)i;
		}
	}
	if (members_bad(&m) != NULL || out->action == DECISION_ACTIONS) {
		return err_set(e, CS_E_INVALID, "DECISION_INVALID",
		    "the decision is not a %s document", SCHEMA);
	}
	return 0;
}
