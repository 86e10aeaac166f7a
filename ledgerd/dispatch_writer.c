/*
 * What a writer may ask for: one job, to begin it, and to report what became of
 * it.
 */
#include "common/base/log.h"
#include "ledgerd/dispatch.h"
#include "ledgerd/reconcile.h"
#include "ledgerd/release.h"

#define CLAIM_WAIT_MAX_MS 60000U

static void
on_claim(struct conn *c, uint32_t id, const void *message)
{
	const struct msg_claim *m = message;
	uint32_t wait_ms =
	    m->wait_ms < CLAIM_WAIT_MAX_MS ? m->wait_ms : CLAIM_WAIT_MAX_MS;
	struct timeval wait = {wait_ms / 1000, wait_ms % 1000 * 1000L};
	struct err e = {0};

	if (c->claiming || c->leased_seq != 0) {
		(void)err_set(&e, CS_E_STATE, "JOB_ALREADY_LEASED",
		    "one job at a time: report the one you have first");
		conn_fail(c, id, &e, false);
		return;
	}
	c->claiming = true;
	c->claim_id = id;
	/* Released jobs first; only then is a new one made of what policy
	 * allows. */
	release_lease_next(c);
	release_by_policy(c);
	if (c->claiming) {
		(void)event_add(c->claim_timer, &wait);
	}
}

/* The answer says that it is recorded. */
static void
answer(
    struct conn *c, uint32_t id, int rc, const char *event, const struct err *e)
{
	char nothing = 0;

	if (rc != 0) {
		log_err(LOG_LEVEL_ERR, event, e);
		conn_fail(c, id, e, rc == CS_E_UNAVAILABLE);
		return;
	}
	conn_reply(c, id, MSG_PONG, &nothing);
}

/* Until the answer comes, the writer has to keep the receipt and report again.
 */
static void
on_report(struct conn *c, uint32_t id, const void *message)
{
	struct err e = {0};
	int rc = release_report(c, message, &e);

	answer(c, id, rc, "report_refused", &e);
}

static void
on_applying(struct conn *c, uint32_t id, const void *message)
{
	struct err e = {0};
	int rc = reconcile_applying(c, message, &e);

	answer(c, id, rc, "begin_refused", &e);
}

static void
on_observed(struct conn *c, uint32_t id, const void *message)
{
	struct err e = {0};
	int rc = reconcile_observed(c, message, &e);

	answer(c, id, rc, "observation_refused", &e);
}

const struct dispatch_row dispatch_writer[] = {
    {MSG_CLAIM, on_claim},
    {MSG_REPORT, on_report},
    {MSG_APPLYING, on_applying},
    {MSG_OBSERVED, on_observed},
    {0, NULL},
};

/* What asks an application has no BEGIN to ask for and no row to look at. */
const struct dispatch_row dispatch_handler[] = {
    {MSG_CLAIM, on_claim},
    {MSG_REPORT, on_report},
    {0, NULL},
};
