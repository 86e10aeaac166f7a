/*
 * writerd-handler - asks applications to make the changes that were approved.
 *
 * Claims one job from ledgerd that an application executes, checks it exactly
 * as writerd does, sends one request, judges the receipt, reports, and asks
 * again. No event loop, no threads, no listener, no database.
 *
 * SECURITY
 *	The only holder of handler URLs, tokens, signing secrets and command
 *	lines (guarded memory, delivered after the process became undumpable).
 *	Signature, hash, contract, approvals, bounds, tenant and expiry are
 *	verified here before a byte leaves. What an application answers is
 *	untrusted: size, time and form are limited, and none of its text gets
 *	further than a code and two versions. After start-up it can reach the
 *	ports of the handlers and nothing else; commands are started by a child
 *	that was forked before and never had a credential (launcher.h).
 *
 * DIAGNOSTICS
 *	Fatal: contract, key or credentials that cannot be had, a ledger with
 *	another key or contract, a sandbox that cannot be had (exit 111). A job
 *	that does not hold is refused with a receipt. Once a request was sent,
 *	only the application's own receipt or refusal says that nothing was
 *	changed; everything else is an unknown outcome.
 */
#include <curl/curl.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "common/crypto/secret.h"
#include "common/proc/startup.h"
#include "writerd/handler/work.h"
#include "writerd/stop.h"

#define CLAIM_WAIT_MS      30000U
#define CLAIM_WAIT_IDLE_MS 2000U

static const char usage[] =
    "usage: writerd-handler --config FILE --key FILE --ledger-fd "
    "N|--ledger-socket PATH\n"
    "                       [--user NAME] [--exit-idle]\n"
    "       writerd-handler --config FILE --check [--user NAME]\n";

/* Everything that this process is made of. */
struct asker {
	struct startup startup;
	const char *key;
	bool exit_idle;
	bool check; /* reach the handlers, print, and end */
	struct contract *contract;
	uint8_t ledger_key[PUBLIC_KEY_LEN];
	struct handlers handlers;
	struct launcher launcher;
	struct ledger_link link;
	struct work work;
	char *runner_id;
	struct signers signers; /* reviewers' keys, if the contract has any */
};

static int
parse_options(struct asker *w, int argc, char **argv, struct err *e)
{
	bool known = true;

	for (int i = 1; i < argc && known; i++) {
		if (strcmp(argv[i], "--exit-idle") == 0) {
			w->exit_idle = true;
		} else if (strcmp(argv[i], "--check") == 0) {
			w->check = true;
		} else if (strcmp(argv[i], "--key") == 0 && i + 1 < argc) {
			w->key = argv[++i];
		} else {
			known = false;
		}
	}
	if (known && w->startup.config != NULL &&
	    (w->check || (w->key != NULL && w->startup.ledger_fd >= 0))) {
		return 0;
	}
	return err_set(e, CS_E_INVALID, "USAGE", "%s", usage);
}

static int
serve(struct asker *w, struct err *e)
{
	uint32_t wait_ms = w->exit_idle ? CLAIM_WAIT_IDLE_MS : CLAIM_WAIT_MS;
	struct arena *a = arena_new();
	int rc = 0;

	while (rc == 0 && !stop_was_asked()) {
		struct msg_job m;
		arena_reset(a);
		rc = ledger_claim(&w->link, wait_ms, a, &m, e);
		if (rc == CS_E_NOT_FOUND) {
			rc = w->exit_idle ? CS_E_EOF : 0;
		} else if (rc == 0) {
			rc = work_do(&w->work, &m, a, e);
		}
	}
	arena_free(&a);
	return rc == CS_E_EOF ? 0 : rc;
}

/* A line for each HTTP handler: "pass NAME" or "fail NAME why". */
static int
check(struct asker *w, struct err *e)
{
	struct buf lines = BUF_INIT;
	bool all_ok = true;
	int rc;

	for (size_t i = 0; i < w->contract->executor_count; i++) {
		const struct contract_executor *x = &w->contract->executors[i];
		struct err why = {0};
		if (x->type != EXECUTOR_HTTP) {
			continue;
		}
		rc = call_probe(&w->handlers, x, &why);
		all_ok = all_ok && rc == 0;
		buf_printf(&lines, "%s %s%s%s\n", rc == 0 ? "pass" : "fail",
		    x->name, rc == 0 ? "" : " ", rc == 0 ? "" : why.msg);
	}
	rc = fd_write_all(STDOUT_FILENO, lines.data, lines.len, -1);
	buf_clear(&lines);
	return rc != 0 ? err_sys(e, "cannot print") : all_ok ? 0 : 1;
}

