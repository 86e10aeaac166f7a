/*
 * Latencies of one run and the JSON line that a bench program ends with. Any
 * mistake ends the program: a bench that goes on after one measures nothing.
 */
#ifndef CS_BENCH_SAMPLES_H
#define CS_BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
	uint32_t *us;
	size_t count;
	size_t cap;
	size_t errors;
	int64_t start_ns;
	int64_t end_ns; /* of the last answer */
};

int64_t bench_now_ns(void);

/* Print to standard error and exit with status 1. */
_Noreturn void bench_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* A whole number between `min` and 10^9, or the end. */
int64_t bench_number(const char *text, int64_t min);

void samples_begin(struct samples *s);
/* An answer came just now to what was asked at `asked_ns`. */
void samples_add(struct samples *s, int64_t asked_ns, _Bool ok);

/* {"calls": …, "seconds": …, "p50_us": …, "p99_us": …, "errors": …} */
void samples_print(struct samples *s);

#endif
