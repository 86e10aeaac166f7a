/*
 * The cloud block, executors, reviewers, and the keys that may appear nowhere
 * (cli-config.md §1.4, §1.7, §1.8).
 */
#include "common/contract/check.h"

#include "common/base/arena.h"
#include "common/base/str.h"

const char *const contract_executor_types[] = {
    "sql_update", "http_handler", "command_handler", NULL};

/* The control plane knows these two. */
static bool
is_cloud_engines(const struct tree *t, uint32_t node)
{
	static const char *const engines[] = {"postgres", "mysql", NULL};
	struct tree_iter it = tree_each(t, node);

	while (tree_next(t, &it)) {
		if (tree_choice(t, it.value, engines) < 0) {
			return false;
		}
	}
	return tree_is_list(t, node);
}

static bool
is_filled_list(const struct tree *t, uint32_t node)
{
	struct tree_iter it = tree_each(t, node);

	while (tree_next(t, &it)) {
		if (!tree_is_filled(t, it.value)) {
			return false;
		}
	}
	return tree_is_list(t, node);
}

static const char *const cloud_keys[] = {"base_url_env", "runner_token_env",
    "adapter_id", "source_id", "runner_id", "runner_version", "project_id",
    "engines", "capabilities", "session", NULL};

static const struct check_field cloud_fields[] = {
    {"base_url_env", tree_is_env, "CLOUD_BASE_URL_ENV_REQUIRED",
	"base_url_env must name an environment variable.", true},
    {"runner_token_env", tree_is_env, "CLOUD_RUNNER_TOKEN_ENV_REQUIRED",
	"runner_token_env must name an environment variable.", true},
    {"adapter_id", tree_is_filled, "CLOUD_ADAPTER_ID_REQUIRED",
	"adapter_id must be a non-empty string.", true},
    {"source_id", tree_is_filled, "INVALID_CLOUD_SOURCE_ID",
	"source_id must be a non-empty string.", false},
    {"runner_id", tree_is_filled, "INVALID_CLOUD_RUNNER_ID",
	"runner_id must be a non-empty string.", false},
    {"runner_version", tree_is_filled, "INVALID_CLOUD_RUNNER_VERSION",
	"runner_version must be a non-empty string.", false},
    {"project_id", tree_is_filled, "INVALID_CLOUD_PROJECT_ID",
	"project_id must be a non-empty string.", false},
    {"engines", is_cloud_engines, "INVALID_CLOUD_ENGINES",
	"engines must be a non-empty list of postgres and mysql.", false},
    {"capabilities", is_filled_list, "INVALID_CLOUD_CAPABILITIES",
	"capabilities must be a non-empty list of names.", false},
    {"session", tree_is_object, "INVALID_CLOUD_SESSION",
	"session must be an object.", false},
};

/* Outside mode cloud the block itself is the mistake, not its content. */
void
check_cloud(struct check *c)
{
	uint32_t cloud = tree_get(c->t, 0, "cloud");
	bool wanted = tree_is_text(
	    c->t, tree_get(c->t, 0, "mode"), contract_modes[MODE_CLOUD]);

	if (!wanted) {
		if (cloud != JSON_NONE) {
			check_error(c, 0, "cloud",
			    "CLOUD_CONFIG_ONLY_FOR_CLOUD_MODE",
			    "cloud is only for mode cloud.");
		}
	} else if (!tree_is_object(c->t, cloud)) {
		check_error(c, 0, "cloud", "CLOUD_CONFIG_REQUIRED",
		    "mode cloud needs a cloud object.");
	} else {
		check_keys(c, cloud, cloud_keys);
		CHECK_FIELDS(c, cloud, cloud_fields);
	}
}

static bool
is_method(const struct tree *t, uint32_t node)
{
	static const char *const methods[] = {"POST", "PUT", "PATCH", NULL};

	return tree_choice(t, node, methods) >= 0;
}

static bool
is_bearer(const struct tree *t, uint32_t node)
{
	return tree_is_text(t, node, "bearer_env");
}

