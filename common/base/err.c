#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>

/* By the negated code: the order is that of enum cs_error. */
static const struct {
	const char *name;
	const char *text;
} errors[] = {
    {"OK", "no error"},
    {"INVALID", "invalid input"},
    {"TOO_LARGE", "over a size limit"},
    {"PROTOCOL", "wire protocol violation"},
    {"IO", "system call failed"},
    {"EOF", "the other side closed the connection"},
    {"TIMEOUT", "deadline passed"},
    {"DENIED", "not allowed"},
    {"NOT_FOUND", "not found"},
    {"STATE", "not possible in this state"},
    {"INTEGRITY", "integrity check failed"},
    {"CONFIG", "invalid contract or settings"},
    {"UNAVAILABLE", "temporarily unavailable"},
    {"UNSUPPORTED", "not supported here"},
    {"NOMEM", "not enough memory"},
    {"UNKNOWN", "the outcome is not known"},
};

#define ERRORS (int)(sizeof(errors) / sizeof(errors[0]))

const char *
cs_strerror(int code)
{
	return code <= 0 && -code < ERRORS ? errors[-code].text
					   : "unknown error";
}

const char *
err_reason(const struct err *e)
{
	if (e->reason != NULL) {
		return e->reason;
	}
	return e->code <= 0 && -e->code < ERRORS ? errors[-e->code].name
						 : "INTERNAL";
}

int
err_set(struct err *e, int code, const char *reason, const char *fmt, ...)
{
	va_list ap;

	if (e != NULL) {
		e->code = code;
		e->saved_errno = 0;
		e->reason = reason;
		va_start(ap, fmt);
		(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
	}
	return code;
}

int
err_sys(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	size_t used;
	va_list ap;

	if (e != NULL) {
		e->code = CS_E_IO;
		e->saved_errno = saved;
		e->reason = NULL;
		va_start(ap, fmt);
		(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
		va_end(ap);
		used = strlen(e->msg);
		(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s",
		    strerrordesc_np(saved));
	}
	return CS_E_IO;
}

void
err_context(struct err *e, const char *fmt, ...)
{
	char before[sizeof(e->msg)];
	va_list ap;

	if (e == NULL) {
		return;
	}
	(void)snprintf(before, sizeof(before), "%s", e->msg);
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	size_t used = strlen(e->msg);
	(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s", before);
}

const char *
err_intern(const char *word, unsigned long len)
{
	static char words[256][64];
	static unsigned count;

	if (len == 0 || len >= sizeof(words[0])) {
		return "OTHER";
	}
	for (unsigned i = 0; i < count; i++) {
		if (strlen(words[i]) == len &&
		    memcmp(words[i], word, len) == 0) {
			return words[i];
		}
	}
	/* A peer that invents words must not make us remember them for ever. */
	if (count == sizeof(words) / sizeof(words[0])) {
		return "OTHER";
	}
	memcpy(words[count], word, len);
	return words[count++];
}