static int
tell_line(struct span line, void *context)
{
	struct err e = {0};

	return launcher_tell(context, line, &e);
}

/* Every executor has its turn, so that both count alike. */
static int
tell_launcher(struct asker *w, struct err *e)
{
	int rc = 0;

	if (w->launcher.fd < 0) {
		return 0;
	}
	for (size_t i = 0; i < w->contract->executor_count && rc == 0; i++) {
		const struct secret *line = handlers_secret(
		    &w->handlers, w->contract->executors[i].command_env);
		rc = line != NULL
			 ? secret_with(line, tell_line, &w->launcher)
			 : launcher_tell(&w->launcher, (struct span){0}, e);
	}
	return rc != 0 ? rc : launcher_confine(&w->launcher, e);
}

static int
set_up(struct asker *w, int argc, char **argv, struct arena *a, struct err *e)
{
	struct confine confine;
	int rc = parse_options(w, argc, argv, e);

	if (rc != 0 ||
	    (rc = contract_load(w->startup.config, &w->contract, e)) != 0 ||
	    (!w->check &&
		(rc = public_key_load(w->key, w->ledger_key, e)) != 0)) {
		return rc;
	}
	if ((rc = signers_open(w->contract->allowed_signers, &w->signers,
		 &w->work.authority.signers, e)) != 0) {
		return rc;
	}
	w->runner_id = startup_env_dup(&w->startup, "SYNAPSOR_RUNNER_ID");
	handlers_init(&w->handlers, w->contract);
	rc = launcher_fork(&w->launcher, w->contract,
	    (const int[]){w->startup.bootstrap_fd, w->startup.ledger_fd,
		w->startup.notify_fd},
	    3, w->startup.accept_reduced_isolation, e);
	if (rc != 0 ||
	    (rc = startup_credentials(&w->startup, w->handlers.credentials,
		 w->handlers.credential_count, e)) != 0 ||
	    (rc = tell_launcher(w, e)) != 0) {
		return rc;
	}
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	handlers_confine(&w->handlers, a, &confine);
	rc = startup_confine(&w->startup, &confine, e);
	if (rc != 0 || w->check) {
		return rc != 0 ? rc : startup_ready(&w->startup, e);
	}
	w->link.role = ROLE_HANDLER;
	w->link.fd = w->startup.ledger_fd;
	w->link.alive_fd = startup_liveness_fd(&w->startup);
	stop_catch(&w->link);
	rc = ledger_hello(&w->link, w->contract->digest, w->ledger_key, a, e);
	return rc != 0 ? rc : startup_ready(&w->startup, e);
}

int
main(int argc, char **argv)
{
	struct asker w = {
	    .startup = {.role = PROC_WRITERD, .program = "writerd-handler"},
	    .launcher = {.fd = -1}};
	struct arena *a = arena_new();
	struct err e = {0};
	int rc;

	log_init("writerd-handler", LOG_LEVEL_NOTICE);
	crypto_init();
	rc = startup_harden(&w.startup, &argc, argv, &e);
	if (rc == 0) {
		rc = set_up(&w, argc, argv, a, &e);
	}
	if (rc != 0) {
		return startup_fail(&w.startup, &e);
	}
	w.work = (struct work){.authority = {.contract = w.contract,
				   .ledger_key = w.ledger_key,
				   .signers = w.work.authority.signers,
				   .is_handler = true},
	    .handlers = &w.handlers,
	    .launcher = &w.launcher,
	    .link = &w.link,
	    .runner_id = w.runner_id != NULL ? w.runner_id : "local_runner"};
	rc = w.check ? check(&w, &e) : serve(&w, &e);
	if (rc < 0) {
		log_err(LOG_LEVEL_ERR, "stopped", &e);
	}
	if (!w.check) {
		ledger_link_clear(&w.link);
	}
	launcher_clear(&w.launcher);
	handlers_clear(&w.handlers);
	signers_clear(&w.signers);
	curl_global_cleanup();
	contract_free(&w.contract);
	free(w.runner_id);
	arena_free(&a);
	startup_clear(&w.startup);
	return rc == 0  ? CS_EXIT_OK
	       : rc > 0 ? CS_EXIT_FAILED
			: CS_EXIT_ENVIRONMENT;
}
