#include "common/proc/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/base/span.h"
#include "common/crypto/secret.h"
#include "common/proc/bootstrap.h"

#define CREDENTIAL_PREFIX "cs_"

/* A name comes from the contract: it must not lead out of the folder. */
static bool
is_file_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-";

	return name[0] != '\0' && name[0] != '.' &&
	       name[strspn(name, allowed)] == '\0';
}

/* What LoadCredential=cs:FOLDER makes of FOLDER/<name>. */
static int
open_prefixed(int dir, const char *name)
{
	char path[NAME_MAX + 1];

	if (snprintf(path, sizeof(path), CREDENTIAL_PREFIX "%s", name) >=
	    (int)sizeof(path)) {
		errno = ENOENT;
		return -1;
	}
	return openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int
credential_from_folder(
    const char *folder, const char *name, struct secret **out, struct err *e)
{
	if (!is_file_name(name)) {
		return err_set(e, CS_E_INVALID, NULL,
		    "'%.64s' cannot name a credential", name);
	}
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		return err_sys(e, "credentials folder %s", folder);
	}
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = 0;
	if (fd < 0 && errno == ENOENT) {
		fd = open_prefixed(dir, name);
	}
	if (fd >= 0) {
		rc = secret_read(fd, out, e);
	} else if (errno != ENOENT) {
		rc = err_sys(e, "cannot open");
	}
	fd_close(&fd);
	fd_close(&dir);
	if (rc != 0) {
		err_context(e, "credential %s", name);
	}
	return rc;
}

int
credentials_from_folder(
    const char *folder, struct credential *list, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		int rc = credential_from_folder(
		    folder, list[i].name, &list[i].value, e);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* Take ownership of `value` if somebody waits for that name. */
static int
deliver(struct credential *list, size_t count, const char *name,
    struct secret *value)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].value == NULL && strcmp(list[i].name, name) == 0) {
			list[i].value = value;
			return 0;
		}
	}
	return CS_E_PROTOCOL;
}

int
credentials_from_channel(
    int fd, struct credential *list, size_t count, struct err *e)
{
	int64_t deadline = clock_mono_ms() + BOOTSTRAP_TIMEOUT_MS;
	struct bootstrap_packet p;
	int rc = bootstrap_send(fd, BOOT_READY, NULL, e);

	while (rc == 0) {
		rc = bootstrap_recv(fd, &p, deadline, e);
		if (rc != 0 || p.word == BOOT_GO) {
			break;
		}
		if (p.word != BOOT_SECRET ||
		    deliver(list, count, p.text, p.value) != 0) {
			secret_free(&p.value);
			rc = err_set(e, CS_E_PROTOCOL, NULL,
			    "an unexpected bootstrap packet (%.64s)", p.text);
		}
	}
	return rc;
}

void
credentials_clear(struct credential *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		secret_free(&list[i].value);
	}
}
