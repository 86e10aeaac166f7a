/*
 * Static bearer tokens: one in force, and the one before it while clients are
 * moved over. Only digests of them are kept, in guarded memory.
 */
#ifndef CS_MCPD_AUTH_BEARER_H
#define CS_MCPD_AUTH_BEARER_H

#include "mcpd/auth/auth.h"

struct err;
struct secret;

#define BEARER_TOKENS 2

struct bearer {
	struct secret *digests[BEARER_TOKENS]; /* NULL: none */
	bool is_open; /* --dev-no-auth: everybody is let in */
};

/*
 * Why a token (a secret of ours, but chosen by people) could be guessed: fewer
 * than 32 bytes or 12 distinct ones, a repetition, a word of the trade; NULL if
 * it looks random. Static text.
 */
const char *bearer_weakness(struct span token);

/*
 * Accept this token as well; `name` is its variable, for messages. What no
 * header can carry, or what is there already, is CS_E_INVALID. A weak one is
 * refused unless `allow_weak`, and logged then. *token stays the caller's.
 */
int bearer_add(struct bearer *b, const char *name, const struct secret *token,
    bool allow_weak, struct err *e);

/*
 * Judge an Authorization header (untrusted; NULL: there was none), in a time
 * that does not depend on how much of a token is right.
 */
void bearer_check(const struct bearer *b, const char *authorization,
    struct auth_verdict *out);

void bearer_clear(struct bearer *b);

#endif
