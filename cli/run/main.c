/*
 * countersign-run - the embedded mode: one command, one supervisor, up to three
 * children.
 *
 * It resolves the credentials, starts ledgerd, writerd and mcpd in this order,
 * hands each its own, forgets them, confines itself and waits. See
 * docs/modes.md for what this protects against and what it does not.
 *
 * SECURITY
 *	Holds every credential, but only until mcpd runs; root, if it was
 *	started as root, equally long. Reads argv, its environment, the
 *	contract's path and the contract (owner and mode checked). Never reads
 *	stdin, listens on nothing itself: the listeners it makes are ledgerd's.
 *	From its children it reads bootstrap packets and exit statuses only.
 *	mcpd, the one that meets hostile input, comes last: by then no sibling
 *	is dumpable or still waits for a secret.
 *
 * DIAGNOSTICS
 *	Fatal: a contract that does not load, root without the system users,
 *	a child that does not come up (its own words are repeated), a sandbox
 *	that cannot be had and was not waived. The end of ledgerd or a failing
 *	mcpd ends everything, status 1. The end of writerd is only reported.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run/run.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/contract/contract.h"

/* Nothing is open and nothing runs: run_stop and run_clear work from here. */
static void
run_init(struct run *r)
{
	memset(r, 0, sizeof(*r));
	r->startup.role = PROC_RUN;
	r->startup.program = "countersign-run";
	r->dir.dir_fd = r->dir.lock_fd = -1;
	for (int i = 0; i < RUN_ROLES; i++) {
		r->children[i] = (struct child){
		    .role = (enum run_role)i, .pidfd = -1, .channel = -1};
		r->ledger_fd[i] = -1;
	}
}

static void
run_clear(struct run *r)
{
	run_secrets_clear(&r->secrets);
	run_options_clear(&r->options);
	contract_free(&r->contract);
	rundir_close(&r->dir);
	free(r->libexec);
	startup_clear(&r->startup);
}

/* Start, give everything up, wait. A start that fails ends what it started. */
static int
run_all(struct run *r, struct err *e)
{
	int rc = run_start(r, e);

	if (rc == 0) {
		rc = run_confine(r, e);
	}
	if (rc != 0) {
		run_stop(r);
		return startup_fail(&r->startup, e);
	}
	return run_supervise(r);
}

int
main(int argc, char **argv)
{
	struct run r;
	struct err e = {0};
	int code;

	run_init(&r);
	if (startup_harden(&r.startup, &argc, argv, &e) != 0 ||
	    run_options_parse(&r.options, argc, argv, &e) != 0) {
		code = startup_fail(&r.startup, &e);
		if (code == CS_EXIT_USAGE) {
			(void)fputs(run_usage, stderr);
		}
	} else if (r.options.wants_help) {
		(void)fputs(run_usage, stdout);
		code = CS_EXIT_OK;
	} else {
		code = run_all(&r, &e);
	}
	run_clear(&r);
	return code;
}
