#include "ledgerd/shadow.h"

#include "common/base/scalar.h"
#include "ledgerd/documents.h"
#include "ledgerd/store/events.h"

/* {"column": scalar, …}, not empty; written again, so that what is stored is
 * compact and canonical. */
static int
read_patch(struct ledger *l, struct span text, struct buf *out, struct err *e)
{
	struct json_doc doc;
	struct scalar value;
	struct json_out j;
	bool sound = json_scan(&doc, text, l->scratch, NULL) == 0 &&
		     doc.nodes[0].type == JSON_OBJECT && doc.nodes[0].count > 0;

	for (uint32_t k = 1; sound && k < doc.nodes[0].next;
	     k = doc.nodes[k + 1].next) {
		sound = scalar_from_json(&doc, k + 1, l->scratch, &value) == 0;
	}
	if (!sound) {
		return err_set(e, CS_E_INVALID, "SHADOW_PATCH_INVALID",
		    "the patch is no JSON object of columns and plain values; "
		    "nothing was recorded");
	}
	json_begin(&j, out, 0);
	json_rewrite(&j, &doc, 0, l->scratch);
	return 0;
}

static void
put_action(
    struct json_out *j, const struct msg_shadow *m, const struct buf *patch)
{
	json_field_raw(j, "patch", buf_as_span(patch));
	if (m->notes.len > 0) {
		json_field_span(j, "notes", m->notes);
	}
}

static int
append(struct ledger *l, const struct change_set *cs,
    const struct person *person, const struct msg_shadow *m,
    const struct buf *patch, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc = store_request_begin(&l->store, e);

	if (rc != 0) {
		return rc;
	}
	json_begin(&j, &body, 0);
	json_open(&j, '{');
	put_action(&j, m, patch);
	json_field_int(&j, "reviewer_uid", person->uid);
	json_close(&j, '}');
	rc = proposal_event(&l->store, cs, EVENT_HUMAN_ACTION,
	    span_of(person->user), buf_as_span(&body), e);
	store_request_end(&l->store, rc == 0);
	l->head_wanted = true;
	buf_clear(&body);
	return rc;
}

int
shadow_record(struct ledger *l, const struct person *person,
    const struct msg_shadow *m, struct buf *out, struct err *e)
{
	struct buf patch = BUF_INIT;
	struct proposal p;
	struct change_set cs;
	struct json_out j;
	const char *role = "";
	int rc = proposal_load(&l->store, m->proposal_id, l->scratch, &p, e);

	if (rc == 0 && (rc = proposal_check(&p, l->scratch, &cs, e)) == 0 &&
	    !span_is(cs.mode, "shadow")) {
		rc = err_set(e, CS_E_STATE, "SHADOW_PROPOSAL_REQUIRED",
		    "proposal %.*s was not made in mode shadow; nothing was "
		    "recorded",
		    SPAN_ARGS(cs.proposal_id));
	}
	if (rc == 0 &&
	    (rc = approval_may_decide(l, person, &cs, &role, e)) == 0 &&
	    (rc = read_patch(l, m->patch, &patch, e)) == 0) {
		rc = append(l, &cs, person, m, &patch, e);
	}
	if (rc == 0) {
		json_begin(&j, out, 0);
		json_open(&j, '{');
		json_field_int(&j, "action_id", l->store.last_event_id);
		json_field_span(&j, "proposal_id", cs.proposal_id);
		json_field_text(&j, "actor", person->user);
		put_action(&j, m, &patch);
		put_time(&j, "created_at", l->store.last_at_us);
		json_close(&j, '}');
	}
	buf_clear(&patch);
	return rc;
}
