#include "common/base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log_line.h"

static const char *log_program = "countersign";
static enum log_level log_verbosity = LOG_LEVEL_NOTICE;
static enum log_format log_format = LOG_FORMAT_KV;

static const char *const format_names[] = {
    [LOG_FORMAT_KV] = "kv", [LOG_FORMAT_JSON] = "json"};

void
log_init(const char *program, enum log_level most_verbose)
{
	log_program = program;
	log_verbosity = most_verbose;
}

int
log_set_format(const char *name)
{
	for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]);
	     i++) {
		if (strcmp(name, format_names[i]) == 0) {
			log_format = (enum log_format)i;
			return 0;
		}
	}
	return CS_E_INVALID;
}

const char *
log_format_name(void)
{
	return format_names[log_format];
}

void
log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	int error = errno;
	struct log_line line = {.format = log_format};
	struct log_head head = {level, log_program, event, 0};
	va_list ap;

	if (level > log_verbosity) {
		return;
	}
	head.time_us = clock_now_us();
	va_start(ap, fmt);
	log_line_make(&line, &head, error, fmt, ap);
	va_end(ap);
	/* One write, so that lines of several processes do not mix. Nobody is
	 * left to be told when it fails. */
	if (write(STDERR_FILENO, line.text, line.len) < 0) {
		return;
	}
}

void
log_err(enum log_level level, const char *event, const struct err *e)
{
	log_event(
	    level, event, "reason=%s detail=\"%s\"", err_reason(e), e->msg);
}
