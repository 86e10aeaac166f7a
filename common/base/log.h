/*
 * Logging to stderr: one line is one event, with fields. As text it is
 * `<priority>program: event key=value ...` with journald's prefix, as JSON one
 * object with the same fields. There is no way to log a secret type.
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

enum log_format {
	LOG_FORMAT_KV,
	LOG_FORMAT_JSON
};

/* Name the program (borrowed, must stay) and choose what is written. */
void log_init(const char *program, enum log_level most_verbose);

/* "kv" or "json"; CS_E_INVALID for another word. And what it is now. */
int log_set_format(const char *name);
const char *log_format_name(void);

/*
 * Write one line. `fmt` is `key=value ...`, with quotes where the value may
 * hold blanks; log_line.h has its rules. What its conversions bring may be
 * somebody else's: it is escaped and cut. Never a secret, a row, an argument.
 */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct err;

/* Log `event` with the reason and message of *e. */
void log_err(enum log_level level, const char *event, const struct err *e);

#endif
