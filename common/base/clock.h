/*
 * Time: wall-clock microseconds since 1970 (UTC) for records, monotonic
 * milliseconds for deadlines. Tests replace clock_now_us by -Wl,--wrap.
 */
#ifndef CS_COMMON_BASE_CLOCK_H
#define CS_COMMON_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"

struct arena;

/* Room for "YYYY-MM-DDTHH:MM:SS.mmmZ" and its NUL. */
#define CLOCK_TEXT_SIZE 25

/* Wall clock: for records only. It can be set back, so nothing is timed by
 * it. */
int64_t clock_now_us(void);
int64_t clock_mono_ms(void);

/* Write the time as ISO 8601 UTC with milliseconds (engine.md 0.3), rounded
 * down. Years 0 to 9999. */
void clock_format(int64_t time_us, char out[CLOCK_TEXT_SIZE]);

/* The same as a text in the arena. */
struct span clock_text(int64_t time_us, struct arena *a);

/* Read "YYYY-MM-DDTHH:MM:SS[.f{1,6}]Z" (untrusted); CS_E_INVALID for
 * anything else, also for days that do not exist. No leap seconds. */
int clock_parse(const char *text, size_t len, int64_t *time_us_out);

#endif
