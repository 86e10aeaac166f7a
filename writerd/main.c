/*
 * writerd - the only process that was ever given the write credential.
 *
 * Claims one job from ledgerd, checks it against its own contract and the
 * ledger's public key, runs one guarded transaction, reports, and asks again.
 * No event loop, no threads, no listener: more throughput is more processes.
 *
 * SECURITY
 *	Holds the write URLs (in guarded memory, delivered after the process
 *	became undumpable). Believes nobody: signature, hash, contract,
 *	approvals, bounds, tenant and expiry are verified here before a
 *	transaction is opened. Every identifier comes from the contract, every
 *	value is a parameter. After start-up it can reach the databases that it
 *	was given and nothing else.
 *
 * DIAGNOSTICS
 *	Fatal: contract, key or credentials that cannot be had, a ledger with
 *	another key or contract, a sandbox that cannot be had (exit 111). A job
 *	that does not hold is refused with a receipt. An unknown COMMIT is
 *	settled by the receipt row, never by trying again. When ledgerd goes
 *	away a transaction whose COMMIT was not sent is rolled back and the
 *	process ends.
 */
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/digest.h"
#include "common/proc/startup.h"
#include "writerd/check.h"
#include "writerd/ledger_link.h"
#include "writerd/stop.h"
#include "writerd/work.h"

#define CLAIM_WAIT_MS 30000U
/* Of a writer that was started for one command. */
#define CLAIM_WAIT_IDLE_MS 2000U
#define POSTURE_S          300

static const char usage[] =
    "usage: writerd --config FILE --key FILE --ledger-fd N|--ledger-socket "
    "PATH [--user NAME]\n"
    "               [--exit-idle] [--posture-seconds N]\n"
    "       writerd --config FILE --check [--user NAME]\n"
    "       writerd --config FILE --statements\n";

struct options {
	const char *key;
	int64_t posture_s; /* how often the roles are looked at */
	bool exit_idle;
	bool check;      /* look at the databases, print, and end */
	bool statements; /* print what an apply would send, and end */
};

static int
parse_options(const struct startup *s, int argc, char **argv,
    struct options *out, struct err *e)
{
	bool known = true;

	for (int i = 1; i < argc && known; i++) {
		if (strcmp(argv[i], "--exit-idle") == 0) {
			out->exit_idle = true;
		} else if (strcmp(argv[i], "--check") == 0) {
			out->check = true;
		} else if (strcmp(argv[i], "--statements") == 0) {
			out->statements = true;
		} else if (strcmp(argv[i], "--key") == 0 && i + 1 < argc) {
			out->key = argv[++i];
		} else if (strcmp(argv[i], "--posture-seconds") == 0 &&
			   i + 1 < argc) {
			out->posture_s = str_to_number(argv[++i], 86400);
			known = out->posture_s > 0;
		} else {
			known = false;
		}
	}
	if (known && s->config != NULL &&
	    (out->check || out->statements ||
		(out->key != NULL && s->ledger_fd >= 0))) {
		return 0;
	}
	return err_set(e, CS_E_INVALID, "USAGE", "%s", usage);
}

/* Look at the roles when it is time: before the first job, and then between
 * two of them. */
static void
look_when_due(struct work *w, int64_t every_s, int64_t *next_ms)
{
	if (clock_mono_ms() >= *next_ms) {
		sources_look(w->sources);
		*next_ms = clock_mono_ms() + every_s * 1000;
	}
}

static int
serve(struct work *w, struct ledger_link *link, const struct options *o,
    struct err *e)
{
	int64_t patience_ms = o->exit_idle ? CLAIM_WAIT_IDLE_MS : CLAIM_WAIT_MS;
	uint32_t wait_ms =
	    (uint32_t)(o->posture_s * 1000 < patience_ms ? o->posture_s * 1000
							 : patience_ms);
	int64_t next_look_ms = 0;
	struct arena *a = arena_new();
	int rc = 0;

	while (rc == 0 && !stop_was_asked()) {
		struct msg_job m;
		arena_reset(a);
		/* Not while a claim is under way: its job would wait. */
		if (!link->has_claimed) {
			look_when_due(w, o->posture_s, &next_look_ms);
		}
		rc = ledger_claim(link, wait_ms, a, &m, e);
		if (rc == CS_E_NOT_FOUND) {
			rc = o->exit_idle ? CS_E_EOF : 0;
			continue;
		}
		if (rc == 0) {
			link->claim_ahead_ms =
			    clock_mono_ms() < next_look_ms ? wait_ms : 0;
			rc = work_do(w, &m, a, e);
		}
	}
	arena_free(&a);
	/* Whoever started us wanted us to stop, or ledgerd is gone: both are an
	 * orderly end, because every transaction is finished. */
	return rc == CS_E_EOF ? 0 : rc;
}

