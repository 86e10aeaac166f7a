#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run/run.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/log.h"
#include "common/base/xalloc.h"
#include "common/contract/contract.h"
#include "common/proc/privdrop.h"

#define DEFAULT_STORE     "./.countersign/local.db"
#define ATTACH_TIMEOUT_MS 5000
#define ATTACH_RETRY_US   50000

/* The users that packaging creates, one per role. */
static const char *const users[RUN_ROLES] = {
    [RUN_LEDGERD] = "cs-ledgerd",
    [RUN_WRITERD] = "cs-writerd",
    [RUN_HANDLER] = "cs-handler",
    [RUN_JWKS] = "cs-jwks",
    [RUN_MCPD] = "cs-mcpd",
};

/* An ordinary user with that name. One with uid 0 would be no boundary. */
static bool
look_up_user(enum run_role role, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(users[role]); // NOLINT

	if (pw == NULL || pw->pw_uid == 0) {
		return false;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return true;
}

/*
 * Root with the three users: a kernel boundary as in packaged mode. Root
 * without them is no boundary that we could vouch for, and no ids are invented.
 */
static int
find_identities(struct run *r, struct err *e)
{
	struct identities *ids = &r->ids;
	uid_t other;

	if (geteuid() != 0) {
		return 0;
	}
	ids->are_separate =
	    look_up_user(RUN_LEDGERD, &ids->ledgerd_uid, &ids->ledgerd_gid) &&
	    look_up_user(RUN_WRITERD, &other, &ids->writerd_gid) &&
	    look_up_user(RUN_MCPD, &other, &ids->mcpd_gid);
	if (ids->are_separate) {
		const struct group *gr = getgrnam("cs-reviewers"); // NOLINT
		if (!look_up_user(RUN_HANDLER, &other, &ids->handler_gid)) {
			ids->handler_gid = 0;
		}
		ids->reviewers_gid = gr == NULL ? 0 : gr->gr_gid;
		return 0;
	}
	memset(ids, 0, sizeof(*ids));
	if (!r->startup.accept_reduced_isolation) {
		return err_set(e, CS_E_DENIED, "ROOT_WITHOUT_USERS",
		    "started as root, but the users cs-mcpd, cs-ledgerd and "
		    "cs-writerd do not exist: create them, start as an "
		    "ordinary user, or --accept-reduced-isolation");
	}
	log_event(LOG_LEVEL_WARN, "isolation_reduced",
	    "missing=\"all processes run as root\"");
	return 0;
}

/* --libexec, our own folder (a build tree), or where packages put it. Never
 * PATH: what is found here is handed credentials. */
static int
find_libexec(struct run *r, struct err *e)
{
	char self[4096];
	struct buf probe = BUF_INIT;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (r->options.libexec != NULL) {
		r->libexec = xstrdup(r->options.libexec);
		return 0;
	}
	if (n < 0) {
		return err_sys(e, "cannot find out where I am");
	}
	self[n] = '\0';
	const char *folder = dirname(self); // NOLINT(concurrency-*)
	buf_printf(&probe, "%s/ledgerd", folder);
	bool is_here = access(buf_text(&probe), X_OK) == 0;
	buf_clear(&probe);
	r->libexec = xstrdup(is_here ? folder : CS_LIBEXECDIR);
	return 0;
}

/* The precedence of 0.1.1's `mcp serve`. */
static void
choose_store(struct run *r)
{
	static char from_env[4096];
	char *value = startup_env_dup(&r->startup, "SYNAPSOR_LOCAL_STORE");

	if (r->options.store != NULL) {
		r->store = r->options.store;
	} else if (value != NULL && value[0] != '\0') {
		(void)snprintf(from_env, sizeof(from_env), "%s", value);
		r->store = from_env;
	} else if (r->contract->sqlite_path != NULL) {
		r->store = r->contract->sqlite_path;
	} else {
		r->store = DEFAULT_STORE;
	}
	free(value);
}

/*
 * Own the store, or find the instance that does. Between its lock and its
 * listening, and while an idle one is leaving, neither works: try for a while.
 */
static int
acquire_store(struct run *r, struct err *e)
{
	const char *probe =
	    r->options.role[RUN_MCPD] ? "mcpd.sock" : "control.sock";
	int64_t deadline = clock_mono_ms() + ATTACH_TIMEOUT_MS;
	int fd = -1;

	for (;;) {
		int rc = CS_E_STATE;
		if (r->options.role[RUN_LEDGERD]) {
			rc = rundir_lock(&r->dir, e);
		}
		if (rc == 0) {
			r->owns_store = true;
			return 0;
		}
		if (rc != CS_E_STATE) {
			return rc;
		}
		rc = rundir_connect(&r->dir, probe, &fd, e);
		if (rc == 0 && !rundir_is_leaving(&r->dir)) {
			break;
		}
		if (rc == 0) {
			fd_close(&fd);
			rc = err_set(e, CS_E_UNAVAILABLE, "LEDGER_LEAVING",
			    "the ledgerd that owns the store is leaving");
		}
		if (rc != CS_E_UNAVAILABLE || clock_mono_ms() > deadline) {
			return rc;
		}
		(void)usleep(ATTACH_RETRY_US);
	}
	log_event(LOG_LEVEL_INFO, "attached", "run_dir=\"%s\"", r->dir.path);
	if (r->options.role[RUN_MCPD]) {
		r->ledger_fd[RUN_MCPD] = fd;
	} else {
		fd_close(&fd);
	}
	return 0;
}

/* Which roles run here, now that we know about secrets and the store. */
static void
settle_roles(struct run *r)
{
	bool *role = r->options.role;

	if (!r->owns_store) {
		role[RUN_LEDGERD] = false;
	}
	/* Without a write URL a writer could do nothing; and when another
	 * instance owns the store, it has its own. */
	if (!r->options.roles_given &&
	    (!r->owns_store || !run_secrets_has(&r->secrets, RUN_WRITERD))) {
		role[RUN_WRITERD] = false;
	}
	if (r->contract->executor_count == 0 ||
	    (!r->options.roles_given && !r->owns_store) ||
	    ((!r->options.roles_given || role[RUN_MCPD]) &&
		!run_secrets_has(&r->secrets, RUN_HANDLER))) {
		role[RUN_HANDLER] = false;
	}
	role[RUN_JWKS] = role[RUN_MCPD] && r->contract->auth != NULL &&
			 r->contract->auth->jwks_url != NULL;
}

/* One NAME=value of our own environment, when it is set there. */
static void
add_env(const struct run *r, char **env, size_t *count, const char *name)
{
	struct buf entry = BUF_INIT;
	char *value;

	if (name == NULL || name[0] == '\0') {
		return;
	}
	value = startup_env_dup(&r->startup, name);
	if (value != NULL) {
		buf_printf(&entry, "%s=%s", name, value);
		env[(*count)++] = xstrdup(buf_text(&entry));
	}
	buf_clear(&entry);
	free(value);
}

/*
 * Tenant and principal: not secret, but fixed before the agent speaks. ledgerd
 * gets them as well, so that it need not believe mcpd.
 */
static char **
context_env(const struct run *r)
{
	const struct contract *c = r->contract;
	char **env = xcalloc(2 * c->context_count + 3, sizeof(*env));
	size_t count = 0;

	for (size_t i = 0; i <= c->context_count; i++) {
		const struct contract_context *x =
		    i < c->context_count ? &c->contexts[i] : c->trusted_context;
		if (x != NULL && x->provider == PROVIDER_ENVIRONMENT) {
			add_env(r, env, &count, x->tenant_id_env);
			add_env(r, env, &count, x->principal_env);
		}
	}
	return env;
}

/* A writer gets no tenant: it takes that from signed jobs. */
static char **
writer_env(const struct run *r)
{
	char **env = xcalloc(2, sizeof(*env));
	size_t count = 0;

	add_env(r, env, &count, "SYNAPSOR_RUNNER_ID");
	return env;
}

/* What the command lines of the three have in common. No secret is ever an
 * argument: /proc shows arguments to everybody. */
static void
command_begin(struct run *r, struct command *c, enum run_role role)
{
	struct buf path = BUF_INIT;

	buf_printf(&path, "%s/%s", r->libexec, run_role_name(role));
	command_add(c, buf_text(&path));
	buf_clear(&path);
	c->env = role == RUN_WRITERD || role == RUN_HANDLER ? writer_env(r)
		 : role == RUN_JWKS ? xcalloc(1, sizeof(*c->env))
				    : context_env(r);
	/* First, so that a complaint about another option has it already. */
	command_add(c, "--log-format");
	command_add(c, log_format_name());
	command_add(c, "--config");
	command_add(c, r->config);
	if (r->ids.are_separate) {
		command_add(c, "--user");
		command_add(c, users[role]);
	}
	if (r->startup.accept_reduced_isolation) {
		command_add(c, "--accept-reduced-isolation");
	}
	if (r->ledger_fd[role] >= 0) {
		command_add_fd(c, "--ledger-fd", "", r->ledger_fd[role]);
	}
}

/* Spawn, deliver, wait; the descriptors it inherited are then only its own. */
static int
launch(struct run *r, enum run_role role, struct command *c, struct err *e)
{
	struct child *ch = &r->children[role];
	int rc = child_spawn(ch, c, e);

	/* All but the last, which is the channel's other end and closed
	 * already. */
	for (size_t i = 0; i + 1 < c->fd_count; i++) {
		fd_close(&c->fds[i]);
	}
	r->ledger_fd[role] = -1;
	if (rc == 0) {
		rc = child_deliver(ch, &r->secrets, e);
	}
	if (rc == 0) {
		rc = child_await_confined(ch, e);
	}
	command_clear(c);
	return rc;
}

struct listener_row {
	const char *role; /* the name that is authority */
	const char *file;
};

static const struct listener_row listener_rows[] = {
    {"mcpd", "mcpd.sock"},
    {"writer", "writer.sock"},
    {"control", "control.sock"},
    {"handler", "handler.sock"},
};

/* Make the three sockets. The group of each says who may connect, and the
 * name under which ledgerd gets it says what he may ask for. */
static int
add_listeners(struct run *r, struct command *c, struct err *e)
{
	const gid_t groups[] = {r->ids.mcpd_gid, r->ids.writerd_gid,
	    r->ids.reviewers_gid, r->ids.handler_gid};
	char prefix[32];
	int fd;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int rc = rundir_listen(
		    &r->dir, listener_rows[i].file, groups[i], &fd, e);
		if (rc != 0) {
			return rc;
		}
		(void)snprintf(
		    prefix, sizeof(prefix), "%s=", listener_rows[i].role);
		command_add_fd(c, "--listen-fd", prefix, fd);
	}
	return 0;
}

