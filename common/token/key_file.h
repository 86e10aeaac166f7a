/*
 * The issuer's keys as a file, read again when it has changed: whoever rotates
 * keys replaces the file, and nobody has to restart anything.
 */
#ifndef CS_COMMON_TOKEN_KEY_FILE_H
#define CS_COMMON_TOKEN_KEY_FILE_H

#include <sys/stat.h>

#include "common/token/token.h"

struct key_file {
	const struct contract_auth *auth;
	struct token_keys *keys; /* NULL: none could be read so far */
	struct stat seen;        /* of the file that was read last */
	int64_t looked_ms;       /* when the file was looked at last */
};

const char *key_file_path(const struct contract_auth *auth);

/*
 * Read the keys. `auth` must stay. A file that is not there yet is no error
 * where a jwks_url is going to fill it: every token is refused until then.
 */
int key_file_open(
    struct key_file *f, const struct contract_auth *auth, struct err *e);
void key_file_clear(struct key_file *f);

/* Read the file again if it has changed since it was looked at `every_ms` ago
 * or longer: 1 for new keys, 0 for the old ones, CS_E_ when the new file is of
 * no use. */
int key_file_refresh(struct key_file *f, int64_t every_ms, struct err *e);

#endif