/* Both fields are named at once when both are wrong. */
static void
check_auth(struct check *c, uint32_t executor)
{
	static const char *const known[] = {"type", "token_env", NULL};
	static const struct check_field fields[] = {
	    {"type", is_bearer, "INVALID_EXECUTOR_AUTH",
		"auth.type must be bearer_env.", true},
	    {"token_env", tree_is_env, "EXECUTOR_TOKEN_ENV_REQUIRED",
		"auth.token_env must name an environment variable.", true},
	};
	uint32_t auth = tree_get(c->t, executor, "auth");

	if (auth == JSON_NONE) {
		return;
	}
	if (!tree_is_object(c->t, auth)) {
		check_error(c, executor, "auth", "EXECUTOR_AUTH_NOT_OBJECT",
		    "auth must be an object.");
		return;
	}
	check_keys(c, auth, known);
	CHECK_FIELDS(c, auth, fields);
}

static const struct check_field timeout_field[] = {
    {"allow_private_network", tree_is_bool, "INVALID_HANDLER_NETWORK",
	"allow_private_network must be true or false.", false},
    {"honours_dry_run", tree_is_bool, "INVALID_HANDLER_DRY_RUN",
	"honours_dry_run must be true or false.", false},
    {"timeout_ms", tree_is_positive, "INVALID_HANDLER_TIMEOUT",
	"timeout_ms must be a positive integer.", false},
};

/* url, method, auth, signing, timeout: 0.1.1's order. */
static void
check_http(struct check *c, uint32_t executor)
{
	static const struct check_field before_auth[] = {
	    {"url_env", tree_is_env, "HANDLER_URL_ENV_REQUIRED",
		"url_env must name an environment variable.", true},
	    {"method", is_method, "INVALID_HANDLER_METHOD",
		"method must be POST, PUT or PATCH.", false},
	};
	static const struct check_field after_auth[] = {
	    {"signing_secret_env", tree_is_env,
		"HANDLER_SIGNING_SECRET_ENV_INVALID",
		"signing_secret_env must name an environment variable.", false},
	};

	CHECK_FIELDS(c, executor, before_auth);
	check_auth(c, executor);
	CHECK_FIELDS(c, executor, after_auth);
	CHECK_FIELDS(c, executor, timeout_field);
}

static bool
is_path_list(const struct tree *t, uint32_t node)
{
	struct tree_iter it = tree_each(t, node);

	while (tree_next(t, &it)) {
		struct span path = tree_text(t, it.value);
		if (path.len == 0 || path.ptr[0] != '/') {
			return false;
		}
	}
	return tree_is(t, node, JSON_ARRAY);
}

/* The command line itself is in the variable, like a URL. */
static void
check_command(struct check *c, uint32_t executor)
{
	static const struct check_field fields[] = {
	    {"command_env", tree_is_env, "COMMAND_ENV_REQUIRED",
		"command_env must name an environment variable.", true},
	    {"writable_paths", is_path_list, "INVALID_HANDLER_PATHS",
		"writable_paths must be a list of absolute paths.", false},
	};

	CHECK_FIELDS(c, executor, fields);
	CHECK_FIELDS(c, executor, timeout_field);
}

/* All types share one set of keys; an unknown type has no more rules. */
static void
check_executor(struct check *c, uint32_t executor)
{
	static const char *const known[] = {"type", "url_env", "method", "auth",
	    "signing_secret_env", "timeout_ms", "command_env",
	    "allow_private_network", "honours_dry_run", "writable_paths", NULL};
	uint32_t type = tree_get(c->t, executor, "type");
	int choice = tree_choice(c->t, type, contract_executor_types);

	check_keys(c, executor, known);
	if (choice < 0) {
		check_error(c, executor, "type", "INVALID_EXECUTOR_TYPE",
		    "type must be sql_update, http_handler or "
		    "command_handler.");
		return;
	}
	if (choice == EXECUTOR_HTTP) {
		check_http(c, executor);
	} else if (choice == EXECUTOR_COMMAND) {
		check_command(c, executor);
	}
	if (choice != EXECUTOR_SQL_UPDATE &&
	    tree_is_text(c->t, tree_get(c->t, 0, "mode"),
		contract_modes[MODE_READ_ONLY])) {
		check_error(c, executor, NULL, "EXECUTOR_INVALID_IN_READ_ONLY",
		    "mode read_only has no use for an executor.");
	}
}

