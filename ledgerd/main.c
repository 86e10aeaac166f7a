/*
 * ledgerd - owner of the ledger.
 *
 * Records every read, refusal, proposal, decision and receipt; derives
 * proposals from its own copy of the contract; signs decisions and jobs. Its
 * three listeners are its only way in, and it opens no other socket.
 *
 * SECURITY
 *	Holds the ledger file and the signing key, never a database credential.
 *	mcpd is treated as hostile: what it sends is checked again against the
 *	contract. A person on the control socket is the peer's uid. A writer's
 *	word is taken for what became of a job that this process gave it, and
 *	for nothing else. After start-up: no new socket, no other program.
 *
 * DIAGNOSTICS
 *	Fatal: a contract or ledger that cannot be opened or is damaged, a
 *	sandbox that cannot be had (exit 111), wrong usage (100), a broken
 *	invariant (abort). A peer that breaks the protocol loses its
 *	connection. A commit that fails is answered as LEDGER_UNAVAILABLE to all
 *	whom it concerns.
 */
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/base/people.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/proc/startup.h"
#include "common/token/verifier.h"
#include "ledgerd/conn.h"
#include "ledgerd/documents.h"
#include "ledgerd/group_commit.h"
#include "ledgerd/listeners.h"
#include "ledgerd/metrics.h"
#include "ledgerd/release.h"
#include "ledgerd/store/events.h"
#include "ledgerd/store/lock.h"
#include "ledgerd/verify.h"

static const char usage[] =
    "usage: ledgerd --config FILE --store FILE --listen-fd NAME=N...\n"
    "               [--exit-idle] [--user NAME]\n"
    "       ledgerd --verify --store COPY --public-key FILE [--anchor TEXT]\n";

struct options {
	const char *store;
	const char *public_key; /* --verify: of the ledger that it was */
	const char *anchor;     /* --verify: an entry that was kept elsewhere */
	bool exit_idle;
	bool verify; /* look at a copy, print what was found, and end */
};

static int
parse_options(int argc, char **argv, struct options *o, struct err *e)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--exit-idle") == 0) {
			o->exit_idle = true;
		} else if (strcmp(argv[i], "--verify") == 0) {
			o->verify = true;
		} else if (strcmp(argv[i], "--public-key") == 0 &&
			   i + 1 < argc) {
			o->public_key = argv[++i];
		} else if (strcmp(argv[i], "--anchor") == 0 && i + 1 < argc) {
			o->anchor = argv[++i];
		} else if (strcmp(argv[i], "--store") == 0 && i + 1 < argc) {
			o->store = argv[++i];
		} else {
			return err_set(e, CS_E_INVALID, "USAGE", "%s", usage);
		}
	}
	return o->store != NULL && (!o->verify || o->public_key != NULL)
		   ? 0
		   : err_set(e, CS_E_INVALID, "USAGE", "%s", usage);
}

/* Accounts of this machine that are people in the file of allowed signers. Who
 * is added later is listed in the contract with a uid, or known after a
 * restart. */
static void
resolve_signers(struct ledger *l)
{
	if (l->signers == NULL) {
		return;
	}
	l->signer_accounts =
	    xcalloc(l->signers->count, sizeof(*l->signer_accounts));
	for (size_t i = 0; i < l->signers->count; i++) {
		struct signer_account *a =
		    &l->signer_accounts[l->signer_account_count];
		a->uid = people_uid(l->signers->list[i].person);
		if (a->uid >= 0) {
			(void)snprintf(a->user, sizeof(a->user), "%s",
			    l->signers->list[i].person);
			l->signer_account_count++;
		}
	}
}

/* Names become uids now: afterwards there is no NSS to ask. */
static void
resolve_people(struct ledger *l)
{
	l->owner_uid = geteuid();
	if (!people_name(geteuid(), l->owner)) {
		(void)snprintf(l->owner, sizeof(l->owner), "uid-%u", geteuid());
	}
	resolve_signers(l);
	l->reviewer_count = l->contract->reviewer_count;
	l->reviewers = xcalloc(l->reviewer_count, sizeof(*l->reviewers));
	for (size_t i = 0; i < l->reviewer_count; i++) {
		l->reviewers[i].row = &l->contract->reviewers[i];
		l->reviewers[i].uid = l->contract->reviewers[i].uid;
		if (l->reviewers[i].uid < 0) {
			l->reviewers[i].uid =
			    people_uid(l->contract->reviewers[i].user);
		}
		if (l->reviewers[i].uid < 0) {
			log_event(LOG_LEVEL_WARN, "reviewer_unknown",
			    "user=\"%s\"", l->contract->reviewers[i].user);
		}
	}
}

