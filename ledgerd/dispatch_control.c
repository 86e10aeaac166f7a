/*
 * What people may ask for on the control socket: look, decide, apply. The
 * person is the peer's uid, never a name in the message.
 */
#include "common/base/xalloc.h"
#include "ledgerd/decide.h"
#include "ledgerd/dispatch.h"
#include "ledgerd/documents.h"
#include "ledgerd/freezes.h"
#include "ledgerd/keep/keep.h"
#include "ledgerd/metrics.h"
#include "ledgerd/reconcile.h"
#include "ledgerd/release.h"
#include "ledgerd/report.h"
#include "ledgerd/shadow.h"
#include "ledgerd/verify.h"

#define APPLY_WAIT_MAX_MS 120000U

/* Only a ledger that is not available may be asked the same again. */
static void
answer(struct conn *c, uint32_t id, int rc, struct buf *document,
    const struct err *e)
{
	if (rc != 0) {
		conn_fail(c, id, e, rc == CS_E_UNAVAILABLE);
	} else {
		conn_document(c, id, buf_as_span(document));
	}
	buf_clear(document);
}

static void
on_query(struct conn *c, uint32_t id, const void *message)
{
	struct buf document = BUF_INIT;
	struct err e = {0};
	const struct msg_query *m = message;
	int rc = m->kind == QUERY_REPORT
		     ? report_write(c->ledger, m, &document, &e)
		     : document_query(c->ledger, m, &document, &e);

	answer(c, id, rc, &document, &e);
}

static void
on_show(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_show *m = message;
	struct buf document = BUF_INIT;
	struct err e = {0};
	int rc;

	if (m->kind == SHOW_VERIFY) {
		verify_start(c, id, m->id);
		return;
	}
	if (m->kind == SHOW_STATS) {
		stats_start(c, id);
		return;
	}
	if (m->kind == SHOW_FREEZES) {
		freezes_put(c->ledger, &document);
		rc = 0;
	} else {
		rc = m->kind == SHOW_METRICS
			 ? metrics_write(c->ledger, &document, &e)
			 : document_show(c->ledger, m, &document, &e);
	}
	answer(c, id, rc, &document, &e);
}

/* The proposal as it is now, and who that was. After the decision is in the
 * turn's transaction: both are on disk before either is answered. */
static void
answer_decided(struct conn *c, uint32_t id, const struct person *person,
    const struct proposal *p)
{
	struct ledger *l = c->ledger;
	struct buf document = BUF_INIT;
	struct err none = {0};
	struct json_out j;

	json_begin(&j, &document, 0);
	json_open(&j, '{');
	json_key(&j, "proposal");
	put_proposal(l, &j, p);
	json_key(&j, "reviewer");
	json_open(&j, '{');
	json_field_text(&j, "user", person->user);
	json_field_int(&j, "uid", person->uid);
	json_field_bool(&j, "listed", person->row != NULL || person->is_signer);
	json_close(&j, '}');
	json_close(&j, '}');
	release_by_policy(conn_claiming(l, job_executor_role(l, p->action)));
	answer(c, id, 0, &document, &none);
}

static void
on_decide(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_decide *m = message;
	struct person person;
	struct proposal p;
	struct err e = {0};
	int rc;

	/* From the kernel's uid, at every request. */
	person_of(c->ledger, c->uid, &person);
	rc = decide(c->ledger, &person, m, &p, &e);
	if (rc != 0) {
		conn_fail(c, id, &e, rc == CS_E_UNAVAILABLE);
		return;
	}
	answer_decided(c, id, &person, &p);
}

static void
on_prepare(struct conn *c, uint32_t id, const void *message)
{
	struct person person;
	struct span statement;
	struct err e = {0};
	int rc;

	person_of(c->ledger, c->uid, &person);
	rc = decide_prepare(c->ledger, &person, message, &statement, &e);
	if (rc != 0) {
		conn_fail(c, id, &e, rc == CS_E_UNAVAILABLE);
		return;
	}
	conn_document(c, id, statement);
}

