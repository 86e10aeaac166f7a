/*
 * The document's top level, sources and contexts, and the checks that look at
 * several parts at once (cli-config.md §1.2, §1.3, §1.5, §1.8).
 */
#include "common/contract/check.h"

#include "common/base/str.h"

const char *const contract_modes[] = {
    "read_only", "shadow", "review", "cloud", NULL};
const char *const contract_engines[] = {"postgres", "mysql", "sqlite", NULL};
const char *const contract_providers[] = {
    "environment", "static_dev", "http_claims", "cloud_session", NULL};

/* A number that is 1, however it is written. */
static bool
is_version(const struct tree *t, uint32_t node)
{
	struct buf number = BUF_INIT;
	bool ok = tree_number(t, node, &number) &&
		  strcmp(buf_text(&number), "1") == 0;

	buf_clear(&number);
	return ok;
}

static bool
is_result_format(const struct tree *t, uint32_t node)
{
	struct buf number = BUF_INIT;
	bool ok = tree_number(t, node, &number) &&
		  (strcmp(buf_text(&number), "1") == 0 ||
		      strcmp(buf_text(&number), "2") == 0);

	buf_clear(&number);
	return ok;
}

static bool
is_mode(const struct tree *t, uint32_t node)
{
	return tree_choice(t, node, contract_modes) >= 0;
}

static bool
is_engine(const struct tree *t, uint32_t node)
{
	return tree_choice(t, node, contract_engines) >= 0;
}

static bool
is_provider(const struct tree *t, uint32_t node)
{
	return tree_choice(t, node, contract_providers) >= 0;
}

static bool
is_apply_policy(const struct tree *t, uint32_t node)
{
	return tree_is_text(t, node, "manual") ||
	       tree_is_text(t, node, "on_approval");
}

/* Like a capability's, and of none. */
static bool
is_free_tool_name(const struct tree *t, uint32_t node)
{
	struct span name = tree_text(t, node);
	struct tree_iter it = tree_each(t, tree_get(t, 0, "capabilities"));

	while (tree_next(t, &it)) {
		if (span_equal(
			tree_text(t, tree_get(t, it.value, "name")), name)) {
			return false;
		}
	}
	return tree_is_string(t, node) && str_is_capability_name(name);
}

/* The mode as written: an unknown one is none of them. */
static bool
mode_is(const struct check *c, enum contract_mode mode)
{
	return tree_is_text(
	    c->t, tree_get(c->t, 0, "mode"), contract_modes[mode]);
}

/* Where a single-process installation keeps its records. */
static void
check_storage(struct check *c)
{
	static const char *const known[] = {"sqlite_path", NULL};
	static const struct check_field fields[] = {
	    {"sqlite_path", tree_is_filled, "INVALID_SQLITE_PATH",
		"storage.sqlite_path must be a non-empty string.", false},
	};
	uint32_t storage = tree_get(c->t, 0, "storage");

	if (storage == JSON_NONE) {
		return;
	}
	if (!tree_is_object(c->t, storage)) {
		check_error(c, 0, "storage", "STORAGE_NOT_OBJECT",
		    "storage must be an object.");
		return;
	}
	check_keys(c, storage, known);
	CHECK_FIELDS(c, storage, fields);
}

static bool
is_accept(const struct tree *t, uint32_t node)
{
	return tree_is_text(t, node, "accept");
}

static bool
is_receipts(const struct tree *t, uint32_t node)
{
	return tree_is_text(t, node, "source_db") ||
	       tree_is_text(t, node, "ledger");
}

/* A whole number from 1 to `most`. */
static bool
is_count_to(const struct tree *t, uint32_t node, int64_t most)
{
	struct buf number = BUF_INIT;
	int64_t value = 0;
	bool ok = tree_number(t, node, &number) &&
		  json_int64(buf_as_span(&number), &value) == 0 && value >= 1 &&
		  value <= most;

	buf_clear(&number);
	return ok;
}

static bool
is_connection_count(const struct tree *t, uint32_t node)
{
	return is_count_to(t, node, 64);
}

static bool
is_queue_limit(const struct tree *t, uint32_t node)
{
	return is_count_to(t, node, 10000);
}

static bool
is_queue_timeout(const struct tree *t, uint32_t node)
{
	return is_count_to(t, node, 60000);
}

static bool
is_interval(const struct tree *t, uint32_t node)
{
	return is_count_to(t, node, 3600);
}

