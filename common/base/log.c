#include "common/base/log.h"

#include <stdarg.h>
#include <unistd.h>

#include "common/base/err.h"

static const char *log_program = "countersign";
static enum log_level log_verbosity = LOG_LEVEL_NOTICE;

void
log_init(const char *program, enum log_level most_verbose)
{
	log_program = program;
	log_verbosity = most_verbose;
}

void
log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	char line[1024];
	int used;
	int rest;
	va_list ap;

	if (level > log_verbosity) {
		return;
	}
	used = snprintf(line, sizeof(line) - 1, "<%u>%s: %s ", (unsigned)level,
	    log_program, event);
	/* A line that does not even fit its head is dropped: there is nobody
	 * to tell. */
	if (used < 0 || used >= (int)sizeof(line) - 1) {
		return;
	}
	va_start(ap, fmt);
	rest = vsnprintf(line + used, sizeof(line) - 1 - (size_t)used, fmt, ap);
	va_end(ap);
	if (rest < 0) {
		return;
	}
	size_t len = strlen(line);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
			line[i] = '?';
		}
	}
	line[len++] = '\n';
	/* One write, so that lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, len) < 0) {
		return;
	}
}

void
log_err(enum log_level level, const char *event, const struct err *e)
{
	log_event(
	    level, event, "reason=%s detail=\"%s\"", err_reason(e), e->msg);
}
