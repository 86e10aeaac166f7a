/*
 * The reviewed contract (reference: the 0.1.1 configuration file plus our own
 * fields): one JSON file, no credentials in it, read by every daemon from its
 * own root-owned copy. Loaded once at start, immutable afterwards; everything
 * here is borrowed from the struct contract. The file is trusted once its owner
 * and mode have been checked; its content is still validated completely.
 */
#ifndef CS_COMMON_CONTRACT_CONTRACT_H
#define CS_COMMON_CONTRACT_CONTRACT_H

#include <stdint.h>

#include "common/base/scalar.h"
#include "common/contract/automatic.h"
#include "common/contract/executor.h"
#include "common/contract/report.h"
#include "common/contract/source.h"

struct err;

enum contract_mode {
	MODE_READ_ONLY,
	MODE_SHADOW,
	MODE_REVIEW,
	MODE_CLOUD
};
enum capability_kind {
	KIND_READ,
	KIND_PROPOSAL
};
enum context_provider {
	PROVIDER_ENVIRONMENT,
	PROVIDER_STATIC_DEV,
	PROVIDER_HTTP_CLAIMS,
	PROVIDER_CLOUD_SESSION
};
enum arg_type {
	ARG_STRING,
	ARG_NUMBER,
	ARG_BOOLEAN
};
/* When an approved proposal's job is released to a writer. */
enum apply_policy {
	APPLY_MANUAL,
	APPLY_ON_APPROVAL
};

struct contract_context {
	const char *name; /* NULL for trusted_context */
	enum context_provider provider;
	/* Defaults SYNAPSOR_TENANT_ID and SYNAPSOR_PRINCIPAL; "" when the file
	 * holds something that is no name, which then never resolves. */
	const char *tenant_id_env;
	const char *principal_env;
	const char *tenant_id; /* static_dev literal or NULL */
	const char *principal;
	/* http_claims: names of the token's claims. */
	const char *tenant_claim;
	const char *principal_claim;
};

/* Signature algorithms of tokens, as bits. */
enum token_alg {
	TOKEN_RS256 = 1,
	TOKEN_ES256 = 2,
	TOKEN_EDDSA = 4
};

/* Ours: "http_auth", the tokens that stand for people over HTTP. */
struct contract_auth {
	const char *issuer;
	const char *audience; /* also the resource's own URI (RFC 8707) */
	unsigned algorithms;  /* enum token_alg */
	const char *jwks_file;
	const char *pem_file; /* one of the two files is not NULL */
	const char *jwks_url; /* NULL, or where jwks_file comes from */
	const char **servers; /* authorization servers, at least one */
	size_t server_count;
};

struct contract_arg {
	const char *name;
	enum arg_type type;
	const char *description; /* NULL if none */
	bool required;
	int64_t max_length; /* UTF-16 units; 0: none */
	/* Number texts, canonical unless that would round; empty: none. */
	struct span minimum;
	struct span maximum;
	/* "enum"; NULL if none. Not NULL but empty: nothing is allowed. */
	struct scalar *allowed;
	size_t allowed_count;
};

struct contract_patch {
	const char *column;
	const char *from_arg; /* NULL: `fixed` */
	/* kind SCALAR_KINDS if the file's value is none: never applied. */
	struct scalar fixed;
};

struct contract_bound {
	const char *column;
	struct span minimum; /* as in contract_arg */
	struct span maximum;
};

struct contract_state {
	struct span from;
	struct span *to;
	size_t to_count;
};

struct contract_transition {
	const char *column;
	const char *from_column; /* the column itself when not given */
	struct contract_state *states;
	size_t state_count;
};

/* Who moves the version column, so that its next reader sees a change. */
enum version_advance {
	ADVANCE_NOT_CHECKED,
	ADVANCE_INTEGER_INCREMENT,  /* the writer adds one */
	ADVANCE_DATABASE_GENERATED, /* a trigger does */
};

