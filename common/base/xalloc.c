#include "common/base/xalloc.h"

#include <stdint.h>
#include <unistd.h>

#include "common/base/log.h"

_Noreturn void
bug(const char *what, const char *file, int line)
{
	log_event(
	    LOG_LEVEL_ERR, "bug", "broken=\"%s\" at=%s:%d", what, file, line);
	/* No clean-up: what is broken must not write anything any more. */
	abort();
}

void *
xcalloc(size_t count, size_t size)
{
	void *p = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

	if (p == NULL) {
		bug("out of memory", __FILE__, __LINE__);
	}
	return p;
}

void *
xreallocarray(void *old, size_t count, size_t size)
{
	void *p =
	    reallocarray(old, count == 0 ? 1 : count, size == 0 ? 1 : size);

	if (p == NULL) {
		bug("out of memory", __FILE__, __LINE__);
	}
	return p;
}

char *
xstrdup(const char *text)
{
	size_t len = strlen(text) + 1;
	char *copy = xcalloc(len, 1);

	memcpy(copy, text, len);
	return copy;
}

char *
xspandup(struct span s)
{
	char *copy = xcalloc(s.len + 1, 1);

	if (s.len > 0) {
		memcpy(copy, s.ptr, s.len);
	}
	return copy;
}