/* The contract in force is part of the record, bytes and all. */
static int
record_contract(struct ledger *l, struct err *e)
{
	struct store *s = &l->store;
	struct span known;
	int rc = stmt_run(s, STMT_META_GET, e, "s", l->contract->digest_text);

	if (rc == SQLITE_ROW) {
		known = stmt_span(s->stmts[STMT_META_GET], 0);
		(void)json_int64(known, &l->contract_event);
	}
	stmt_done(s, STMT_META_GET);
	if (rc != SQLITE_DONE) {
		return rc == SQLITE_ROW ? 0 : CS_E_UNAVAILABLE;
	}
	rc = event_append(s,
	    &(struct event_row){.kind = "contract_activated",
		.actor = span_of("ledgerd"),
		.body = l->contract->bytes},
	    e);
	/* Found again by its digest: a restart with the same contract adds
	 * nothing. */
	if (rc == 0) {
		char text[24];
		l->contract_event = s->last_event_id;
		(void)snprintf(
		    text, sizeof(text), "%lld", (long long)l->contract_event);
		rc = stmt_change(
		    s, STMT_META_SET, e, "ss", l->contract->digest_text, text);
	}
	l->head_wanted = true;
	return rc;
}

/* Key before store: a head may have to be signed with the first event. Lost
 * jobs are settled last, when there is a record to say so in. */
static int
open_ledger(struct ledger *l, const struct options *o, struct err *e)
{
	char key_path[PATH_MAX];
	int rc;

	if (snprintf(key_path, sizeof(key_path), "%s.key", o->store) >=
	    (int)sizeof(key_path)) {
		return err_set(e, CS_E_TOO_LARGE, NULL, "store path too long");
	}
	rc = sign_key_open_or_create(key_path, &l->key, e);
	if (rc == 0) {
		rc = store_lock(o->store, e);
	}
	if (rc == 0) {
		rc = store_open(&l->store, o->store, e);
	}
	if (rc == 0) {
		evidence_prepare_filters(l);
		rc = record_contract(l, e);
	}
	if (rc == 0) {
		rc = freezes_load(l, e);
	}
	if (rc == 0) {
		rc = release_recover(l, e);
	}
	return rc;
}

static void
on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct ledger *l = arg;

	(void)fd;
	(void)what;
	l->stopping = true;
	(void)event_base_loopbreak(l->base);
}

/*
 * Nobody has asked for a while. Who connects while we leave would be left alone
 * with a dead socket, so the lock is only shared from here on, by which others
 * know (rundir_is_leaving); whoever was earlier is taken over, and we stay.
 */
static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct ledger *l = arg;

	if (l->lock_fd >= 0) {
		(void)flock(l->lock_fd, LOCK_SH);
	}
	if (!listeners_take_pending() ||
	    (l->lock_fd >= 0 && flock(l->lock_fd, LOCK_EX | LOCK_NB) != 0)) {
		on_stop(fd, what, arg);
	}
}

/* What the supervisor knows about tenant and principal, mcpd cannot change. */
static void
trust_context(struct ledger *l, const struct startup *s)
{
	const struct contract_context *c = l->contract->trusted_context;

	if (c != NULL && c->provider <= PROVIDER_STATIC_DEV) {
		l->tenant = startup_env_dup(s, c->tenant_id_env);
		l->principal = startup_env_dup(s, c->principal_env);
	}
}

/* Signals, the end of the supervisor, idleness: all end the loop the same
 * way. */
