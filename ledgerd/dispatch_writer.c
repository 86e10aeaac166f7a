/*
 * What a writer may ask for: one job, and to report what became of it.
 */
#include "common/base/log.h"
#include "ledgerd/dispatch.h"
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

/* The answer says that the receipt is recorded: until it comes, the writer
 * has to keep it and report again. */
static void
on_report(struct conn *c, uint32_t id, const void *message)
{
	struct err e = {0};
	char nothing = 0;

	if (release_report(c, message, &e) != 0) {
		log_err(LOG_LEVEL_ERR, "report_refused", &e);
		conn_fail(c, id, &e, e.code == CS_E_UNAVAILABLE);
		return;
	}
	conn_reply(c, id, MSG_PONG, &nothing);
}

const struct dispatch_row dispatch_writer[] = {
    {MSG_CLAIM, on_claim},
    {MSG_REPORT, on_report},
    {0, NULL},
};
