/*
 * What the model-facing process may ask for: record a read, propose, record a
 * refusal, look up what belongs to its own tenant and principal, and take back
 * what nobody has decided about yet.
 */
#include "common/base/log.h"
#include "ledgerd/dispatch.h"
#include "ledgerd/documents.h"
#include "ledgerd/policy.h"
#include "ledgerd/propose.h"
#include "ledgerd/record.h"
#include "ledgerd/release.h"
#include "ledgerd/standing.h"

/* A refusal of ours is recorded before it is answered, like a result. If the
 * record fails, the answer says that instead. */
static void
refuse_call(struct conn *c, uint32_t id, const struct msg_call *m,
    const struct err *why)
{
	struct err e = {0};
	struct msg_refuse refusal = {.tool = m->capability,
	    .tenant = m->tenant,
	    .principal = m->principal,
	    .provenance = m->provenance,
	    .code = span_of(err_reason(why)),
	    .message = span_of(why->msg)};

	if (why->code == CS_E_UNAVAILABLE ||
	    record_refusal(c->ledger, &refusal, &e) != 0) {
		why = why->code == CS_E_UNAVAILABLE ? why : &e;
		log_err(LOG_LEVEL_ERR, "not_recorded", why);
		conn_fail(c, id, why, true);
		return;
	}
	if (why->code == CS_E_PROTOCOL || why->code == CS_E_DENIED) {
		log_err(LOG_LEVEL_WARN, "call_refused", why);
	}
	conn_fail(c, id, why, false);
}

/* The row was read already; it is handed to the model only after RECORDED,
 * which leaves after the commit. */
static void
on_read(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_call *m = message;
	struct ledger *l = c->ledger;
	struct msg_recorded reply;
	struct call call;
	struct err e = {0};

	if (call_check(l, m, KIND_READ, &call, &e) != 0 ||
	    record_read(l, &call, (struct span){"", 0}, &e) != 0) {
		refuse_call(c, id, m, &e);
		return;
	}
	reply.evidence_id = span_of(call.evidence_id);
	conn_reply(c, id, MSG_RECORDED, &reply);
}

/* A refused proposal still records that the row was read for it. */
static int
propose_checked(struct ledger *l, const struct msg_call *m, struct call *call,
    struct proposed *out, struct err *e)
{
	struct err ignored = {0};
	int rc;

	if (l->contract->mode == MODE_READ_ONLY) {
		return err_set(e, CS_E_INVALID, "PROPOSALS_DISABLED",
		    "proposals are disabled in read_only mode");
	}
	rc = call_check(l, m, KIND_PROPOSAL, call, e);
	if (rc != 0) {
		return rc;
	}
	/* From here on all or nothing: a proposal never stands without the
	 * evidence that it names. */
	rc = store_request_begin(&l->store, e);
	if (rc != 0) {
		return rc;
	}
	rc = propose(l, call, out, e);
	store_request_end(&l->store, rc == 0);
	/* The savepoint took the read event back with the rest. The row was
	 * seen by mcpd all the same, so it is recorded once more, outside. */
	if (rc != 0 && rc != CS_E_UNAVAILABLE) {
		(void)record_read(l, call, (struct span){"", 0}, &ignored);
	}
	return rc;
}

/* Checked, recorded, then answered with what the ledger holds. */
static void
on_propose(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_call *m = message;
	struct ledger *l = c->ledger;
	struct proposed done = {.state = ""};
	struct msg_proposed reply;
	struct call call = {0};
	struct err e = {0};

	if (propose_checked(l, m, &call, &done, &e) != 0) {
		refuse_call(c, id, m, &e);
		return;
	}
	/* What a person is going to decide about is fixed by a signed head. */
	l->head_wanted = true;
	if (done.created &&
	    policy_consider(l, done.proposal_id, &done.state, &e) != 0) {
		log_err(LOG_LEVEL_ERR, "policy_not_considered", &e);
	}
	if (done.state != NULL &&
	    strcmp(done.state, state_name(STATE_APPROVED)) == 0) {
		release_by_policy(
		    conn_claiming(l, job_executor_role(l, m->capability)));
	}
	reply = (struct msg_proposed){.proposal_id = done.proposal_id,
	    .proposal_version = (uint32_t)done.version,
	    .proposal_hash = done.hash,
	    .evidence_id = span_of(call.evidence_id),
	    .state = span_of(done.state),
	    .created = done.created,
	    .created_at = done.created_at,
	    .patch = {done.patch, (uint32_t)done.patch_count}};
	conn_reply(c, id, MSG_PROPOSED, &reply);
}

/* mcpd's own refusal. It is not checked against the contract: what was asked
 * for may exist nowhere, and that is what the record is to show. */
static void
on_refuse(struct conn *c, uint32_t id, const void *message)
{
	struct msg_recorded reply = {{"", 0}};
	struct err e = {0};

	if (record_refusal(c->ledger, message, &e) != 0) {
		conn_fail(c, id, &e, true);
		return;
	}
	conn_reply(c, id, MSG_RECORDED, &reply);
}

/* Another tenant's or principal's record is the same not-found. */
static void
on_resource(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_resource *m = message;
	struct buf document = BUF_INIT;
	struct err e = {0};

	if (document_resource(c->ledger, m, &document, &e) != 0) {
		conn_fail(c, id, &e, e.code == CS_E_UNAVAILABLE);
	} else {
		conn_document(c, id, buf_as_span(&document));
	}
	buf_clear(&document);
}

/* Both answer where the proposal stands then. */
static void
state(struct conn *c, uint32_t id, const struct msg_status *m,
    int (*look)(struct ledger *l, const struct msg_status *m,
	struct msg_stated *out, struct err *e))
{
	struct msg_stated reply;
	struct err e = {0};

	if (look(c->ledger, m, &reply, &e) != 0) {
		conn_fail(c, id, &e, e.code == CS_E_UNAVAILABLE);
	} else {
		conn_reply(c, id, MSG_STATED, &reply);
	}
}

static void
on_status(struct conn *c, uint32_t id, const void *message)
{
	state(c, id, message, standing_find);
}

static void
on_withdraw(struct conn *c, uint32_t id, const void *message)
{
	state(c, id, message, standing_withdraw);
}

const struct dispatch_row dispatch_mcpd[] = {
    {MSG_READ, on_read},
    {MSG_PROPOSE, on_propose},
    {MSG_REFUSE, on_refuse},
    {MSG_RESOURCE, on_resource},
    {MSG_STATUS, on_status},
    {MSG_WITHDRAW, on_withdraw},
    {0, NULL},
};