static void
add_events(struct ledger *l, const struct startup *s)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	int alive = startup_liveness_fd(s);

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct event *ev =
		    evsignal_new(l->base, signals[i], on_stop, l);
		cs_assert(ev != NULL);
		(void)event_add(ev, NULL);
	}
	if (alive >= 0) {
		struct event *ev =
		    event_new(l->base, alive, EV_READ, on_stop, l);
		cs_assert(ev != NULL);
		(void)event_add(ev, NULL);
	}
	l->idle_event = evtimer_new(l->base, on_idle, l);
	cs_assert(l->idle_event != NULL);
	group_commit_init(l);
}

/* The ledger's folder, and the keys of tokens, which others replace. */
static int
confine(struct ledger *l, struct startup *s, const char *store, struct err *e)
{
	char folder[PATH_MAX];
	char keys[PATH_MAX] = "";
	char signers[PATH_MAX] = "";
	struct path_rule rules[3] = {{folder, PATH_RW}};
	struct confine c = {.paths = rules, .path_count = 1};

	(void)snprintf(
	    folder, sizeof(folder), "%.*s", SPAN_ARGS(path_folder(store)));
	if (l->verifier != NULL) {
		const char *path = verifier_path(l->contract->auth);

		(void)snprintf(
		    keys, sizeof(keys), "%.*s", SPAN_ARGS(path_folder(path)));
		rules[c.path_count++] = (struct path_rule){keys, PATH_RO};
	}
	/* The folder: the file is replaced by another when it changes. */
	if (l->signers != NULL) {
		(void)snprintf(signers, sizeof(signers), "%.*s",
		    SPAN_ARGS(path_folder(l->signers->path)));
		rules[c.path_count++] = (struct path_rule){signers, PATH_RO};
	}
	return startup_confine(s, &c, e);
}

/* libevent's own words, which are about descriptors and never about data. */
static void
on_library_says(int severity, const char *text)
{
	if (severity > EVENT_LOG_MSG) {
		log_event(LOG_LEVEL_WARN, "event_library", "text=\"%s\"", text);
	}
}

/* Somebody else's ledger, or this one from a backup: a copy of the file and the
 * public key are all there is. 1: something does not hold. */
static int
verify_and_print(
    struct ledger *l, struct startup *s, const struct options *o, struct err *e)
{
	uint8_t key[PUBLIC_KEY_LEN];
	struct buf text = BUF_INIT;
	bool holds = false;
	int rc;

	if ((rc = startup_credentials(s, NULL, 0, e)) != 0 ||
	    (rc = public_key_load(o->public_key, key, e)) != 0 ||
	    (rc = store_open(&l->store, o->store, e)) != 0 ||
	    (rc = confine(l, s, o->store, e)) != 0) {
		return rc;
	}
	rc = verify_file(&l->store, key, span_of(o->anchor), &text, &holds, e);
	buf_putc(&text, '\n');
	if (rc == 0 &&
	    fd_write_all(STDOUT_FILENO, text.data, text.len, -1) != 0) {
		rc = err_sys(e, "cannot print");
	}
	buf_clear(&text);
	store_close(&l->store);
	return rc != 0 ? rc : holds ? 0 : 1;
}

static int
set_up(
    struct ledger *l, struct startup *s, int argc, char **argv, struct err *e)
{
	struct options o = {0};
	struct contract *contract = NULL;
	int rc = parse_options(argc, argv, &o, e);

	if (rc == 0 && o.verify) {
		crypto_init();
		rc = verify_and_print(l, s, &o, e);
		l->verified = true;
		l->verdict = rc == 0 ? CS_EXIT_OK : CS_EXIT_FAILED;
		return rc < 0 ? rc : 0;
	}
	if (rc != 0 || s->config == NULL) {
		return rc != 0 ? rc
			       : err_set(e, CS_E_INVALID, "USAGE", "%s", usage);
	}
	rc = contract_load(s->config, &contract, e);
	if (rc != 0) {
		return rc;
	}
	l->contract = contract;
	l->exit_idle = o.exit_idle;
	l->lock_fd = s->lock_fd;
	trust_context(l, s);
	/* None: ledgerd takes no secret, but the supervisor waits for the
	 * answer. */
	if ((rc = startup_credentials(s, NULL, 0, e)) != 0) {
		return rc;
	}
	crypto_init();
	if ((rc = signers_open(contract->allowed_signers, &l->signer_file,
		 &l->signers, e)) != 0) {
		return rc;
	}
	resolve_people(l);
	event_set_log_callback(on_library_says);
	l->base = event_base_new();
	cs_assert(l->base != NULL);
	cs_assert(event_base_priority_init(l->base, 2) == 0);
	add_events(l, s);
	rc = open_ledger(l, &o, e);
	if (rc == 0 && contract->auth != NULL) {
		rc = verifier_new(contract->auth, &l->verifier, e);
	}
	if (rc == 0) {
		/* After the ledger: whoever can connect finds a record to
		 * write to. */
		rc = listeners_open(l, &s->listeners, e);
	}
	if (rc == 0) {
		rc = confine(l, s, o.store, e);
	}
	return rc;
}

