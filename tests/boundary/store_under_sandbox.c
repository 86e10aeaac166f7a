/*
 * Does ledgerd's allow-list cover what SQLite in WAL mode and libevent do?
 * Everything here happens after the sandbox closed, so a system call that the
 * list forgot shows as a failure (or as death).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sodium.h>
#include <sqlite3.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/proc/startup.h"

#define FILL_TABLE                                                     \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n" \
	" WHERE i<2000) INSERT INTO t(v) SELECT randomblob(900) FROM n"

static char folder[] = "/tmp/cs-test-store.XXXXXX";

static sqlite3 *
open_store(int flags)
{
	char path[64];
	sqlite3 *db = NULL;

	(void)snprintf(path, sizeof(path), "%s/l.db", folder);
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
		(void)fprintf(stderr, "open: %s\n", sqlite3_errmsg(db));
	}
	return db;
}

static int
execute(sqlite3 *db, const char *sql)
{
	char *message = NULL;
	int rc = sqlite3_exec(db, sql, NULL, NULL, &message);

	if (rc != SQLITE_OK) {
		(void)fprintf(stderr, "%s: %s\n", sql, message);
	}
	sqlite3_free(message);
	return rc;
}

static int
use_sqlite(void)
{
	static const char *const writes[] = {
	    "PRAGMA journal_mode=WAL",
	    "PRAGMA synchronous=FULL",
	    "PRAGMA temp_store=MEMORY", /* /tmp is out of reach */
	    "PRAGMA mmap_size=1048576",
	    "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)",
	    "BEGIN IMMEDIATE",
	    FILL_TABLE, // NOLINT(bugprone-suspicious-missing-comma)
	    "COMMIT",
	    "PRAGMA wal_checkpoint(TRUNCATE)",
	    "CREATE INDEX tv ON t(v)",
	    "DELETE FROM t WHERE id % 2",
	    "PRAGMA incremental_vacuum",
	    "VACUUM",
	};
	int rc = SQLITE_OK;
	sqlite3 *db = open_store(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		rc |= execute(db, writes[i]);
	}
	sqlite3 *reader = open_store(SQLITE_OPEN_READONLY);
	rc |= execute(reader, "SELECT count(*) FROM t ORDER BY v");
	rc |= execute(reader, "PRAGMA integrity_check");
	rc |= execute(db, "INSERT INTO t(v) VALUES(datetime('now'))");
	(void)sqlite3_close(reader);
	(void)sqlite3_close(db);
	return rc == SQLITE_OK ? 0 : 1;
}

static void
on_echo(struct bufferevent *bev, void *context)
{
	char data[16];

	if (bufferevent_read(bev, data, sizeof(data)) == 4) {
		*(int *)context = 1;
	}
}

static int
use_libevent(int client, int server)
{
	const struct timeval soon = {.tv_usec = 200000};
	int was_heard = 0;
	struct event_base *base = event_base_new();
	struct event *term = evsignal_new(base, SIGTERM, NULL, NULL);
	struct bufferevent *bev = bufferevent_socket_new(base, server, 0);

	if (base == NULL || bev == NULL || fd_set_nonblocking(server) != 0 ||
	    event_add(term, NULL) != 0) {
		(void)fprintf(stderr, "libevent does not start\n");
		return 1;
	}
	bufferevent_setcb(bev, on_echo, NULL, NULL, &was_heard);
	(void)bufferevent_enable(bev, EV_READ);
	(void)send(client, "ping", 4, MSG_NOSIGNAL);
	(void)event_base_loopexit(base, &soon);
	(void)event_base_dispatch(base);
	bufferevent_free(bev);
	event_free(term);
	event_base_free(base);
	return was_heard ? 0 : 1;
}

static int
confined(void)
{
	const struct path_rule rules[] = {{folder, PATH_RW}};
	const struct confine c = {.paths = rules, .path_count = 1};
	struct startup s = {.role = PROC_LEDGERD};
	struct err e = {0};
	int pair[2];

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
	    startup_confine(&s, &c, &e) != 0) {
		(void)fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	return use_sqlite() | use_libevent(pair[0], pair[1]);
}

int
main(void)
{
	char command[64];
	int status = 0;

	if (sodium_init() < 0 || mkdtemp(folder) == NULL) {
		return 1;
	}
	pid_t pid = fork();
	if (pid == 0) {
		_exit(confined());
	}
	(void)waitpid(pid, &status, 0);
	(void)snprintf(command, sizeof(command), "%s/l.db", folder);
	(void)unlink(command);
	(void)rmdir(folder);
	if (WIFSIGNALED(status)) {
		(void)fprintf(
		    stderr, "killed by signal %d\n", WTERMSIG(status));
		return 1;
	}
	return WEXITSTATUS(status);
}