/* sql_update is built in and may be declared all the same. */
void
check_executors(struct check *c)
{
	uint32_t executors = tree_get(c->t, 0, "executors");
	struct tree_iter it = tree_each(c->t, executors);

	if (executors == JSON_NONE) {
		return;
	}
	if (!tree_is_map(c->t, executors)) {
		check_error(c, 0, "executors", "EXECUTORS_NOT_OBJECT",
		    "executors must be an object with at least one executor.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (!str_is_name(it.key)) {
			check_error(c, it.value, NULL, "INVALID_EXECUTOR_NAME",
			    "Executor names are letters, digits, '_', '.' and "
			    "'-'.");
		}
		if (!tree_is_object(c->t, it.value)) {
			check_error(c, it.value, NULL, "EXECUTOR_NOT_OBJECT",
			    "An executor must be an object.");
			continue;
		}
		check_executor(c, it.value);
	}
}

/* A uid that the system can give: (uid_t)-1 means "none" everywhere. */
static bool
is_uid(const struct tree *t, uint32_t node)
{
	int64_t uid = -1;

	return tree_is(t, node, JSON_NUMBER) &&
	       json_int64(json_raw(t->doc, node), &uid) == 0 && uid >= 0 &&
	       uid < UINT32_MAX;
}

/* What no user database can hold, and what would be an option. */
static bool
is_user_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char ch = (unsigned char)name.ptr[i];
		if (ch <= 0x20 || ch == 0x7f || ch == ':' || ch == '/') {
			return false;
		}
	}
	return name.len > 0 && name.ptr[0] != '-';
}

/* Required, though it may be empty: a reviewer without roles is a decision
 * somebody should have to write down. */
static void
check_roles(struct check *c, uint32_t reviewer)
{
	uint32_t roles = tree_get(c->t, reviewer, "roles");
	struct tree_iter it = tree_each(c->t, roles);

	if (!tree_is(c->t, roles, JSON_ARRAY)) {
		check_error(c, reviewer, "roles", "INVALID_REVIEWER_ROLES",
		    "roles must be a list of role names; it may be empty.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (!tree_is_filled(c->t, it.value)) {
			check_error(c, it.value, NULL, "INVALID_REVIEWER_ROLES",
			    "A role must be a non-empty string.");
		}
	}
}

/* Two names for one uid would let one person count as two. */
static bool
uid_is_taken(const struct tree *t, uint32_t reviewers, uint32_t reviewer)
{
	uint32_t uid = tree_get(t, reviewer, "uid");
	struct tree_iter it = tree_each(t, reviewers);

	while (is_uid(t, uid) && tree_next(t, &it) && it.value != reviewer) {
		uint32_t other = tree_get(t, it.value, "uid");
		if (is_uid(t, other) && span_equal(json_raw(t->doc, uid),
					    json_raw(t->doc, other))) {
			return true;
		}
	}
	return false;
}

/* Authority is never guessed: a field of the wrong shape is an error here,
 * never a default. */
static void
check_reviewer(struct check *c, uint32_t reviewers, uint32_t reviewer)
{
	static const char *const known[] = {"uid", "roles", NULL};
	static const struct check_field fields[] = {
	    {"uid", is_uid, "INVALID_REVIEWERS",
		"uid must be a user id of this system.", false},
	};

	if (!tree_is_object(c->t, reviewer)) {
		check_error(c, reviewer, NULL, "INVALID_REVIEWERS",
		    "A reviewer must be an object.");
		return;
	}
	check_keys(c, reviewer, known);
	CHECK_FIELDS(c, reviewer, fields);
	if (uid_is_taken(c->t, reviewers, reviewer)) {
		check_error(c, reviewer, "uid", "INVALID_REVIEWERS",
		    "Another reviewer has the same uid.");
	}
	check_roles(c, reviewer);
}

/* An empty map is refused: it would look like a restriction that is off. */
void
check_reviewers(struct check *c)
{
	uint32_t reviewers = tree_get(c->t, 0, "reviewers");
	struct tree_iter it = tree_each(c->t, reviewers);

	if (reviewers == JSON_NONE) {
		return;
	}
	if (!tree_is_map(c->t, reviewers)) {
		check_error(c, 0, "reviewers", "INVALID_REVIEWERS",
		    "reviewers must be an object with at least one user.");
		return;
	}
	while (tree_next(c->t, &it)) {
		if (!is_user_name(it.key)) {
			check_error(c, it.value, NULL, "INVALID_REVIEWERS",
			    "A reviewer is named by an operating-system user.");
		}
		check_reviewer(c, reviewers, it.value);
	}
}