/* Findings go to standard output, a line each: 1 if one of them is not well. */
static int
check(struct sources *s, struct arena *a, struct err *e)
{
	struct buf lines = BUF_INIT;
	bool all_ok = check_sources(s, a, &lines);
	int rc = fd_write_all(STDOUT_FILENO, lines.data, lines.len, -1);

	buf_clear(&lines);
	return rc != 0 ? err_sys(e, "cannot print") : all_ok ? 0 : 1;
}

/* From the contract alone: no credential is taken and nothing is opened. */
static int
print_statements(const struct startup *s, struct arena *a, struct err *e)
{
	struct contract *contract = NULL;
	struct buf lines = BUF_INIT;
	int rc = contract_load(s->config, &contract, e);

	if (rc == 0) {
		rc = check_put_statements(contract, a, &lines, e);
	}
	if (rc == 0 &&
	    fd_write_all(STDOUT_FILENO, lines.data, lines.len, -1) != 0) {
		rc = err_sys(e, "cannot print");
	}
	buf_clear(&lines);
	contract_free(&contract);
	return rc;
}

/* Everything that a writer is made of. */
struct writer {
	struct startup startup;
	struct options options;
	struct contract *contract;
	uint8_t ledger_key[PUBLIC_KEY_LEN];
	struct sources sources;
	struct ledger_link link;
	struct work work;
	char *runner_id;
	struct signers signers; /* reviewers' keys, if the contract has any */
};

static int
set_up(struct writer *w, int argc, char **argv, struct arena *a, struct err *e)
{
	struct confine confine;
	int rc = parse_options(&w->startup, argc, argv, &w->options, e);

	if (rc == 0 && w->options.statements) {
		return print_statements(&w->startup, a, e);
	}
	if (rc != 0 ||
	    (rc = contract_load(w->startup.config, &w->contract, e)) != 0 ||
	    (!w->options.check && (rc = public_key_load(w->options.key,
				       w->ledger_key, e)) != 0)) {
		return rc;
	}
	if ((rc = signers_open(w->contract->allowed_signers, &w->signers,
		 &w->work.authority.signers, e)) != 0) {
		return rc;
	}
	w->runner_id = startup_env_dup(&w->startup, "SYNAPSOR_RUNNER_ID");
	sources_init(&w->sources, w->contract);
	if ((rc = startup_credentials(&w->startup, w->sources.credentials,
		 w->sources.credential_count, e)) != 0 ||
	    (rc = sources_confine(&w->sources, a, &confine, e)) != 0 ||
	    (rc = startup_confine(&w->startup, &confine, e)) != 0) {
		return rc;
	}
	if (w->options.check) {
		return startup_ready(&w->startup, e);
	}
	w->link.role = ROLE_WRITER;
	w->link.fd = w->startup.ledger_fd;
	w->link.alive_fd = startup_liveness_fd(&w->startup);
	stop_catch(&w->link);
	rc = ledger_hello(&w->link, w->contract->digest, w->ledger_key, a, e);
	return rc != 0 ? rc : startup_ready(&w->startup, e);
}

int
main(int argc, char **argv)
{
	struct writer w = {
	    .startup = {.role = PROC_WRITERD, .program = "writerd"},
	    .options = {.posture_s = POSTURE_S}};
	struct arena *a = arena_new();
	struct err e = {0};
	int rc;

	log_init("writerd", LOG_LEVEL_NOTICE);
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
				   .signers = w.work.authority.signers},
	    .sources = &w.sources,
	    .link = &w.link,
	    .runner_id = w.runner_id != NULL ? w.runner_id : "local_runner"};
	rc = w.options.statements ? 0
	     : w.options.check    ? check(&w.sources, a, &e)
				  : serve(&w.work, &w.link, &w.options, &e);
	if (rc < 0) {
		log_err(LOG_LEVEL_ERR, "stopped", &e);
	}
	if (!w.options.check && !w.options.statements) {
		ledger_link_clear(&w.link);
	}
	if (!w.options.statements) {
		sources_clear(&w.sources);
	}
	contract_free(&w.contract);
	signers_clear(&w.signers);
	free(w.runner_id);
	arena_free(&a);
	startup_clear(&w.startup);
	return rc == 0  ? CS_EXIT_OK
	       : rc > 0 ? CS_EXIT_FAILED
			: CS_EXIT_ENVIRONMENT;
}
