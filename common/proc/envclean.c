#include "common/proc/envclean.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/span.h"
#include "common/base/xalloc.h"
#include "common/crypto/secret.h"

struct env_snapshot {
	struct secret *block; /* NAME=value\0 NAME=value\0 ... */
};

struct lookup {
	const char *name;
	char *text;            /* filled when `want_text` */
	struct secret *secret; /* filled otherwise */
	bool want_text;
};

static size_t
env_total_size(void)
{
	size_t total = 0;

	for (char **p = environ; p != NULL && *p != NULL; p++) {
		total += strlen(*p) + 1;
	}
	return total;
}

struct env_snapshot *
env_snapshot_take(void)
{
	struct env_snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
	size_t total = env_total_size();
	char *copy = xcalloc(total + 1, 1);
	size_t at = 0;

	for (char **p = environ; p != NULL && *p != NULL; p++) {
		size_t len = strlen(*p);
		memcpy(copy + at, *p, len + 1);
		at += len + 1;
		/* In place: these bytes are what /proc/PID/environ shows. */
		explicit_bzero(*p, len);
	}
	(void)clearenv(); // NOLINT(concurrency-*)
	snapshot->block = secret_new((struct span){copy, at});
	/* The copy was ordinary memory: only the guarded block may stay. */
	explicit_bzero(copy, total);
	free(copy);
	return snapshot;
}

void
env_snapshot_free(struct env_snapshot **snapshot)
{
	if (*snapshot != NULL) {
		secret_free(&(*snapshot)->block);
		free(*snapshot);
	}
	*snapshot = NULL;
}

/* secret_with callback: find NAME= and copy what follows. */
static int
find_value(struct span block, void *context)
{
	struct lookup *l = context;
	size_t name_len = strlen(l->name);

	for (size_t at = 0; at < block.len;) {
		const char *entry = block.ptr + at;
		size_t len = strlen(entry);
		at += len + 1;
		if (len <= name_len || entry[name_len] != '=' ||
		    memcmp(entry, l->name, name_len) != 0) {
			continue;
		}
		struct span value = {entry + name_len + 1, len - name_len - 1};
		if (l->want_text) {
			l->text = xstrdup(value.ptr);
		} else if (value.len > 0) {
			l->secret = secret_new(value);
		}
		return 0;
	}
	return 0;
}

char *
env_dup(const struct env_snapshot *snapshot, const char *name)
{
	struct lookup l = {.name = name, .want_text = true};

	if (snapshot != NULL) {
		(void)secret_with(snapshot->block, find_value, &l);
	}
	return l.text;
}

struct secret *
env_secret(const struct env_snapshot *snapshot, const char *name)
{
	struct lookup l = {.name = name};

	if (snapshot != NULL) {
		(void)secret_with(snapshot->block, find_value, &l);
	}
	return l.secret;
}