/* A year of seconds and a billion calls: beyond is a slip of the keyboard. */
static bool
is_limit_count(const struct tree *t, uint32_t node)
{
	int64_t value = 0;

	return tree_is_positive(t, node) &&
	       json_int64(json_raw(t->doc, node), &value) == 0 &&
	       value <= 1000000000;
}

static bool
is_limit_window(const struct tree *t, uint32_t node)
{
	int64_t value = 0;

	return is_limit_count(t, node) &&
	       json_int64(json_raw(t->doc, node), &value) == 0 &&
	       value <= 31536000;
}

static void
check_rate_limit(struct check *c, uint32_t limit)
{
	static const char *const known[] = {"requests", "window_s", NULL};
	static const struct check_field fields[] = {
	    {"requests", is_limit_count, "INVALID_RATE_LIMIT",
		"requests must be a positive integer.", true},
	    {"window_s", is_limit_window, "INVALID_RATE_LIMIT",
		"window_s must be a number of seconds, at most a year.", true},
	};

	if (!tree_is_object(c->t, limit)) {
		check_error(c, limit, NULL, "INVALID_RATE_LIMIT",
		    "A limit is an object of requests and window_s.");
		return;
	}
	check_keys(c, limit, known);
	CHECK_FIELDS(c, limit, fields);
}

static bool
is_capability(const struct tree *t, struct span name)
{
	struct tree_iter it = tree_each(t, tree_get(t, 0, "capabilities"));

	while (tree_next(t, &it)) {
		uint32_t own = tree_get(t, it.value, "name");

		if (tree_is_string(t, own) &&
		    span_equal(tree_text(t, own), name)) {
			return true;
		}
	}
	return false;
}

/* A limit on a name that does not exist would be one that is not in force. */
void
check_rate_limits(struct check *c)
{
	static const char *const known[] = {"default", "capabilities", NULL};
	uint32_t limits = tree_get(c->t, 0, "rate_limits");
	uint32_t own = tree_get(c->t, limits, "capabilities");
	struct tree_iter it = tree_each(c->t, own);

	if (limits == JSON_NONE) {
		return;
	}
	if (!tree_is_object(c->t, limits) ||
	    (own != JSON_NONE && !tree_is_object(c->t, own))) {
		check_error(c, 0, "rate_limits", "INVALID_RATE_LIMIT",
		    "rate_limits must be an object of default and "
		    "capabilities.");
		return;
	}
	check_keys(c, limits, known);
	if (tree_get(c->t, limits, "default") != JSON_NONE) {
		check_rate_limit(c, tree_get(c->t, limits, "default"));
	}
	while (tree_next(c->t, &it)) {
		check_rate_limit(c, it.value);
		if (!is_capability(c->t, it.key)) {
			check_error(c, it.value, NULL, "INVALID_RATE_LIMIT",
			    "There is no capability of this name.");
		}
	}
}

static const char *const url_keys[] = {"url", "database_url", "databaseUrl",
    "read_url", "readUrl", "write_url", "writeUrl", "connection_string",
    "connectionString", NULL};
static const char *const sql_keys[] = {
    "sql", "raw_sql", "rawSql", "statement", "query_sql", "querySql", NULL};

/* Every key at every depth, argument names included, in file order. */
void
check_forbidden_keys(struct check *c)
{
	for (uint32_t i = 0; i < c->t->doc->count; i++) {
		if (!c->t->is_key[i]) {
			continue;
		}
		if (tree_choice(c->t, i, url_keys) >= 0) {
			check_error(c, i + 1, NULL,
			    "INLINE_DATABASE_URL_FORBIDDEN",
			    "Name an environment variable instead of a URL.");
		} else if (tree_choice(c->t, i, sql_keys) >= 0) {
			check_error(c, i + 1, NULL, "ARBITRARY_SQL_FORBIDDEN",
			    "A contract holds no SQL.");
		}
	}
}