/* Two identifiers with a dot: PostgreSQL keeps the others for itself. */
static bool
is_setting(const struct tree *t, uint32_t node)
{
	struct span name = tree_text(t, node);
	const char *dot =
	    name.len == 0 ? NULL : memchr(name.ptr, '.', name.len);
	size_t front = dot == NULL ? 0 : (size_t)(dot - name.ptr);

	return tree_is_string(t, node) && dot != NULL && name.len <= 63 &&
	       str_is_identifier((struct span){name.ptr, front}) &&
	       str_is_identifier((struct span){dot + 1, name.len - front - 1});
}

static void
check_pool(struct check *c, uint32_t pool)
{
	static const char *const known[] = {
	    "max_connections", "queue_limit", "queue_timeout_ms", NULL};
	static const struct check_field fields[] = {
	    {"max_connections", is_connection_count, "INVALID_POOL",
		"max_connections must be an integer from 1 to 64.", false},
	    {"queue_limit", is_queue_limit, "INVALID_POOL",
		"queue_limit must be an integer from 1 to 10000.", false},
	    {"queue_timeout_ms", is_queue_timeout, "INVALID_POOL",
		"queue_timeout_ms must be an integer from 1 to 60000.", false},
	};

	if (pool == JSON_NONE) {
		return;
	}
	if (!tree_is_object(c->t, pool)) {
		check_error(
		    c, pool, NULL, "INVALID_POOL", "pool must be an object.");
		return;
	}
	check_keys(c, pool, known);
	CHECK_FIELDS(c, pool, fields);
}

/* Only PostgreSQL has settings of a transaction and row security. */
static void
check_scope(struct check *c, uint32_t source, uint32_t scope)
{
	static const char *const known[] = {"tenant", "principal", NULL};
	static const struct check_field fields[] = {
	    {"tenant", is_setting, "INVALID_DATABASE_SCOPE",
		"tenant must name a setting, like app.tenant_id.", true},
	    {"principal", is_setting, "INVALID_DATABASE_SCOPE",
		"principal must name a setting, like app.principal.", true},
	};

	if (scope == JSON_NONE) {
		return;
	}
	if (!tree_is_object(c->t, scope) ||
	    !tree_is_text(c->t, tree_get(c->t, source, "engine"), "postgres")) {
		check_error(c, scope, NULL, "INVALID_DATABASE_SCOPE",
		    "database_scope must be an object, and the engine "
		    "postgres.");
		return;
	}
	check_keys(c, scope, known);
	CHECK_FIELDS(c, scope, fields);
	if (span_equal(tree_text(c->t, tree_get(c->t, scope, "tenant")),
		tree_text(c->t, tree_get(c->t, scope, "principal")))) {
		check_error(c, scope, NULL, "INVALID_DATABASE_SCOPE",
		    "tenant and principal must be two settings.");
	}
}

/* A faulty name does not stop the checks of the rest. */
static void
check_source(struct check *c, struct span name, uint32_t source)
{
	static const char *const known[] = {"engine", "read_url_env",
	    "write_url_env", "read_only", "statement_timeout_ms", "ssl",
	    "writer_posture", "reader_can_write", "receipts", "pool",
	    "probe_interval_s", "database_scope", NULL};
	static const struct check_field fields[] = {
	    {"engine", is_engine, "INVALID_SOURCE_ENGINE",
		"engine must be postgres, mysql or sqlite.", true},
	    {"read_url_env", tree_is_env, "READ_URL_ENV_REQUIRED",
		"read_url_env must name an environment variable, "
		"not hold a URL.",
		true},
	    {"write_url_env", tree_is_env, "INVALID_WRITE_URL_ENV",
		"write_url_env must name an environment variable, "
		"not hold a URL.",
		false},
	    {"statement_timeout_ms", tree_is_positive, "INVALID_TIMEOUT",
		"statement_timeout_ms must be a positive integer.", false},
	    {"read_only", tree_is_bool, "INVALID_SOURCE_READ_ONLY",
		"read_only must be true or false.", false},
	    {"writer_posture", is_accept, "INVALID_POSTURE",
		"writer_posture can only be accept.", false},
	    {"reader_can_write", is_accept, "INVALID_POSTURE",
		"reader_can_write can only be accept.", false},
	    {"receipts", is_receipts, "INVALID_RECEIPTS",
		"receipts must be source_db or ledger.", false},
	    {"probe_interval_s", is_interval, "INVALID_PROBE_INTERVAL",
		"probe_interval_s must be an integer from 1 to 3600.", false},
	};

	if (!str_is_identifier(name)) {
		check_error(c, source, NULL, "UNSAFE_SOURCE_NAME",
		    "A source name is letters, digits and underscores.");
	}
	if (!tree_is_object(c->t, source)) {
		check_error(c, source, NULL, "SOURCE_NOT_OBJECT",
		    "A source must be an object.");
		return;
	}
	check_keys(c, source, known);
	CHECK_FIELDS(c, source, fields);
	check_pool(c, tree_get(c->t, source, "pool"));
	check_scope(c, source, tree_get(c->t, source, "database_scope"));
}

