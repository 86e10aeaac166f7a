/*
 * The machine: accounts, modes of files and sockets, what the kernel can
 * confine, whether it does so for the processes that run, and the clock.
 */
#include <dirent.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/check/doctor.h"
#include "cli/control_client.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/str.h"

#define LANDLOCK_VERSION 1U /* LANDLOCK_CREATE_RULESET_VERSION */
#define LANDLOCK_WANTED  4  /* TCP ports */
#define STATUS_MAX       8192
#define WORDS_SIZE       4096
/* In every ExecStart of packaging/systemd. */
#define SERVICE_CONTRACT "/etc/countersign/countersign.json"

static const char *const daemons[] = {
    "ledgerd", "mcpd", "writerd", "writerd-handler", "countersign-jwks"};
#define DAEMONS (sizeof(daemons) / sizeof(daemons[0]))

/* Users of the packaged mode: all of them, or none. */
static void
check_users(struct doctor *d)
{
	static const char *const users[] = {
	    "cs-mcpd", "cs-ledgerd", "cs-writerd"};
	size_t found = 0;

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		// NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
		found += getpwnam(users[i]) != NULL;
	}
	if (found == sizeof(users) / sizeof(users[0])) {
		doctor_add(d, LEVEL_PASS, "os:users",
		    "cs-mcpd, cs-ledgerd and cs-writerd exist: each process "
		    "has a user of its own.");
	} else if (found > 0) {
		doctor_add(d, LEVEL_FAIL, "os:users",
		    "only some of cs-mcpd, cs-ledgerd and cs-writerd exist: "
		    "create all three, or none.");
	} else {
		doctor_add(d, LEVEL_WARN, "os:users",
		    "no users cs-mcpd, cs-ledgerd, cs-writerd: all processes "
		    "run as %s, kept apart by the sandbox only.",
		    geteuid() == 0 ? "root" : "you");
	}
}

static void
check_kernel(struct doctor *d)
{
	long abi = syscall(
	    SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_VERSION);

	if (abi >= LANDLOCK_WANTED) {
		doctor_add(
		    d, LEVEL_PASS, "os:landlock", "Landlock ABI %ld.", abi);
	} else {
		doctor_add(d, abi > 0 ? LEVEL_WARN : LEVEL_FAIL, "os:landlock",
		    "Landlock ABI %ld of the %d wanted: %s.", abi > 0 ? abi : 0,
		    LANDLOCK_WANTED,
		    abi > 0 ? "ports are confined by seccomp only"
			    : "the daemons refuse to start without "
			      "--accept-reduced-isolation");
	}
	doctor_add(d,
	    access("/proc/sys/kernel/seccomp/actions_avail", R_OK) == 0
		? LEVEL_PASS
		: LEVEL_FAIL,
	    "os:seccomp", "seccomp filters are %savailable.",
	    access("/proc/sys/kernel/seccomp/actions_avail", R_OK) == 0
		? ""
		: "not ");
}

/* A kernel that nobody synchronises: expiries and tokens depend on it. */
static void
check_clock(struct doctor *d)
{
	struct timex t = {.modes = 0};
	int state = adjtimex(&t);

	if (state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0) {
		doctor_add(d, LEVEL_PASS, "os:clock",
		    "The clock is synchronised, to %ld ms.", t.maxerror / 1000);
	} else {
		doctor_add(d, LEVEL_WARN, "os:clock",
		    "Nothing synchronises the clock: approvals and tokens "
		    "expire by it. Run an NTP client.");
	}
}

static int
read_proc(const char *pid, const char *file, struct buf *out)
{
	char path[300];
	FILE *f;
	char piece[WORDS_SIZE];
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%s/%s", pid, file);
	f = fopen(path, "re");
	if (f == NULL) {
		return CS_E_NOT_FOUND;
	}
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0 &&
	       out->len < STATUS_MAX) {
		buf_append(out, piece, n);
	}
	(void)fclose(f);
	return 0;
}

/* The number behind "Name:\t" in a status file; -1 if it is not there. */
static long long
status_number(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? -1 : strtoll(at + strlen(name), NULL, 10);
}