#define META_ISOLATION "isolation"

/* What was missing from the sandbox at the last start. */
static int
isolation_before(struct ledger *l, struct buf *out, struct err *e)
{
	struct store *s = &l->store;
	int rc = stmt_run(s, STMT_META_GET, e, "s", META_ISOLATION);

	if (rc == SQLITE_ROW) {
		buf_span(out, stmt_span(s->stmts[STMT_META_GET], 0));
	}
	stmt_done(s, STMT_META_GET);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : CS_E_UNAVAILABLE;
}

/* Whoever reads the record later has to know under which protection it was
 * made: with less than the whole sandbox (--accept-reduced-isolation) it says
 * so, and again when that has changed. */
static int
record_isolation(struct ledger *l, const struct startup *s, struct err *e)
{
	struct buf before = BUF_INIT;
	struct buf body = BUF_INIT;
	struct json_out j;
	int rc = isolation_before(l, &before, e);

	if (rc == 0 &&
	    !span_equal(buf_as_span(&before), buf_as_span(&s->degraded))) {
		json_begin(&j, &body, 0);
		json_open(&j, '{');
		json_field_span(&j, "missing", buf_as_span(&s->degraded));
		json_close(&j, '}');
		rc = event_append(&l->store,
		    &(struct event_row){.kind = s->degraded.len > 0
						    ? "isolation_reduced"
						    : "isolation_restored",
			.actor = span_of("ledgerd"),
			.body = buf_as_span(&body)},
		    e);
		if (rc == 0) {
			rc = stmt_change(&l->store, STMT_META_SET, e, "ss",
			    META_ISOLATION, buf_text(&s->degraded));
		}
	}
	buf_clear(&before);
	buf_clear(&body);
	return rc;
}

int
main(int argc, char **argv)
{
	struct startup s = {.role = PROC_LEDGERD,
	    .program = "ledgerd",
	    .listen_names = listener_names};
	struct metrics metrics = {0};
	struct ledger l = {
	    .conns = TAILQ_HEAD_INITIALIZER(l.conns), .metrics = &metrics};
	struct err e = {0};
	struct conn *c;

	log_init("ledgerd", LOG_LEVEL_NOTICE);
	l.scratch = arena_new();
	if (startup_harden(&s, &argc, argv, &e) != 0 ||
	    set_up(&l, &s, argc, argv, &e) != 0) {
		return startup_fail(&s, &e);
	}
	if (l.verified) {
		return l.verdict;
	}
	if (record_isolation(&l, &s, &e) != 0) {
		return startup_fail(&s, &e);
	}
	/* What start-up recorded is on disk before anybody is told that we
	 * serve. */
	(void)group_commit_now(&l);
	if (startup_ready(&s, &e) != 0) {
		return startup_fail(&s, &e);
	}
	conn_check_idle(&l);
	(void)event_base_dispatch(l.base);
	/* Nobody new; then the answers that are held; then the connections,
	 * whose leased jobs become lost; and a signed end over all of it. */
	listeners_close();
	(void)group_commit_now(&l);
	while ((c = TAILQ_FIRST(&l.conns)) != NULL) {
		conn_close(c);
	}
	l.head_wanted = true;
	(void)store_begin(&l.store, &e);
	(void)group_commit_now(&l);
	store_close(&l.store);
	verifier_free(&l.verifier);
	sign_key_free(&l.key);
	signers_clear(&l.signer_file);
	free(l.signer_accounts);
	freezes_free(&l.freezes);
	return CS_EXIT_OK;
}
