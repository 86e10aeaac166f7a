/*
 * What the validation files share: findings, tables of fields, and one
 * function per part of the contract. Internal to cs_contract.
 */
#ifndef CS_COMMON_CONTRACT_CHECK_H
#define CS_COMMON_CONTRACT_CHECK_H

#include "common/contract/contract.h"
#include "common/contract/tree.h"

struct check {
	const struct tree *t;
	struct contract_report *report;
	bool strict; /* unknown fields are errors */
};

/* Add a finding at the node, or at its member `key` (there or not). */
void check_error(struct check *c, uint32_t node, const char *key,
    const char *code, const char *message);
void check_warn(struct check *c, uint32_t node, const char *key,
    const char *code, const char *message);

/* UNKNOWN_FIELD for every key that is not in the NULL-terminated list. */
void check_keys(struct check *c, uint32_t object, const char *const *known);

/* One field of an object: what it must be if it is there, or always. */
struct check_field {
	const char *key;
	bool (*ok)(const struct tree *t, uint32_t node);
	const char *code;
	const char *message;
	bool required;
};

#define CHECK_FIELDS(c, object, fields) \
	check_fields(c, object, fields, sizeof(fields) / sizeof((fields)[0]))

void check_fields(struct check *c, uint32_t object,
    const struct check_field *fields, size_t count);

/* A required list of identifiers: one code for the list, one per element. */
void check_columns(struct check *c, uint32_t object, const char *key,
    const char *list_code, const char *element_code);

/* INVALID_MINIMUM, INVALID_MAXIMUM, INVALID_NUMERIC_RANGE of an object. */
void check_range(struct check *c, uint32_t object);

extern const char *const contract_modes[];
extern const char *const contract_engines[];
extern const char *const contract_providers[];
extern const char *const contract_executor_types[];
extern const char *const contract_arg_types[];
extern const char *const contract_windows[];
extern const char *const contract_algorithms[]; /* bit i is entry i */

/* The whole document in the order of cli-config.md §1.2. */
void check_document(struct check *c);

void check_http_auth(struct check *c);
void check_cloud(struct check *c);
void check_reviewers(struct check *c);
void check_rate_limits(struct check *c);
void check_executors(struct check *c);
void check_capability(struct check *c, uint32_t capability);
void check_proposal(struct check *c, uint32_t capability);
void check_approval(struct check *c, uint32_t capability);
void check_signatures(struct check *c);
void check_forbidden_keys(struct check *c);

/* Fill *out from a document without errors; memory is the arena's. */
void contract_build(const struct tree *t, struct contract *out);
struct contract_capability *contract_build_capabilities(
    const struct tree *t, struct contract *out);

/* Our warnings about what 0.1.1 accepts but nobody should rely on. */
void contract_advise(struct check *c, const struct contract *contract);

#endif
