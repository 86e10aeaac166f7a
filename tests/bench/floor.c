#include "tests/bench/floor.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/fdio.h"
#include "tests/bench/samples.h"

#define CONNECTIONS_MAX 64
/* A run that hangs ends. */
#define PATIENCE_S 300
/* How long a busy server may refuse logins. */
#define LOGIN_S        120
#define LOGIN_PAUSE_NS 200000000

/* What the processes share. */
struct floor {
	pthread_barrier_t ready;
	int64_t run_ns;
	int64_t rows;
	int64_t calls[CONNECTIONS_MAX];
};

/* One login after the other, and again: many at once take longer than a login
 * may on a busy machine. A process of its own uses each. */
static void *
log_in(const struct floor_ops *ops, struct span url, const char *mode)
{
	int64_t until_ns = bench_now_ns() + LOGIN_S * INT64_C(1000000000);
	struct timespec pause = {.tv_nsec = LOGIN_PAUSE_NS};
	struct err e = {0};
	void *db = ops->open(url, mode, &e);

	while (db == NULL && bench_now_ns() < until_ns) {
		(void)nanosleep(&pause, NULL);
		db = ops->open(url, mode, &e);
	}
	if (db == NULL) {
		bench_die("cannot connect: %s", e.msg);
	}
	return db;
}

static void
work(struct floor *f, const struct floor_ops *ops, void *db, int64_t number)
{
	unsigned seed = (unsigned)(bench_now_ns() + number);
	char key[64];
	int64_t until_ns = 0;

	(void)pthread_barrier_wait(&f->ready);
	until_ns = bench_now_ns() + f->run_ns;
	while (bench_now_ns() < until_ns) {
		(void)snprintf(key, sizeof(key), "floor:%d:%lld", (int)getpid(),
		    (long long)f->calls[number]);
		ops->round(db, rand_r(&seed) % f->rows, key);
		f->calls[number]++;
	}
}

static void
wait_for_all(int64_t count)
{
	int status = 0;

	while (count-- > 0) {
		if (wait(&status) < 0 || status != 0) {
			bench_die("a connection failed");
		}
	}
}

static void
share_barrier(struct floor *f, unsigned count)
{
	pthread_barrierattr_t attr;

	if (pthread_barrierattr_init(&attr) != 0 ||
	    pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) !=
		0 ||
	    pthread_barrier_init(&f->ready, &attr, count) != 0) {
		bench_die("no barrier");
	}
	(void)pthread_barrierattr_destroy(&attr);
	(void)alarm(PATIENCE_S);
}

int
floor_main(int argc, char **argv, const struct floor_ops *ops)
{
	struct floor *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct buf url = BUF_INIT;
	void *dbs[CONNECTIONS_MAX];
	int64_t count = 0;
	int64_t calls = 0;
	int64_t start_ns = 0;

	if (argc != 5 || f == MAP_FAILED ||
	    fd_read_rest(STDIN_FILENO, 4096, &url, NULL) != 0) {
		bench_die("usage: %s MODE CONNECTIONS ROWS MILLISECONDS < URL",
		    argv[0]);
	}
	count = bench_number(argv[2], 1);
	if (count > CONNECTIONS_MAX) {
		bench_die("at most %d connections", CONNECTIONS_MAX);
	}
	f->rows = bench_number(argv[3], 1);
	f->run_ns = bench_number(argv[4], 1) * 1000000;
	share_barrier(f, (unsigned)count + 1);
	for (int64_t i = 0; i < count; i++) {
		dbs[i] = log_in(ops, buf_as_span(&url), argv[1]);
	}
	for (int64_t i = 0; i < count; i++) {
		if (fork() == 0) {
			(void)alarm(PATIENCE_S);
			work(f, ops, dbs[i], i);
			_exit(0);
		}
	}
	(void)pthread_barrier_wait(&f->ready);
	start_ns = bench_now_ns();
	wait_for_all(count);
	for (int64_t i = 0; i < count; i++) {
		calls += f->calls[i];
	}
	(void)printf("{\"calls\": %lld, \"seconds\": %.6f}\n", (long long)calls,
	    (double)(bench_now_ns() - start_ns) / 1e9);
	buf_clear(&url);
	(void)munmap(f, sizeof(*f));
	return 0;
}