/* One of our processes: is it confined, and whose is it? */
static void
check_process(struct doctor *d, const char *pid, const char *program)
{
	struct buf status = BUF_INIT;
	long long seccomp;
	long long privileges;
	long long uid;

	if (read_proc(pid, "status", &status) == 0) {
		seccomp = status_number(buf_text(&status), "\nSeccomp:\t");
		privileges =
		    status_number(buf_text(&status), "\nNoNewPrivs:\t");
		uid = status_number(buf_text(&status), "\nUid:\t");
		doctor_add(d,
		    seccomp == 2 && privileges == 1 ? LEVEL_PASS : LEVEL_FAIL,
		    arena_printf(d->arena, "sandbox:%s:%s", program, pid),
		    "uid %lld, seccomp %s, no_new_privs %s.", uid,
		    seccomp == 2 ? "in force" : "NOT in force",
		    privileges == 1 ? "in force" : "NOT in force");
	}
	buf_clear(&status);
}

/* Is that in the command line, whose words are separated by NUL? */
static bool
has_word(const struct buf *words, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= words->len; i++) {
		if (memcmp(words->data + i, word, len) == 0) {
			return true;
		}
	}
	return false;
}

/* What the command line of a process of this ledger names. */
static const char *
mark_of(const char *store)
{
	return control_is_service(store) ? SERVICE_CONTRACT : store;
}

/* Waived at the start, so nobody may take it for granted later. */
static void
check_waiver(struct doctor *d, const char *pid, const char *program,
    const struct buf *words)
{
	if (has_word(words, "--accept-reduced-isolation")) {
		doctor_add(d, LEVEL_WARN,
		    arena_printf(d->arena, "isolation:%s:%s", program, pid),
		    "started with --accept-reduced-isolation; what is missing "
		    "is in its log (reduced_isolation) and in the record "
		    "(isolation_reduced).");
	}
}

static void
look_at_process(struct doctor *d, const char *pid)
{
	struct buf comm = BUF_INIT;
	struct buf words = BUF_INIT;

	if (read_proc(pid, "comm", &comm) == 0 &&
	    read_proc(pid, "cmdline", &words) == 0 &&
	    (words.len == 0 || has_word(&words, mark_of(d->store)))) {
		for (size_t i = 0; i < DAEMONS; i++) {
			/* The kernel keeps fifteen bytes of a name. */
			size_t len = strnlen(daemons[i], 15);
			if (words.len > 0 && comm.len == len + 1 &&
			    memcmp(comm.data, daemons[i], len) == 0) {
				check_process(d, pid, daemons[i]);
				check_waiver(d, pid, daemons[i], &words);
			}
		}
	}
	buf_clear(&comm);
	buf_clear(&words);
}

static void
check_processes(struct doctor *d)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t before = d->count;

	while (proc != NULL && d->store != NULL) {
		// NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
		entry = readdir(proc);
		if (entry == NULL) {
			break;
		}
		if (str_to_number(entry->d_name, INT32_MAX) > 0) {
			look_at_process(d, entry->d_name);
		}
	}
	if (proc != NULL) {
		(void)closedir(proc);
	}
	if (d->count == before) {
		doctor_add(d, LEVEL_PASS, "sandbox:processes",
		    "No process of this store runs at the moment.");
	}
}

void
doctor_system(struct doctor *d)
{
	check_users(d);
	check_kernel(d);
	check_clock(d);
	check_processes(d);
}

/* Nobody but the owner may have a way in. */
static void
check_mode(struct doctor *d, const char *name, const char *path, mode_t allowed)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		return;
	}
	if ((st.st_mode & 07777 & ~allowed) == 0) {
		doctor_add(d, LEVEL_PASS, name, "%s has mode %04o.", path,
		    (unsigned)(st.st_mode & 07777));
	} else {
		doctor_add(d, LEVEL_FAIL, name,
		    "%s has mode %04o: chmod %04o %s", path,
		    (unsigned)(st.st_mode & 07777),
		    (unsigned)(st.st_mode & allowed), path);
	}
}

void
doctor_files(struct doctor *d)
{
	static const struct {
		const char *name;
		const char *suffix;
		mode_t allowed;
	} files[] = {
	    {"file:store", "", 0600},
	    {"file:store-wal", "-wal", 0600},
	    {"file:signing-key", ".key", 0600},
	    {"file:public-key", ".key.pub", 0644},
	    {"file:sockets", ".run", 0750},
	    {"socket:control", ".run/control.sock", 0770},
	};

	check_mode(d, "file:contract", d->config, 0644);
	for (size_t i = 0;
	     d->store != NULL && i < sizeof(files) / sizeof(files[0]); i++) {
		check_mode(d, files[i].name,
		    arena_printf(d->arena, "%s%s", d->store, files[i].suffix),
		    files[i].allowed);
	}
}
