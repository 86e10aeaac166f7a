/*
 * A fuzzer cannot guess SHA-256: put the right hash into bytes that look like a
 * change set, so that what lies behind the hash is reached.
 */
#ifndef CS_TESTS_FUZZ_REHASH_H
#define CS_TESTS_FUZZ_REHASH_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/crypto/digest.h"

#define REHASH_OPEN  "\"integrity\":{\"proposal_hash\":\""
#define REHASH_CLOSE "\"},"

/* The text with its own hash in the integrity member, in the arena; the text
 * as it is when there is no such member. */
static inline struct span
rehash(struct span text, struct arena *a)
{
	size_t head = sizeof(REHASH_OPEN) - 1;
	size_t member = head + DIGEST_TEXT_SIZE - 1 + sizeof(REHASH_CLOSE) - 1;
	char hash[DIGEST_TEXT_SIZE];
	char *copy = arena_strndup(a, text.ptr, text.len);
	const char *at = strstr(copy, REHASH_OPEN);
	struct buf core = BUF_INIT;
	size_t before;

	if (at == NULL || text.len - (size_t)(at - copy) < member) {
		return text;
	}
	before = (size_t)(at - copy);
	buf_append(&core, copy, before);
	buf_append(&core, at + member, text.len - before - member);
	digest_text(buf_as_span(&core), hash);
	buf_clear(&core);
	memcpy(copy + before + head, hash, sizeof(hash) - 1);
	return (struct span){copy, text.len};
}

#endif
