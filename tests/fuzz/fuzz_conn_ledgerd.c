/*
 * The whole of ledgerd behind its sockets, on a real file: three peers, one per
 * role, send any bytes in any chunks. Whatever they do, ledgerd lives on, its
 * chain holds, and nothing is applied that was not approved.
 *
 * An input is a list of steps: one byte (peer in the two low bits, 3 hangs up
 * the peer in the next two; chunk size in the rest), two bytes of length, data.
 * The file lies in the working directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/fdio.h"
#include "common/base/log.h"
#include "ledgerd/conn.h"
#include "ledgerd/group_commit.h"
#include "ledgerd/listeners.h"
#include "ledgerd/release.h"
#include "ledgerd/store/events.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fixture.h"

#define PEERS 4U
/* The hash in the vectors; the hash of the newest proposal takes its place. */
#define KNOWN_HASH                                                          \
	"sha256:ec57e0cd7ccecf39a54bac8f201dce0e30c645952a1526599b41e4e6de" \
	"b52d0a"

static const enum proto_role roles[PEERS] = {
    ROLE_MCPD, ROLE_WRITER, ROLE_CONTROL, ROLE_HANDLER};

static struct fixture f;
static struct ledger l = {.conns = TAILQ_HEAD_INITIALIZER(l.conns)};
static int peers[PEERS];
static char path[64];
static char template[64];

static void
nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Everybody on the list is this user, so that decisions can be made. */
static void
set_people(void)
{
	l.owner_uid = geteuid();
	(void)snprintf(l.owner, sizeof(l.owner), "fuzz");
	l.reviewer_count = f.contract->reviewer_count;
	l.reviewers = xcalloc(l.reviewer_count, sizeof(*l.reviewers));
	for (size_t i = 0; i < l.reviewer_count; i++) {
		f.contract->reviewers[i].uid = i == 0 ? (int64_t)geteuid() : 99;
		l.reviewers[i].row = &f.contract->reviewers[i];
		l.reviewers[i].uid = f.contract->reviewers[i].uid;
	}
}

static void
copy_file(const char *from, const char *to)
{
	struct buf bytes = BUF_INIT;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cs_assert(in >= 0 && out >= 0);
	cs_assert(fd_read_rest(in, 1U << 24, &bytes, NULL) == 0);
	cs_assert(fd_write_all(out, bytes.data, bytes.len, -1) == 0);
	fd_close(&in);
	fd_close(&out);
	buf_clear(&bytes);
}

/* An empty ledger is made once and copied for each input. */
static void
make_template(void)
{
	struct err e = {0};

	(void)unlink(path);
	cs_assert(store_open(&l.store, path, &e) == 0);
	cs_assert(event_append(&l.store,
		      &(struct event_row){.kind = "contract_activated",
			  .actor = span_of("ledgerd"),
			  .body = f.contract->bytes},
		      &e) == 0);
	cs_assert(store_commit(&l.store, &e) == 0);
	store_close(&l.store);
	copy_file(path, template);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_init("fuzz", LOG_LEVEL_ERR);
	cs_assert(freopen("/dev/null", "w", stdout) != NULL);
	fixture_billing(&f);
	l.contract = f.contract;
	l.contract_event = 1;
	l.key = f.key;
	l.scratch = arena_new();
	set_people();
	l.base = event_base_new();
	cs_assert(l.base != NULL && event_base_priority_init(l.base, 2) == 0);
	l.idle_event = evtimer_new(l.base, nothing, NULL);
	group_commit_init(&l);
	(void)snprintf(path, sizeof(path), "ledger-%d.db", (int)getpid());
	(void)snprintf(template, sizeof(template), "%s.empty", path);
	make_template();
	return 0;
}

static void
begin(void)
{
	struct err e = {0};

	copy_file(template, path);
	cs_assert(store_open(&l.store, path, &e) == 0);
	cs_assert(sqlite3_exec(l.store.db, "PRAGMA synchronous = OFF", NULL,
		      NULL, NULL) == SQLITE_OK);
	l.signed_event_id = 0;
	for (size_t i = 0; i < PEERS; i++) {
		int pair[2];
		cs_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			      pair) == 0);
		peers[i] = pair[0];
		conn_open(&l, pair[1], roles[i]);
	}
}

/* Let ledgerd work until nothing is ready, and throw away what it answers. */
static void
turn(void)
{
	static char waste[65536];

	(void)event_base_loop(l.base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < PEERS; i++) {
		while (peers[i] >= 0 &&
		       recv(peers[i], waste, sizeof(waste), MSG_DONTWAIT) > 0) {
		}
	}
}

