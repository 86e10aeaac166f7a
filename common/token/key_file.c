#include "common/token/key_file.h"

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

const char *
key_file_path(const struct contract_auth *auth)
{
	return auth->jwks_file != NULL ? auth->jwks_file : auth->pem_file;
}

static int
parse(const struct contract_auth *auth, struct span text,
    struct token_keys **out, struct err *e)
{
	return auth->jwks_file != NULL ? token_keys_parse_jwks(text, out, e)
				       : token_keys_parse_pem(text, out, e);
}

/* The old keys stay until new ones are whole. */
static int
read_keys(struct key_file *f, struct err *e)
{
	const char *path = key_file_path(f->auth);
	struct buf text = BUF_INIT;
	struct token_keys *keys = NULL;
	int rc = file_read_public(path, TOKEN_KEYS_MAX_BYTES, &text, e);

	if (rc == 0) {
		rc = parse(f->auth, buf_as_span(&text), &keys, e);
		if (rc != 0) {
			err_context(e, "%s", path);
		}
	}
	buf_clear(&text);
	if (rc == 0) {
		token_keys_free(&f->keys);
		f->keys = keys;
	}
	return rc;
}

int
key_file_open(
    struct key_file *f, const struct contract_auth *auth, struct err *e)
{
	struct err unused = {0};
	int rc = 0;

	*f = (struct key_file){.auth = auth, .looked_ms = clock_mono_ms()};
	(void)stat(key_file_path(auth), &f->seen);
	/* Without an error to fill, "not found" is not told from the rest. */
	rc = read_keys(f, e != NULL ? e : &unused);
	return rc == CS_E_NOT_FOUND && auth->jwks_url != NULL ? 0 : rc;
}

void
key_file_clear(struct key_file *f)
{
	token_keys_free(&f->keys);
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int
key_file_refresh(struct key_file *f, int64_t every_ms, struct err *e)
{
	int64_t now_ms = clock_mono_ms();
	struct stat st = {0};
	int rc = 0;

	if (now_ms - f->looked_ms < every_ms) {
		return 0;
	}
	f->looked_ms = now_ms;
	if (stat(key_file_path(f->auth), &st) != 0 || is_same(&st, &f->seen)) {
		return 0;
	}
	f->seen = st;
	rc = read_keys(f, e);
	return rc == 0 ? 1 : rc;
}