static void
on_signed(struct conn *c, uint32_t id, const void *message)
{
	enum decision_action action = DECISION_ACTIONS;
	struct person person;
	struct proposal p;
	struct err e = {0};
	int rc;

	person_of(c->ledger, c->uid, &person);
	rc = decide_signed(c->ledger, &person, message, &p, &action, &e);
	if (rc != 0) {
		conn_fail(c, id, &e, rc == CS_E_UNAVAILABLE);
		return;
	}
	answer_decided(c, id, &person, &p);
}

static void
on_freeze(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_freeze *m = message;
	struct buf document = BUF_INIT;
	struct person person;
	struct err e = {0};
	int rc;

	person_of(c->ledger, c->uid, &person);
	rc = freezes_set(c->ledger, &person, m, &document, &e);
	if (rc == 0 && !m->frozen) {
		release_to_waiting(c->ledger);
		release_by_policy(conn_claiming(c->ledger, ROLE_WRITER));
		release_by_policy(conn_claiming(c->ledger, ROLE_HANDLER));
	}
	answer(c, id, rc, &document, &e);
}

/* The job goes on. Only the waiting ends, and the text says so. */
static void
on_apply_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct waiter *w = arg;
	struct err e = {0};

	(void)fd;
	(void)what;
	(void)err_set(&e, CS_E_TIMEOUT, "APPLY_TIMEOUT",
	    "no writer has reported yet; whether the source database changed "
	    "is not known here. Ask again with: countersign replay show %s",
	    w->proposal_id);
	conn_fail(w->conn, w->request_id, &e, true);
	TAILQ_REMOVE(&w->conn->waiters, w, link);
	w->conn->waiter_count--;
	event_free(w->timer);
	free(w);
}

/* Keep the request until its job is reported. The connection owns the
 * waiter; its timer, a receipt or the connection's end frees it. */
static void
wait_for_receipt(
    struct conn *c, uint32_t id, struct span proposal_id, uint32_t wait_ms)
{
	struct waiter *w = xcalloc(1, sizeof(*w));
	struct timeval wait;

	wait_ms = wait_ms < APPLY_WAIT_MAX_MS ? wait_ms : APPLY_WAIT_MAX_MS;
	wait = (struct timeval){wait_ms / 1000, wait_ms % 1000 * 1000L};
	w->conn = c;
	w->request_id = id;
	(void)snprintf(w->proposal_id, sizeof(w->proposal_id), "%.*s",
	    SPAN_ARGS(proposal_id));
	w->timer = evtimer_new(c->ledger->base, on_apply_timeout, w);
	cs_assert(w->timer != NULL);
	(void)event_add(w->timer, &wait);
	TAILQ_INSERT_TAIL(&c->waiters, w, link);
	c->waiter_count++;
}

/* Who may release is who may decide: the role is asked for again. */
static int
may_apply(struct ledger *l, const struct person *person, struct span id,
    struct change_set *cs, struct err *e)
{
	struct proposal p;
	const char *role = "";
	int rc = proposal_load(&l->store, id, l->scratch, &p, e);

	if (rc == 0) {
		rc = proposal_check(&p, l->scratch, cs, e);
	}
	return rc != 0 ? rc : approval_may_decide(l, person, cs, &role, e);
}

/* Before a release: with no writer the job would lie there and expire. */
static int
check_writer(const struct conn *c, enum proto_role role, struct err *e)
{
	if (role == ROLE_HANDLER && !conn_has_writer(c->ledger, role)) {
		return err_set(e, CS_E_UNAVAILABLE, "NO_HANDLER",
		    "no writerd-handler is connected; nothing was released. "
		    "Source database changed: no");
	}
	if (role == ROLE_WRITER && !conn_has_writer(c->ledger, role)) {
		return err_set(e, CS_E_UNAVAILABLE, "NO_WRITER",
		    "no writerd is connected; nothing was released. Source "
		    "database changed: no");
	}
	if (c->waiter_count >= CONN_WAITERS_MAX) {
		return err_set(e, CS_E_UNAVAILABLE, "TOO_MANY_REQUESTS",
		    "%d applies of this connection wait already; nothing was "
		    "released. Source database changed: no",
		    CONN_WAITERS_MAX);
	}
	return 0;
}