struct contract_capability {
	size_t index; /* position in contract.capabilities */
	const char *name;
	enum capability_kind kind;
	const char *description, *returns_hint; /* NULL if none */
	const struct contract_source *source;
	const struct contract_context *context; /* never NULL once valid */
	const char *executor; /* "sql_update" unless another is named */
	const struct contract_executor *handler; /* NULL: direct SQL */
	const char *schema;
	const char *table;
	const char *primary_key;
	const char *tenant_key;  /* NULL: single_tenant_dev */
	struct span target_json; /* JSTR of `target`, keys in file order */
	struct contract_arg *args;
	size_t arg_count;
	const char *lookup_arg;
	const char **visible_columns;
	size_t visible_count;
	int64_t max_rows;      /* default 1 */
	int64_t rate_requests; /* of a tenant, in each window; 0: no limit */
	int64_t rate_window_s;
	/* visible ∪ primary key ∪ tenant key ∪ conflict column, in order. */
	const char **read_columns;
	size_t read_count;
	/* Proposals only. */
	struct contract_patch *patch;
	size_t patch_count;
	const char **allowed_columns;
	size_t allowed_count;
	struct contract_bound *bounds;
	size_t bound_count;
	struct contract_transition *transitions;
	size_t transition_count;
	const char *conflict_column; /* NULL: row hash */
	enum version_advance advance;
	bool weak_guard_ack;
	const char *scope;          /* http_claims: needed scope, or NULL */
	const char *required_role;  /* NULL if none */
	int64_t approval_expires_s; /* approval.expires_s, default 86400 */
	int64_t approvals_needed;   /* distinct people, 1 to 10 */
	bool signatures;            /* each approval needs a reviewer's own */
	bool separate_applier;      /* who applies must not have approved */
	struct contract_automatic *automatic; /* NULL: people approve */
};

/* Ours: "reviewers": { "<os user>": { "uid": 1000, "roles": ["…"] } }. */
struct contract_reviewer {
	const char *user;
	int64_t uid; /* -1: look the user name up */
	const char **roles;
	size_t role_count;
};

struct contract {
	enum contract_mode mode;
	int result_format;       /* 1 or 2 */
	const char *status_tool; /* tool that tells where a proposal stands */
	const char *sqlite_path; /* storage.sqlite_path or NULL */
	enum apply_policy apply; /* ours: "apply": "manual" | "on_approval" */
	struct contract_source *sources;
	size_t source_count;
	struct contract_context *trusted_context; /* NULL if not given */
	struct contract_context *contexts;
	size_t context_count;
	struct contract_auth *auth; /* NULL if there are no tokens */
	struct contract_executor *executors;
	size_t executor_count;
	struct contract_capability *capabilities;
	size_t capability_count;
	bool has_reviewers;
	struct contract_reviewer *reviewers;
	size_t reviewer_count;
	/* File of reviewers' public keys and roles (OpenSSH's allowed_signers);
	 * NULL if there is none. */
	const char *allowed_signers;
	uint8_t digest[32];   /* SHA-256 of the file's bytes */
	char digest_text[72]; /* "sha256:<hex>" */
	struct arena *arena;  /* owns everything here, this struct too */
	struct span bytes;    /* the file as read */
};

/*
 * Which file: `explicit_path` if given, else countersign.json, else
 * synapsor.runner.json in the working directory. The result is static or the
 * argument. CS_E_NOT_FOUND names both.
 */
int contract_find(
    const char *explicit_path, const char **path_out, struct err *e);

#define CONTRACT_MAX_BYTES (1U << 20)

/*
 * Read, check and build. *e holds "Invalid Synapsor runner config:" and one
 * `path CODE: message` per line on failure, as many as fit. crypto_init() must
 * have run. The caller frees the contract; *out is NULL on failure.
 */
int contract_load(const char *path, struct contract **out, struct err *e);
int contract_parse(struct span bytes, struct contract **out, struct err *e);
void contract_free(struct contract **c);

/* Look-ups; NULL when there is none. The name may come from anyone. */
const struct contract_capability *contract_capability(
    const struct contract *c, struct span name);
const struct contract_source *contract_source(
    const struct contract *c, struct span name);

/* Is the column one of the list? */
bool contract_has_column(
    const char *const *columns, size_t count, struct span column);

const char *contract_engine_name(enum source_engine engine); /* "postgres" … */
const char *contract_mode_name(enum contract_mode mode);

#endif
