/*
 * Reading single values out of a document without errors. Internal to the two
 * build files; every text is copied into the contract's arena.
 */
#ifndef CS_COMMON_CONTRACT_BUILD_H
#define CS_COMMON_CONTRACT_BUILD_H

#include "common/contract/check.h"

/* NUL-terminated copy of a string member; `otherwise` when it is none. */
const char *build_text(const struct tree *t, struct arena *a, uint32_t object,
    const char *key, const char *otherwise);

/* A positive integer, at most INT32_MAX; `otherwise` when not given. */
int64_t build_count(
    const struct tree *t, uint32_t object, const char *key, int64_t otherwise);

/* Copy of a list of strings; others are left out. */
const char **build_list(
    const struct tree *t, struct arena *a, uint32_t list, size_t *count_out);

bool build_flag(const struct tree *t, uint32_t object, const char *key);

/* Index in a list of names, 0 if it is none of them. */
int build_choice(const struct tree *t, uint32_t object, const char *key,
    const char *const *list);

/* approval.automatic, in the arena; NULL when there is none. */
struct contract_automatic *build_automatic(
    const struct tree *t, struct arena *a, uint32_t approval);

#endif