/* Wait for what the released job brings, and hand it to a writer: in this
 * order, so that no report can come between. */
static void
await_writer(
    struct conn *c, uint32_t id, struct span proposal_id, uint32_t wait_ms)
{
	wait_for_receipt(c, id, proposal_id, wait_ms);
	release_to_waiting(c->ledger);
}

static void
on_apply(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_apply *m = message;
	struct ledger *l = c->ledger;
	struct buf stored = BUF_INIT;
	struct change_set cs = {0};
	struct person person;
	struct proposal p;
	struct err e = {0};
	int rc;

	person_of(l, c->uid, &person);
	rc = may_apply(l, &person, m->proposal_id, &cs, &e);
	if (rc == 0 && !m->dry_run) {
		rc = reconcile_stored_answer(l, m->proposal_id, &stored, &e);
	}
	if (rc != 0) {
		answer(c, id, rc > 0 ? 0 : rc, &stored, &e);
		return;
	}
	rc = check_writer(c, job_executor_role(l, cs.action), &e);
	if (rc == 0) {
		rc = decide_apply(l, &person, &cs, &e);
	}
	if (rc == 0) {
		rc = release_job(l, m->proposal_id, span_of(person.user),
		    m->dry_run, &p, &e);
	}
	if (rc != 0) {
		conn_fail(c, id, &e, rc == CS_E_UNAVAILABLE);
		return;
	}
	await_writer(c, id, p.proposal_id, m->wait_ms);
}

/* Who may look or resolve is who may decide. */
static void
on_inspect(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_inspect *m = message;
	struct ledger *l = c->ledger;
	struct change_set cs = {0};
	struct person person;
	struct proposal p;
	struct err e = {0};
	int rc;

	person_of(l, c->uid, &person);
	rc = may_apply(l, &person, m->proposal_id, &cs, &e);
	if (rc == 0) {
		rc = check_writer(c, job_executor_role(l, cs.action), &e);
	}
	if (rc == 0) {
		rc = reconcile_inspect(
		    l, m->proposal_id, span_of(person.user), &p, &e);
	}
	if (rc != 0) {
		conn_fail(c, id, &e, rc == CS_E_UNAVAILABLE);
		return;
	}
	await_writer(c, id, p.proposal_id, m->wait_ms);
}

static void
on_resolve(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_resolve *m = message;
	struct ledger *l = c->ledger;
	struct buf receipt = BUF_INIT;
	struct change_set cs = {0};
	struct person person;
	struct err e = {0};
	int rc;

	person_of(l, c->uid, &person);
	rc = may_apply(l, &person, m->proposal_id, &cs, &e);
	if (rc == 0) {
		rc = reconcile_resolve(l, &person, m, &receipt, &e);
	}
	answer(c, id, rc, &receipt, &e);
}

static void
on_keep(struct conn *c, uint32_t id, const void *message)
{
	keep_start(c, id, message);
}

static void
on_erase(struct conn *c, uint32_t id, const void *message)
{
	keep_erase(c, id, message);
}

static void
on_shadow(struct conn *c, uint32_t id, const void *message)
{
	struct buf document = BUF_INIT;
	struct person person;
	struct err e = {0};
	int rc;

	person_of(c->ledger, c->uid, &person);
	rc = shadow_record(c->ledger, &person, message, &document, &e);
	answer(c, id, rc, &document, &e);
}

const struct dispatch_row dispatch_control[] = {
    {MSG_QUERY, on_query},
    {MSG_SHOW, on_show},
    {MSG_DECIDE, on_decide},
    {MSG_APPLY, on_apply},
    {MSG_INSPECT, on_inspect},
    {MSG_RESOLVE, on_resolve},
    {MSG_KEEP, on_keep},
    {MSG_SHADOW, on_shadow},
    {MSG_PREPARE, on_prepare},
    {MSG_SIGNED, on_signed},
    {MSG_FREEZE, on_freeze},
    {MSG_ERASE, on_erase},
    {0, NULL},
};
