#include "ledgerd/propose.h"

#include "common/base/clock.h"
#include "common/contract/rules.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/proposals.h"
#include "proto/change_set.h"

/* Change sets travel to writers inside a message; keep well below its cap. */
#define CHANGE_SET_MAX (192U << 10)
/* Equal proposals that ended, before we give up finding a fresh id. */
#define ATTEMPTS_MAX 1000U

/* The patch as the contract derives it from the arguments, then the
 * contract's bounds and transitions on it, with the row's own values. */
static int
build_patch(struct ledger *l, const struct call *call, struct proposed *out,
    struct err *e)
{
	const struct contract_capability *cap = call->cap;
	const struct msg_call *m = call->message;
	int rc;

	out->patch =
	    arena_array(l->scratch, cap->patch_count + 1, sizeof(*out->patch));
	rc = rules_build_patch(cap, m->args.items, m->args.count, out->patch,
	    &out->patch_count, e);
	return rc != 0 ? rc
		       : rules_check_patch(cap, m->row.items, m->row.count,
			     out->patch, out->patch_count, e);
}

/* A limit that reaches the writer, and no credentials: what is stored is
 * shown to reviewers and never changed again. */
static int
check_document(struct ledger *l, struct span stored, struct err *e)
{
	struct json_doc doc;
	int rc;

	if (stored.len > CHANGE_SET_MAX) {
		return err_set(e, CS_E_INVALID, "PROPOSAL_TOO_LARGE",
		    "the change set has %zu bytes, more than %u", stored.len,
		    CHANGE_SET_MAX);
	}
	rc = json_scan(&doc, stored, l->scratch, e);
	return rc != 0 ? rc
		       : rules_scan_secrets("change_set", &doc, l->scratch, e);
}

/*
 * Build the change set under an id that is free, or find the active proposal
 * that already says the same. *existing tells which, *cs what it says.
 */
static int
build_or_find(struct ledger *l, struct change_set_input *in,
    struct change_set_output *built, struct proposal *existing,
    struct change_set *cs, struct err *e)
{
	for (in->attempt = 0; in->attempt < ATTEMPTS_MAX; in->attempt++) {
		int rc = change_set_build(in, l->scratch, built, e);
		if (rc == 0 && in->attempt == 0) {
			rc = check_document(l, built->stored, e);
		}
		if (rc != 0) {
			return rc;
		}
		rc = proposal_load(&l->store, span_of(built->proposal_id),
		    l->scratch, existing, e);
		if (rc == CS_E_NOT_FOUND) {
			*existing = (struct proposal){.state = STATES};
			return 0;
		}
		if (rc != 0) {
			return rc;
		}
		/* It is going to be returned as if it were new, so it has to
		 * be as sound as a new one. */
		if (state_is_active(existing->state)) {
			return proposal_check(existing, l->scratch, cs, e);
		}
	}
	return err_set(e, CS_E_INVALID, "PROPOSAL_IMMUTABILITY_VIOLATION",
	    "this exact change was already decided %u times", ATTEMPTS_MAX);
}

/* The first event of a proposal. Its state is counted from here on. */
static int
add_created_event(struct ledger *l, const struct change_set *cs, struct err *e)
{
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc;

	json_begin(&j, &body, 0);
	json_open(&j, '{');
	json_field_span(&j, "proposal_hash", cs->hash);
	json_field_int(&j, "proposal_version", cs->proposal_version);
	json_field_bool(&j, "source_database_mutated", false);
	json_field_text(&j, "contract_digest", l->contract->digest_text);
	json_close(&j, '}');
	rc = proposal_event(&l->store, cs, state_event_name(EVENT_CREATE),
	    cs->principal, buf_as_span(&body), e);
	buf_clear(&body);
	return rc;
}

static int
store_new(struct ledger *l, const struct call *call,
    const struct change_set_output *built, struct err *e)
{
	/* Read back what was just built: the row's columns come from the
	 * bytes that were hashed, not from the input, so they cannot differ. */
	struct change_set cs;
	int rc = change_set_parse(built->stored, l->scratch, &cs, e);

	if (rc == 0) {
		rc = proposal_add(&l->store, &cs, l->contract->digest_text,
		    event_next_time(&l->store), e);
	}
	if (rc == 0) {
		rc = record_read(l, call, cs.proposal_id, e);
	}
	return rc != 0 ? rc : add_created_event(l, &cs, e);
}

/* Shadow mode and the change set's own time and fingerprint. */
static void
fill_input(struct ledger *l, const struct call *call,
    const struct proposed *out, struct change_set_input *in)
{
	char fingerprint[DIGEST_TEXT_SIZE];

	change_set_fingerprint(call->cap, call->message->tenant, fingerprint);
	*in = (struct change_set_input){.cap = call->cap,
	    .shadow = l->contract->mode == MODE_SHADOW,
	    .tenant = call->message->tenant,
	    .principal = call->message->principal,
	    .principal_source =
		provenance_name((enum provenance)call->message->provenance),
	    .row = call->message->row.items,
	    .row_count = call->message->row.count,
	    .patch = out->patch,
	    .patch_count = out->patch_count,
	    .evidence_id = span_of(call->evidence_id),
	    .fingerprint =
		arena_strndup(l->scratch, fingerprint, sizeof(fingerprint) - 1),
	    .created_at =
		clock_text(event_next_time(&l->store), l->scratch).ptr};
}

int
propose(struct ledger *l, const struct call *call, struct proposed *out,
    struct err *e)
{
	struct change_set_input in;
	struct change_set_output built;
	struct proposal existing;
	struct change_set found;
	int rc = build_patch(l, call, out, e);

	if (rc != 0) {
		return rc;
	}
	fill_input(l, call, out, &in);
	rc = build_or_find(l, &in, &built, &existing, &found, e);
	if (rc != 0) {
		return rc;
	}
	out->version = 1;
	out->created = existing.state == STATES;
	out->proposal_id = arena_span(l->scratch, span_of(built.proposal_id));
	if (out->created) {
		out->hash = arena_span(l->scratch, span_of(built.hash));
		out->state = state_name(STATE_PENDING_REVIEW);
		out->created_at = span_of(in.created_at);
		return store_new(l, call, &built, e);
	}
	out->hash = existing.proposal_hash;
	out->state = state_name(existing.state);
	out->created_at = found.created_at;
	/* Every call is recorded with its own evidence, also a repeated one. */
	return record_read(l, call, existing.proposal_id, e);
}