/* First: the others need somebody to say HELLO to. */
static int
start_ledgerd(struct run *r, struct err *e)
{
	struct command c = {.loses_network = geteuid() == 0};
	int rc;

	command_begin(r, &c, RUN_LEDGERD);
	command_add(&c, "--store");
	command_add(&c, r->store);
	if (r->options.exit_idle) {
		command_add(&c, "--exit-idle");
	}
	rc = add_listeners(r, &c, e);
	if (rc != 0) {
		command_clear(&c);
		return rc;
	}
	/* The lock lives as long as ledgerd does, not as long as we do. */
	command_add_fd(&c, "--lock-fd", "", r->dir.lock_fd);
	r->dir.lock_fd = -1;
	return launch(r, RUN_LEDGERD, &c, e);
}

/* Children may not create Unix sockets, so they get a connected one. */
static int
connect_for(struct run *r, enum run_role role, const char *file, struct err *e)
{
	if (r->ledger_fd[role] >= 0) {
		return 0;
	}
	return rundir_connect(&r->dir, file, &r->ledger_fd[role], e);
}

/* Before mcpd: by the time hostile input is read, the processes that can write
 * are undumpable and confined. */
static int
start_writer(struct run *r, enum run_role role, const char *file, struct err *e)
{
	struct command c = {0};
	char *key = NULL;
	int rc = connect_for(r, role, file, e);

	if (rc == 0) {
		rc = rundir_ledger_key(&r->dir, r->store, &r->ids, &key, e);
	}
	if (rc == 0) {
		command_begin(r, &c, role);
		command_add(&c, "--key");
		command_add(&c, key);
		if (r->options.exit_idle) {
			command_add(&c, "--exit-idle");
		}
		rc = launch(r, role, &c, e);
	}
	free(key);
	return rc;
}

