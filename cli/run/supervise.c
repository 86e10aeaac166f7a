#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/run/run.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"

#define STOP_TIMEOUT_MS 5000

/* Set by the handler, which only runs inside ppoll: signals are blocked
 * everywhere else, so none is lost between the test and the wait. */
static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t hangup_seen;

static void
on_stop_signal(int sig)
{
	stop_requested = sig;
}

static void
on_hangup(int sig)
{
	hangup_seen = sig;
}

void
run_catch_signals(struct run *r)
{
	const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction sa = {.sa_handler = on_stop_signal};
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)sigaddset(&blocked, signals[i]);
		(void)sigaction(signals[i], &sa, NULL);
	}
	if (r->options.forward_hangup) {
		sa.sa_handler = on_hangup;
		(void)sigaction(SIGHUP, &sa, NULL);
	}
	(void)sigprocmask(SIG_BLOCK, &blocked, &r->while_waiting); // NOLINT
}

/* Wait for one child to end, its pidfd says so: its role, or -1 (signal). */
static int
wait_any(struct run *r)
{
	struct pollfd fds[RUN_ROLES];

	while (stop_requested == 0) {
		for (int i = 0; i < RUN_ROLES; i++) {
			fds[i] = (struct pollfd){
			    .fd = r->children[i].pidfd, .events = POLLIN};
		}
		if (ppoll(fds, RUN_ROLES, NULL, &r->while_waiting) < 0 &&
		    errno != EINTR) {
			log_event(LOG_LEVEL_ERR, "poll_failed", "error=\"%m\"");
			return -1;
		}
		if (hangup_seen != 0) {
			hangup_seen = 0;
			child_signal(&r->children[RUN_MCPD], SIGHUP);
			child_signal(&r->children[RUN_JWKS], SIGHUP);
		}
		for (int i = 0; i < RUN_ROLES; i++) {
			if (fds[i].fd >= 0 && fds[i].revents != 0) {
				child_reap(&r->children[i]);
				return i;
			}
		}
	}
	return -1;
}

static bool
ended_well(const struct child *ch)
{
	return WIFEXITED(ch->status) && WEXITSTATUS(ch->status) == 0;
}

/* Ask one child to end, by signal and by end of file, and wait for it. */
static void
stop_child(struct child *ch, int64_t deadline)
{
	if (!child_is_running(ch)) {
		return;
	}
	child_signal(ch, SIGTERM);
	fd_close(&ch->channel);
	if (fd_wait(ch->pidfd, POLLIN, deadline) != 0) {
		log_event(LOG_LEVEL_WARN, "child_killed", "process=%s",
		    run_role_name(ch->role));
		child_signal(ch, SIGKILL);
		(void)fd_wait(ch->pidfd, POLLIN, clock_mono_ms() + 1000);
	}
	child_reap(ch);
}

/*
 * The order is that of the work: no new requests, then the transaction in hand,
 * then the ledger that its receipt goes to.
 */
void
run_stop(struct run *r)
{
	static const enum run_role order[] = {
	    RUN_MCPD, RUN_WRITERD, RUN_HANDLER, RUN_LEDGERD, RUN_JWKS};
	int64_t deadline = clock_mono_ms() + STOP_TIMEOUT_MS;

	for (size_t i = 0; i < RUN_ROLES; i++) {
		stop_child(&r->children[order[i]], deadline);
	}
}

static bool
any_running(const struct run *r)
{
	for (int i = 0; i < RUN_ROLES; i++) {
		if (child_is_running(&r->children[i])) {
			return true;
		}
	}
	return false;
}

/* What the end of one child means: true when everything has to end. */
static bool
judge_end(const struct run *r, enum run_role role, int *code_out)
{
	const struct child *ch = &r->children[role];
	/* Where mcpd runs, the end of another one is an accident: it serves
	 * a client that still talks. */
	bool is_expected =
	    ended_well(ch) && (role == RUN_MCPD || !r->options.role[RUN_MCPD]);
	char text[128];

	child_describe(ch, text, sizeof(text));
	if (is_expected) {
		log_event(LOG_LEVEL_INFO, "child_ended", "what=\"%s\"", text);
		return (role != RUN_WRITERD && role != RUN_HANDLER) ||
		       !any_running(r);
	}
	if (!r->options.check) {
		log_event(LOG_LEVEL_ERR, "child_died", "what=\"%s\"", text);
	}
	/* Neither is restarted: of the writer we no longer have the
	 * credential, and nothing can be executed any more. */
	if ((role == RUN_WRITERD || role == RUN_HANDLER) && any_running(r)) {
		log_event(LOG_LEVEL_WARN, "writer_gone",
		    "hint=\"proposals and approvals go on; `countersign apply` "
		    "brings its own writer\"");
		return false;
	}
	if (role == RUN_JWKS && any_running(r)) {
		log_event(LOG_LEVEL_WARN, "key_fetcher_gone",
		    "hint=\"the issuer's keys stay as they are until a "
		    "restart\"");
		return false;
	}
	*code_out = CS_EXIT_FAILED;
	return true;
}

int
run_supervise(struct run *r)
{
	int code = CS_EXIT_OK;
	bool is_over = !any_running(r);

	while (!is_over) {
		int role = wait_any(r);
		if (role < 0) {
			log_event(LOG_LEVEL_INFO, "stopping", "signal=%d",
			    (int)stop_requested);
			break;
		}
		is_over = judge_end(r, (enum run_role)role, &code);
	}
	/* Also after an accident: the others must not serve on their own. */
	run_stop(r);
	return code;
}
