#include "tests/bench/samples.h"

#include <stdarg.h>

#include "common/base/str.h"

int64_t
bench_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
bench_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fprintf(stderr, "bench: ");
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

int64_t
bench_number(const char *text, int64_t min)
{
	long long value = str_to_number(text, 1000000000);

	if (value < min) {
		bench_die(
		    "%s is not a number of %lld or more", text, (long long)min);
	}
	return value;
}

void
samples_begin(struct samples *s)
{
	*s = (struct samples){.start_ns = bench_now_ns()};
}

void
samples_add(struct samples *s, int64_t asked_ns, _Bool ok)
{
	s->end_ns = bench_now_ns();
	if (!ok) {
		s->errors++;
		return;
	}
	if (s->count == s->cap) {
		s->cap = s->cap == 0 ? 65536 : s->cap * 2;
		s->us = realloc(s->us, s->cap * sizeof(*s->us));
		if (s->us == NULL) {
			bench_die("out of memory");
		}
	}
	s->us[s->count++] = (uint32_t)((s->end_ns - asked_ns) / 1000);
}

static int
compare(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

static uint32_t
percentile(const struct samples *s, size_t percent)
{
	return s->count == 0 ? 0 : s->us[(s->count - 1) * percent / 100];
}

void
samples_print(struct samples *s)
{
	double seconds = (double)(s->end_ns - s->start_ns) / 1e9;

	if (s->count > 0) {
		qsort(s->us, s->count, sizeof(*s->us), compare);
	}
	(void)printf("{\"calls\": %zu, \"seconds\": %.6f, \"p50_us\": %u, "
		     "\"p99_us\": %u, \"errors\": %zu}\n",
	    s->count, seconds, percentile(s, 50), percentile(s, 99), s->errors);
	free(s->us);
}