static int
start_writerd(struct run *r, struct err *e)
{
	return start_writer(r, RUN_WRITERD, "writer.sock", e);
}

/* Its secrets are nobody else's, so where there are users it has its own. */
static int
start_handler(struct run *r, struct err *e)
{
	if (r->ids.are_separate && r->ids.handler_gid == 0) {
		return err_set(e, CS_E_DENIED, "ROOT_WITHOUT_USERS",
		    "the contract has executors, but the user cs-handler, who "
		    "calls them, does not exist: create it");
	}
	return start_writer(r, RUN_HANDLER, "handler.sock", e);
}

/* A process that prints what it finds; it needs no ledger. */
static int
start_checker(struct run *r, struct err *e)
{
	struct command c = {.keeps_stdio = true};
	enum run_role role = r->options.check_reads      ? RUN_MCPD
			     : r->options.check_handlers ? RUN_HANDLER
							 : RUN_WRITERD;

	command_begin(r, &c, role);
	command_add(&c, "--check");
	return launch(r, role, &c, e);
}

/* It decides whose tokens count, so it is nobody else: where there are users
 * at all, one of its own. */
static int
start_jwks(struct run *r, struct err *e)
{
	struct command c = {0};
	uid_t uid;
	gid_t gid;

	if (r->ids.are_separate && !look_up_user(RUN_JWKS, &uid, &gid)) {
		return err_set(e, CS_E_DENIED, "ROOT_WITHOUT_USERS",
		    "the contract has a jwks_url, but the user cs-jwks, who "
		    "keeps http_auth.jwks_file, does not exist: create it, "
		    "or leave jwks_url out and keep the file yourself");
	}
	command_begin(r, &c, RUN_JWKS);
	return launch(r, RUN_JWKS, &c, e);
}

