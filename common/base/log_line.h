/*
 * One line of the log, as text or as JSON, from one format string. Nothing here
 * allocates or writes, so that a line can be made in any state.
 */
#ifndef CS_COMMON_BASE_LOG_LINE_H
#define CS_COMMON_BASE_LOG_LINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/log.h"
#include "common/base/span.h"

/* What a pipe takes in one piece. */
#define LOG_LINE_MAX 4096U
/* Bytes of one value; what is longer ends in "...". */
#define LOG_VALUE_MAX 512U

struct log_line {
	enum log_format format;
	bool is_cut; /* a field had no room and was left out */
	size_t len;
	char text[LOG_LINE_MAX];
};

struct log_head {
	enum log_level level;
	const char *program; /* ours, like the next one */
	const char *event;
	int64_t time_us; /* wall clock */
};

/*
 * `fmt` is ours: `key=value` or `key="value"`, separated by single blanks. What
 * its conversions bring is somebody else's: it is escaped, cut at LOG_VALUE_MAX
 * and never taken for a key. Conversions: s (also .*s), d, i, u, x with hh to
 * z, m, %. Behind any other one the line ends. `error` is what m says.
 */
void log_line_make(struct log_line *l, const struct log_head *head, int error,
    const char *fmt, va_list ap);

#endif
