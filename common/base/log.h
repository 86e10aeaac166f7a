/*
 * Logging to stderr: one line is one event, key=value, with journald's
 * priority prefix. Text from a peer is always inside quotes; control
 * characters never reach the terminal. There is no way to log a secret type.
 */
#ifndef CS_COMMON_BASE_LOG_H
#define CS_COMMON_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* Name the program (borrowed, must stay) and choose what is written. */
void log_init(const char *program, enum log_level most_verbose);

/*
 * Write `<level>program: event key=value ...` as one line, cut at 1 KiB. Text
 * that somebody else chose goes inside quotes; control characters become '?'.
 * Never a secret, never a row.
 */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct err;

/* Log `event` with the reason and message of *e. */
void log_err(enum log_level level, const char *event, const struct err *e);

#endif