/* Mode cloud may do without, but not with an empty map. */
static void
check_sources(struct check *c)
{
	uint32_t sources = tree_get(c->t, 0, "sources");
	struct tree_iter it = tree_each(c->t, sources);

	if (sources == JSON_NONE && mode_is(c, MODE_CLOUD)) {
		return;
	}
	if (!tree_is_map(c->t, sources)) {
		check_error(c, 0, "sources", "SOURCES_REQUIRED",
		    "sources must name at least one source.");
		return;
	}
	while (tree_next(c->t, &it)) {
		check_source(c, it.key, it.value);
	}
}

/* values is not looked at: 0.1.1 takes anything there. */
static void
check_context(struct check *c, uint32_t context)
{
	static const char *const known[] = {"provider", "values", NULL};
	static const struct check_field fields[] = {
	    {"provider", is_provider, "INVALID_CONTEXT_PROVIDER",
		"provider must be environment, static_dev, http_claims or "
		"cloud_session.",
		true},
	};

	if (!tree_is_object(c->t, context)) {
		check_error(c, context, NULL, "TRUSTED_CONTEXT_NOT_OBJECT",
		    "A context must be an object.");
		return;
	}
	check_keys(c, context, known);
	CHECK_FIELDS(c, context, fields);
	if (tree_is_text(
		c->t, tree_get(c->t, context, "provider"), "static_dev")) {
		check_warn(c, context, "provider", "STATIC_DEV_CONTEXT",
		    "static_dev is for development: everyone is the same "
		    "principal.");
	}
}

/* Names may have dots and dashes, unlike those of sources. */
static void
check_contexts(struct check *c)
{
	uint32_t contexts = tree_get(c->t, 0, "contexts");
	struct tree_iter it = tree_each(c->t, contexts);

	if (contexts == JSON_NONE) {
		return;
	}
	if (!tree_is_map(c->t, contexts)) {
		check_error(c, 0, "contexts", "CONTEXTS_NOT_OBJECT",
		    "contexts must be an object with at least one context.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (!str_is_name(it.key)) {
			check_error(c, it.value, NULL, "INVALID_CONTEXT_NAME",
			    "Context names are letters, digits, '_', '.' and "
			    "'-'.");
		}
		check_context(c, it.value);
	}
}

/* May trusted_context be missing? (§1.5) */
static bool
every_capability_names_context(const struct tree *t)
{
	uint32_t capabilities = tree_get(t, 0, "capabilities");
	struct tree_iter it = tree_each(t, capabilities);

	if (!tree_is_object(t, tree_get(t, 0, "contexts")) ||
	    !tree_is_list(t, capabilities)) {
		return false;
	}
	while (tree_next(t, &it)) {
		if (!tree_is_filled(t, tree_get(t, it.value, "context"))) {
			return false;
		}
	}
	return true;
}

/* Comes after contexts, as in 0.1.1. */
static void
check_trusted_context(struct check *c)
{
	uint32_t context = tree_get(c->t, 0, "trusted_context");

	if (context != JSON_NONE) {
		check_context(c, context);
	} else if (!mode_is(c, MODE_CLOUD) &&
		   !every_capability_names_context(c->t)) {
		check_error(c, 0, "trusted_context", "TRUSTED_CONTEXT_REQUIRED",
		    "trusted_context is required unless every capability names "
		    "one of contexts.");
	}
}

/* An element that is no object does not stop the others. */
static void
check_capabilities(struct check *c)
{
	uint32_t capabilities = tree_get(c->t, 0, "capabilities");
	struct tree_iter it = tree_each(c->t, capabilities);

	if (capabilities == JSON_NONE && mode_is(c, MODE_CLOUD)) {
		return;
	}
	if (!tree_is_list(c->t, capabilities)) {
		check_error(c, 0, "capabilities", "CAPABILITIES_REQUIRED",
		    "capabilities must be a non-empty list.");
		return;
	}
	while (tree_next(c->t, &it)) {
		check_capability(c, it.value);
	}
}

