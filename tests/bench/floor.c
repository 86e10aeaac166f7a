#include "tests/bench/floor.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fdio.h"
#include "tests/bench/samples.h"

#define CONNECTIONS_MAX 64
/* A run that hangs ends; nobody waits for a connection that failed. */
#define PATIENCE_S 60

/* What the processes share. */
struct floor {
	pthread_barrier_t connected;
	int64_t run_ns;
	int64_t rows;
	int64_t calls[CONNECTIONS_MAX];
};

static void
work(struct floor *f, const struct floor_ops *ops, struct span url,
    const char *mode, int64_t number)
{
	void *db = ops->open(url, mode);
	unsigned seed = (unsigned)(bench_now_ns() + number);
	char key[64];
	int64_t until_ns = 0;

	(void)pthread_barrier_wait(&f->connected);
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
	    pthread_barrier_init(&f->connected, &attr, count) != 0) {
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
		if (fork() == 0) {
			(void)alarm(PATIENCE_S);
			work(f, ops, buf_as_span(&url), argv[1], i);
			_exit(0);
		}
	}
	(void)pthread_barrier_wait(&f->connected);
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