/* Last, with the client's stdin and stdout. */
static int
start_mcpd(struct run *r, struct err *e)
{
	struct command c = {.keeps_stdio = !r->options.no_stdio};
	int rc = connect_for(r, RUN_MCPD, "mcpd.sock", e);

	if (rc == 0) {
		command_begin(r, &c, RUN_MCPD);
		for (size_t i = 0; i < r->options.mcpd_arg_count; i++) {
			command_add(&c, r->options.mcpd_args[i]);
		}
		rc = launch(r, RUN_MCPD, &c, e);
	}
	return rc;
}

/* What has to be known before anything is executed. */
static int
prepare(struct run *r, struct err *e)
{
	int rc = contract_find(r->startup.config, &r->config, e);

	if (rc == 0) {
		rc = contract_load(r->config, &r->contract, e);
	}
	if (rc == 0) {
		rc = find_identities(r, e);
	}
	if (rc == 0) {
		rc = find_libexec(r, e);
	}
	if (rc == 0) {
		rc = run_secrets_load(
		    &r->secrets, r->contract, &r->options, &r->startup, e);
	}
	if (rc != 0 || r->options.check) {
		return rc;
	}
	choose_store(r);
	rc = rundir_open(&r->dir, r->store, &r->ids, e);
	return rc == 0 ? acquire_store(r, e) : rc;
}

int
run_start(struct run *r, struct err *e)
{
	int rc = prepare(r, e);

	if (rc != 0) {
		return rc;
	}
	if (r->options.check) {
		run_catch_signals(r);
		return start_checker(r, e);
	}
	settle_roles(r);
	if (r->options.role[RUN_LEDGERD]) {
		rc = start_ledgerd(r, e);
	}
	if (rc == 0 && r->options.role[RUN_WRITERD]) {
		rc = start_writerd(r, e);
	}
	if (rc == 0 && r->options.role[RUN_HANDLER]) {
		rc = start_handler(r, e);
	}
	if (rc == 0 && r->options.role[RUN_JWKS]) {
		rc = start_jwks(r, e);
	}
	run_catch_signals(r); /* whoever hears from mcpd may stop us */
	if (rc == 0 && r->options.role[RUN_MCPD]) {
		rc = start_mcpd(r, e);
	}
	return rc;
}

/* Nobody must wait for an end of file that our copy holds back. */
static int
release_stdio(struct err *e)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0) {
		return err_sys(e, "cannot let go of stdin and stdout");
	}
	fd_close(&null);
	return 0;
}

/* For the command that started us in the background: it waits for it. */
static void
print_ready(const struct run *r)
{
	struct buf line = BUF_INIT;

	buf_printf(&line, "ready %s/control.sock\n", r->dir.path);
	(void)fd_write_all(STDOUT_FILENO, line.data, line.len, -1);
	buf_clear(&line);
}

int
run_confine(struct run *r, struct err *e)
{
	const struct confine nothing = {0};
	/* Its children are other users' processes; ending them needs this. */
	uint64_t keep = r->ids.are_separate ? 1ULL << CAP_KILL : 0;
	int rc;

	/* Every child has its own by now; ours were only in passing. */
	run_secrets_clear(&r->secrets);
	if (r->options.print_ready) {
		print_ready(r);
	}
	rc = release_stdio(e);
	if (rc == 0) {
		rc = privdrop_caps(keep, e);
	}
	return rc == 0 ? startup_confine(&r->startup, &nothing, e) : rc;
}