static void
newest_hash(char out[DIGEST_TEXT_SIZE])
{
	sqlite3_stmt *st = NULL;

	cs_assert(sqlite3_prepare_v2(l.store.reader,
		      "SELECT proposal_hash FROM proposals"
		      " ORDER BY seq DESC LIMIT 1",
		      -1, &st, NULL) == SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW) {
		(void)snprintf(out, DIGEST_TEXT_SIZE, "%s",
		    (const char *)sqlite3_column_text(st, 0));
	}
	(void)sqlite3_finalize(st);
}

/* A proposal's hash holds the time, so no seed can know it. */
static void
put_hash(char *data, size_t len)
{
	char hash[DIGEST_TEXT_SIZE] = KNOWN_HASH;
	size_t size = sizeof(KNOWN_HASH) - 1;

	for (size_t i = 0; i + size <= len; i++) {
		if (memcmp(data + i, KNOWN_HASH, size) == 0) {
			newest_hash(hash);
			memcpy(data + i, hash, size);
		}
	}
}

static void
send_step(size_t peer, size_t chunk, struct span data)
{
	struct buf copy = BUF_INIT;
	size_t at = 0;

	buf_span(&copy, data);
	put_hash(copy.data, copy.len);
	while (at < copy.len && peers[peer] >= 0) {
		size_t len = copy.len - at < chunk ? copy.len - at : chunk;
		ssize_t n =
		    send(peers[peer], copy.data + at, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			fd_close(&peers[peer]);
		}
		at += n > 0 ? (size_t)n : 0;
		turn();
	}
	buf_clear(&copy);
}

/* Returns how many bytes the step took. */
static size_t
run_step(const uint8_t *data, size_t size)
{
	static const size_t chunks[] = {65536, 1, 7, 12, 13, 64, 1000, 4096};
	size_t peer = data[0] & 3U;
	size_t len = (size_t)data[1] << 8 | data[2];

	if (peer == 3) {
		peer = (data[0] >> 2 & 3U) % PEERS;
		fd_close(&peers[peer]);
		turn();
		return 3;
	}
	len = len < size - 3 ? len : size - 3;
	/* One byte at a time is for short texts. */
	send_step(peer, len > 2000 ? 65536 : chunks[data[0] >> 2 & 7U],
	    (struct span){(const char *)data + 3, len});
	return 3 + len;
}

/* The promises that no input may break: questions without an answer. */
#define NOT_APPROVED(alias)                                                   \
	" NOT EXISTS (SELECT 1 FROM decisions d WHERE d.proposal_id = " alias \
	".proposal_id AND action = 'approve')"

static const struct {
	const char *promise;
	const char *sql;
} never[] = {
    {"nothing moves on without an approval",
	"SELECT 1 FROM proposals p WHERE state NOT IN ('pending_review',"
	" 'rejected', 'canceled') AND" NOT_APPROVED("p")},
    {"no job without an approval",
	"SELECT 1 FROM jobs j WHERE" NOT_APPROVED("j")},
    {"the chain has no holes",
	"SELECT 1 FROM (SELECT count(*) AS n, max(event_id) AS last"
	" FROM events) WHERE n <> last"},
    {"one job at a time", "SELECT 1 FROM (SELECT count(*) AS n FROM jobs"
			  " WHERE state = 'leased') WHERE n > 1"},
    {"rows name rows that are there", "SELECT 1 FROM pragma_foreign_key_check"},
};

static void
check_ledger(void)
{
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		sqlite3_stmt *st = NULL;
		if (sqlite3_prepare_v2(
			l.store.db, never[i].sql, -1, &st, NULL) != SQLITE_OK ||
		    sqlite3_step(st) != SQLITE_DONE) {
			bug(never[i].promise, __FILE__, __LINE__);
		}
		(void)sqlite3_finalize(st);
	}
}

static void
end(void)
{
	struct conn *c;

	check_ledger();
	for (size_t i = 0; i < PEERS; i++) {
		fd_close(&peers[i]);
	}
	turn();
	while ((c = TAILQ_FIRST(&l.conns)) != NULL) {
		conn_close(c);
	}
	(void)group_commit_now(&l);
	check_ledger();
	cs_assert(l.conn_count == 0);
	store_close(&l.store);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	begin();
	while (size - at >= 3) {
		at += run_step(data + at, size - at);
	}
	turn();
	end();
	return 0;
}