/* Without a receipt beside the data only a version that moves keeps an
 * attempt whose answer was lost from being done twice. */
static void
check_ledger_receipts(struct check *c, uint32_t source, uint32_t capability)
{
	uint32_t guard = tree_get(c->t, capability, "conflict_guard");

	if (tree_is_text(c->t, tree_get(c->t, source, "receipts"), "ledger") &&
	    tree_get(c->t, guard, "advance") == JSON_NONE) {
		check_error(c, capability, "conflict_guard",
		    "LEDGER_RECEIPTS_NEED_ADVANCE",
		    "receipts: ledger needs conflict_guard.advance: the "
		    "version has to move with every update.");
	}
}

/* Can an approved proposal of this capability be written at all? */
static void
check_capability_writeback(struct check *c, uint32_t capability)
{
	const struct tree *t = c->t;
	uint32_t executor = tree_get(t, capability, "executor");
	uint32_t source = tree_find(t, tree_get(t, 0, "sources"),
	    tree_text(t, tree_get(t, capability, "source")));

	if (!tree_is_text(t, tree_get(t, capability, "kind"), "proposal") ||
	    (executor != JSON_NONE &&
		!tree_is_text(t, executor, "sql_update")) ||
	    !tree_is_object(t, source)) {
		return;
	}
	if (tree_is(t, tree_get(t, source, "read_only"), JSON_TRUE)) {
		check_error(c, capability, "executor",
		    "READ_ONLY_SOURCE_DIRECT_WRITEBACK",
		    "The source is read_only: name an application executor.");
	} else if (tree_get(t, source, "write_url_env") == JSON_NONE) {
		check_warn(c, source, "write_url_env", "WRITEBACK_DISABLED",
		    "Without write_url_env approved proposals cannot be "
		    "applied.");
	}
	check_ledger_receipts(c, source, capability);
}

/* Only review writes; shadow proposals are never applied. */
static void
check_writeback(struct check *c)
{
	struct tree_iter it =
	    tree_each(c->t, tree_get(c->t, 0, "capabilities"));

	while (mode_is(c, MODE_REVIEW) && tree_next(c->t, &it)) {
		check_capability_writeback(c, it.value);
	}
}

static const char *const document_keys[] = {"version", "mode", "result_format",
    "strict", "storage", "sources", "trusted_context", "contexts", "executors",
    "capabilities", "cloud", "reviewers", "signatures", "allowed_signers",
    "apply", "status_tool", "http_auth", "rate_limits", NULL};

static const struct check_field document_fields[] = {
    {"version", is_version, "UNSUPPORTED_CONFIG_VERSION", "version must be 1.",
	true},
    {"result_format", is_result_format, "INVALID_RESULT_FORMAT",
	"result_format must be 1 or 2.", false},
    {"mode", is_mode, "INVALID_MODE",
	"mode must be read_only, shadow, review or cloud.", true},
};

static const struct check_field policy_fields[] = {
    {"apply", is_apply_policy, "INVALID_APPLY_POLICY",
	"apply must be manual or on_approval.", false},
    {"status_tool", is_free_tool_name, "INVALID_STATUS_TOOL",
	"status_tool must be a dotted name that no capability has.", false},
};

/* 0.1.1's order, ours in between where no order of 0.1.1 is disturbed. */
void
check_document(struct check *c)
{
	if (!tree_is_object(c->t, 0)) {
		check_error(c, 0, NULL, "CONFIG_NOT_OBJECT",
		    "The contract must be a JSON object.");
		return;
	}
	c->strict = !tree_is(c->t, tree_get(c->t, 0, "strict"), JSON_FALSE);
	check_keys(c, 0, document_keys);
	CHECK_FIELDS(c, 0, document_fields);
	check_storage(c);
	check_cloud(c);
	CHECK_FIELDS(c, 0, policy_fields);
	check_reviewers(c);
	check_signatures(c);
	check_rate_limits(c);
	check_sources(c);
	check_contexts(c);
	check_trusted_context(c);
	check_http_auth(c);
	check_executors(c);
	check_capabilities(c);
	check_writeback(c);
	check_forbidden_keys(c);
}
