/*
 * countersign-jwks - keeps the public keys of the tokens' issuer on disk.
 *
 * Fetches http_auth.jwks_url of the contract every ten minutes, and when it is
 * told to (SIGHUP), looks whether that is a set of public keys, and replaces
 * http_auth.jwks_file. mcpd and ledgerd read that file; neither can reach the
 * network for it.
 *
 * SECURITY
 *
 * Holds nothing. It is the one process that talks to the issuer, so that
 * neither the model-facing process has a way out nor the ledger's. What it
 * writes decides whose tokens are believed: it runs as a user of its own, and
 * nobody else may write its folder. A set with private or symmetric keys, or
 * with none, is not written.
 *
 * DIAGNOSTICS
 *
 * Fatal: a contract without jwks_url, a folder that cannot be written, a
 * sandbox that cannot be had (exit 111). Not fatal: an issuer that does not
 * answer; the keys on disk stay, and it is asked again after 30 s. With --once
 * the exit code is 1 then.
 */
#include <curl/curl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/base/xalloc.h"
#include "common/contract/contract.h"
#include "common/crypto/digest.h"
#include "common/proc/startup.h"
#include "common/token/keys.h"
#include "jwks/fetch.h"

#define REFRESH_S  600
#define COOLDOWN_S 30

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t fetch_requested;

static void
on_signal(int number)
{
	if (number == SIGHUP) {
		fetch_requested = 1;
	} else {
		stop_requested = 1;
	}
}

/* Taken only while waiting: a fetch in hand is finished. */
static void
catch_signals(sigset_t *waiting)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t block;

	(void)sigemptyset(&block);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		(void)sigaddset(&block, numbers[i]);
		(void)sigaction(numbers[i], &action, NULL);
	}
	(void)pthread_sigmask(SIG_BLOCK, &block, waiting);
}

/* Only whole, sound sets replace what is there. */
static int
refresh(const struct contract_auth *auth, struct err *e)
{
	struct buf text = BUF_INIT;
	struct token_keys *keys = NULL;
	int rc = fetch(auth->jwks_url, TOKEN_KEYS_MAX_BYTES, &text, e);

	if (rc == 0) {
		rc = token_keys_parse_jwks(buf_as_span(&text), &keys, e);
	}
	if (rc == 0) {
		rc = file_write_atomic(
		    auth->jwks_file, text.data, text.len, 0644, e);
	}
	if (rc == 0) {
		log_event(LOG_LEVEL_INFO, "keys_written",
		    "keys=%zu file=\"%s\"", token_keys_count(keys),
		    auth->jwks_file);
	} else {
		log_err(LOG_LEVEL_WARN, "keys_kept", e);
	}
	token_keys_free(&keys);
	buf_clear(&text);
	return rc;
}

/* Until a signal or the time; true when the supervisor is gone. */
static bool
wait_for(int alive_fd, int64_t wait_ms, const sigset_t *waiting)
{
	struct timespec limit = {wait_ms / 1000, wait_ms % 1000 * 1000000};
	struct pollfd fd = {alive_fd, POLLIN, 0};

	return ppoll(&fd, alive_fd >= 0 ? 1 : 0, &limit, waiting) > 0;
}

/* The cooldown holds however often a fetch is asked for; a request that comes
 * meanwhile is remembered. */
static void
serve(const struct contract_auth *auth, int alive_fd, const sigset_t *waiting)
{
	struct err e = {0};
	bool gone = false;

	while (!gone && !stop_requested) {
		int64_t next = REFRESH_S;
		int64_t started = clock_mono_ms();

		fetch_requested = 0;
		if (refresh(auth, &e) != 0) {
			next = COOLDOWN_S;
		}
		while (!gone && !stop_requested) {
			int64_t due = fetch_requested ? COOLDOWN_S : next;
			int64_t left = due * 1000 - (clock_mono_ms() - started);

			if (left <= 0) {
				break;
			}
			gone = wait_for(alive_fd, left, waiting);
		}
	}
}

static int
set_up(struct startup *s, int argc, char **argv, bool *once,
    struct contract **contract, struct err *e)
{
	char folder[PATH_MAX];
	uint16_t port = 0;
	struct path_rule rule = {folder, PATH_RW};
	struct confine c = {.paths = &rule,
	    .path_count = 1,
	    .is_db_client = true,
	    .tcp_ports = &port,
	    .tcp_port_count = 1};
	const struct contract_auth *auth = NULL;
	int rc = 0;

	*once = argc == 2 && strcmp(argv[1], "--once") == 0;
	if (s->config == NULL || (argc > 1 && !*once)) {
		return err_set(e, CS_E_INVALID, "USAGE",
		    "usage: countersign-jwks --config FILE [--once] "
		    "[--user NAME]");
	}
	rc = contract_load(s->config, contract, e);
	auth = rc == 0 ? (*contract)->auth : NULL;
	if (rc == 0 && (auth == NULL || auth->jwks_url == NULL)) {
		rc = err_set(e, CS_E_CONFIG, "JWKS_URL_MISSING",
		    "the contract has no http_auth.jwks_url: nothing to fetch");
	}
	if (rc != 0 || auth == NULL ||
	    (rc = startup_credentials(s, NULL, 0, e)) != 0) {
		return rc;
	}
	(void)snprintf(folder, sizeof(folder), "%.*s",
	    SPAN_ARGS(path_folder(auth->jwks_file)));
	port = (uint16_t)fetch_port(auth->jwks_url);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	rc = startup_confine(s, &c, e);
	return rc != 0 ? rc : startup_ready(s, e);
}

int
main(int argc, char **argv)
{
	struct startup s = {.role = PROC_JWKS, .program = "countersign-jwks"};
	struct contract *contract = NULL;
	struct err e = {0};
	sigset_t waiting;
	bool once = false;
	int code = CS_EXIT_OK;

	log_init("countersign-jwks", LOG_LEVEL_INFO);
	crypto_init();
	if (startup_harden(&s, &argc, argv, &e) != 0 ||
	    set_up(&s, argc, argv, &once, &contract, &e) != 0) {
		contract_free(&contract);
		return startup_fail(&s, &e);
	}
	cs_assert(contract != NULL && contract->auth != NULL);
	catch_signals(&waiting);
	if (once) {
		code = refresh(contract->auth, &e) == 0 ? CS_EXIT_OK
							: CS_EXIT_FAILED;
	} else {
		serve(contract->auth, startup_liveness_fd(&s), &waiting);
	}
	curl_global_cleanup();
	contract_free(&contract);
	startup_clear(&s);
	return code;
}
