/*
 * From a document without errors to struct contract: everything but the
 * capabilities, which refer to what is built here.
 */
#include "common/contract/build.h"

#include "common/base/arena.h"

/* Copies, because the scanned document is thrown away after the load. */
const char *
build_text(const struct tree *t, struct arena *a, uint32_t object,
    const char *key, const char *otherwise)
{
	uint32_t node = tree_get(t, object, key);
	struct span text = tree_text(t, node);

	return tree_is_string(t, node) ? arena_strndup(a, text.ptr, text.len)
				       : otherwise;
}

/* A number beyond INT32_MAX means "no limit worth having": clamping it keeps
 * every later multiplication by 1000 or 1000000 inside 64 bits. */
int64_t
build_count(
    const struct tree *t, uint32_t object, const char *key, int64_t otherwise)
{
	struct buf number = BUF_INIT;
	int64_t value = otherwise;

	if (tree_number(t, tree_get(t, object, key), &number) &&
	    (json_int64(buf_as_span(&number), &value) != 0 ||
		value > INT32_MAX)) {
		value = INT32_MAX;
	}
	buf_clear(&number);
	return value;
}

/* The list was validated: leaving others out only guards this function. */
const char **
build_list(
    const struct tree *t, struct arena *a, uint32_t list, size_t *count_out)
{
	const char **out = arena_array(a, tree_count(t, list), sizeof(*out));
	struct tree_iter it = tree_each(t, list);

	*count_out = 0;
	while (tree_next(t, &it)) {
		struct span text = tree_text(t, it.value);
		if (tree_is_string(t, it.value)) {
			out[(*count_out)++] =
			    arena_strndup(a, text.ptr, text.len);
		}
	}
	return out;
}

bool
build_flag(const struct tree *t, uint32_t object, const char *key)
{
	return tree_is(t, tree_get(t, object, key), JSON_TRUE);
}

/* Validation has already refused what is not in the list. */
int
build_choice(const struct tree *t, uint32_t object, const char *key,
    const char *const *list)
{
	int choice = tree_choice(t, tree_get(t, object, key), list);

	return choice < 0 ? 0 : choice;
}

#define DEFAULT_STATEMENT_TIMEOUT_MS 10000
#define DEFAULT_QUEUE_TIMEOUT_MS     2000

/* Waiting for a connection never takes longer than a statement may. */
static void
build_pool(const struct tree *t, uint32_t source, struct contract_source *s)
{
	uint32_t pool = tree_get(t, source, "pool");
	int64_t statement = s->statement_timeout_ms > 0
				? s->statement_timeout_ms
				: DEFAULT_STATEMENT_TIMEOUT_MS;

	s->max_connections = build_count(t, pool, "max_connections", 4);
	s->queue_limit = build_count(t, pool, "queue_limit", 256);
	s->queue_timeout_ms =
	    build_count(t, pool, "queue_timeout_ms", DEFAULT_QUEUE_TIMEOUT_MS);
	if (s->queue_timeout_ms > statement) {
		s->queue_timeout_ms = statement;
	}
	s->probe_interval_s = build_count(t, source, "probe_interval_s", 60);
}

static void
build_scope(const struct tree *t, struct arena *a, uint32_t source,
    struct contract_source *s)
{
	uint32_t scope = tree_get(t, source, "database_scope");

	s->scope_tenant_setting = build_text(t, a, scope, "tenant", NULL);
	s->scope_principal_setting = build_text(t, a, scope, "principal", NULL);
}

/* File order: the look-ups take the first of a name, and there is one. */
static void
build_sources(const struct tree *t, struct contract *c)
{
	uint32_t sources = tree_get(t, 0, "sources");
	struct tree_iter it = tree_each(t, sources);

	c->sources =
	    arena_array(c->arena, tree_count(t, sources), sizeof(*c->sources));
	while (tree_next(t, &it)) {
		struct contract_source *s = &c->sources[c->source_count++];
		*s = (struct contract_source){
		    .name = arena_strndup(c->arena, it.key.ptr, it.key.len),
		    .engine = (enum source_engine)build_choice(
			t, it.value, "engine", contract_engines),
		    .read_url_env =
			build_text(t, c->arena, it.value, "read_url_env", NULL),
		    .write_url_env = build_text(
			t, c->arena, it.value, "write_url_env", NULL),
		    .read_only = build_flag(t, it.value, "read_only"),
		    .statement_timeout_ms =
			build_count(t, it.value, "statement_timeout_ms", 0),
		    .receipts = tree_is_text(t,
				    tree_get(t, it.value, "receipts"), "ledger")
				    ? RECEIPTS_LEDGER
				    : RECEIPTS_SOURCE_DB,
		    .accept_writer_posture = tree_is_text(
			t, tree_get(t, it.value, "writer_posture"), "accept"),
		    .accept_reader_can_write = tree_is_text(t,
			tree_get(t, it.value, "reader_can_write"), "accept")};
		build_pool(t, it.value, s);
		build_scope(t, c->arena, it.value, s);
	}
}

/* 0.1.1 does not look at the values. A name that is no string must not turn
 * into the default name: "" is one that never resolves. */
static const char *
build_env_name(const struct tree *t, struct arena *a, uint32_t values,
    const char *key, const char *otherwise)
{
	uint32_t node = tree_get(t, values, key);

	if (node == JSON_NONE || tree_is(t, node, JSON_NULL)) {
		return otherwise;
	}
	return build_text(t, a, values, key, "");
}

/* An empty literal is none: nobody is the principal "". */
static const char *
build_literal(
    const struct tree *t, struct arena *a, uint32_t values, const char *key)
{
	const char *text = build_text(t, a, values, key, NULL);

	return text != NULL && *text != '\0' ? text : NULL;
}

/* Defaults are 0.1.1's names, because existing deployments set those. */
static struct contract_context
build_context(const struct tree *t, struct arena *a, uint32_t context)
{
	uint32_t values = tree_get(t, context, "values");

	return (struct contract_context){
	    .provider = (enum context_provider)build_choice(
		t, context, "provider", contract_providers),
	    .tenant_id_env = build_env_name(
		t, a, values, "tenant_id_env", "SYNAPSOR_TENANT_ID"),
	    .principal_env = build_env_name(
		t, a, values, "principal_env", "SYNAPSOR_PRINCIPAL"),
	    .tenant_id = build_literal(t, a, values, "tenant_id"),
	    .principal = build_literal(t, a, values, "principal"),
	    .tenant_claim =
		build_env_name(t, a, values, "tenant_claim", "tenant_id"),
	    .principal_claim =
		build_env_name(t, a, values, "principal_claim", "sub")};
}

/* trusted_context has no name, so that a capability cannot ask for it by one.
 * */
static void
build_contexts(const struct tree *t, struct contract *c)
{
	uint32_t trusted = tree_get(t, 0, "trusted_context");
	uint32_t contexts = tree_get(t, 0, "contexts");
	struct tree_iter it = tree_each(t, contexts);

	if (trusted != JSON_NONE) {
		c->trusted_context =
		    arena_alloc(c->arena, sizeof(*c->trusted_context));
		*c->trusted_context = build_context(t, c->arena, trusted);
	}
	c->contexts = arena_array(
	    c->arena, tree_count(t, contexts), sizeof(*c->contexts));
	while (tree_next(t, &it)) {
		struct contract_context *x = &c->contexts[c->context_count++];
		*x = build_context(t, c->arena, it.value);
		x->name = arena_strndup(c->arena, it.key.ptr, it.key.len);
	}
}

static unsigned
build_algorithms(const struct tree *t, uint32_t list)
{
	struct tree_iter it = tree_each(t, list);
	unsigned bits = 0;

	while (tree_next(t, &it)) {
		bits |= 1U << tree_choice(t, it.value, contract_algorithms);
	}
	return bits;
}

/* Without a list the issuer is its own authorization server. */
static void
build_auth(const struct tree *t, struct contract *c)
{
	uint32_t auth = tree_get(t, 0, "http_auth");
	struct contract_auth *out = arena_alloc(c->arena, sizeof(*out));

	if (auth == JSON_NONE) {
		return;
	}
	out->issuer = build_text(t, c->arena, auth, "issuer", NULL);
	out->audience = build_text(t, c->arena, auth, "audience", NULL);
	out->algorithms = build_algorithms(t, tree_get(t, auth, "algorithms"));
	out->jwks_file = build_text(t, c->arena, auth, "jwks_file", NULL);
	out->pem_file = build_text(t, c->arena, auth, "pem_file", NULL);
	out->jwks_url = build_text(t, c->arena, auth, "jwks_url", NULL);
	out->servers = build_list(t, c->arena,
	    tree_get(t, auth, "authorization_servers"), &out->server_count);
	if (out->server_count == 0) {
		out->servers = arena_alloc(c->arena, sizeof(*out->servers));
		out->servers[out->server_count++] = out->issuer;
	}
	c->auth = out;
}

static void
build_writable(const struct tree *t, struct arena *a, uint32_t list,
    struct contract_executor *x)
{
	struct tree_iter it = tree_each(t, list);

	x->writable_paths =
	    arena_array(a, tree_count(t, list) + 1, sizeof(*x->writable_paths));
	while (tree_next(t, &it)) {
		struct span path = tree_text(t, it.value);
		x->writable_paths[x->writable_count++] =
		    arena_strndup(a, path.ptr, path.len);
	}
}

/* Fields of another type stay NULL even if the file has them: 0.1.1 lets a
 * command_env stand in an http handler, and nobody should read it there. */
static void
build_executor(const struct tree *t, struct arena *a, uint32_t node,
    struct contract_executor *x)
{
	uint32_t auth = tree_get(t, node, "auth");

	x->type = (enum executor_type)build_choice(
	    t, node, "type", contract_executor_types);
	x->timeout_ms = build_count(t, node, "timeout_ms", 5000);
	x->honours_dry_run =
	    tree_is(t, tree_get(t, node, "honours_dry_run"), JSON_TRUE);
	if (x->type == EXECUTOR_HTTP) {
		x->url_env = build_text(t, a, node, "url_env", NULL);
		x->method = build_text(t, a, node, "method", "POST");
		x->token_env = build_text(t, a, auth, "token_env", NULL);
		x->signing_secret_env =
		    build_text(t, a, node, "signing_secret_env", NULL);
		x->allow_private = tree_is(
		    t, tree_get(t, node, "allow_private_network"), JSON_TRUE);
	} else if (x->type == EXECUTOR_COMMAND) {
		x->command_env = build_text(t, a, node, "command_env", NULL);
		build_writable(t, a, tree_get(t, node, "writable_paths"), x);
	}
}

/* Every declared executor, used or not. */
static void
build_executors(const struct tree *t, struct contract *c)
{
	uint32_t executors = tree_get(t, 0, "executors");
	struct tree_iter it = tree_each(t, executors);

	c->executors = arena_array(
	    c->arena, tree_count(t, executors), sizeof(*c->executors));
	while (tree_next(t, &it)) {
		struct contract_executor *x =
		    &c->executors[c->executor_count++];
		build_executor(t, c->arena, it.value, x);
		x->name = arena_strndup(c->arena, it.key.ptr, it.key.len);
	}
}

/* A reviewer without a uid is looked up by name at start. */
static void
build_reviewers(const struct tree *t, struct contract *c)
{
	uint32_t reviewers = tree_get(t, 0, "reviewers");
	struct tree_iter it = tree_each(t, reviewers);

	c->has_reviewers = reviewers != JSON_NONE;
	c->reviewers = arena_array(
	    c->arena, tree_count(t, reviewers), sizeof(*c->reviewers));
	while (tree_next(t, &it)) {
		struct contract_reviewer *r =
		    &c->reviewers[c->reviewer_count++];
		uint32_t uid = tree_get(t, it.value, "uid");
		r->user = arena_strndup(c->arena, it.key.ptr, it.key.len);
		r->uid = -1;
		if (uid != JSON_NONE) {
			(void)json_int64(json_raw(t->doc, uid), &r->uid);
		}
		r->roles = build_list(t, c->arena,
		    tree_get(t, it.value, "roles"), &r->role_count);
	}
}

/* Sources, contexts and executors first: capabilities point at them. */
void
contract_build(const struct tree *t, struct contract *out)
{
	out->mode =
	    (enum contract_mode)build_choice(t, 0, "mode", contract_modes);
	out->result_format = (int)build_count(t, 0, "result_format", 1);
	out->sqlite_path = build_text(
	    t, out->arena, tree_get(t, 0, "storage"), "sqlite_path", NULL);
	out->apply = tree_is_text(t, tree_get(t, 0, "apply"), "on_approval")
			 ? APPLY_ON_APPROVAL
			 : APPLY_MANUAL;
	out->allowed_signers =
	    build_text(t, out->arena, 0, "allowed_signers", NULL);
	out->status_tool = build_text(t, out->arena, 0, "status_tool", NULL);
	build_sources(t, out);
	build_contexts(t, out);
	build_auth(t, out);
	build_executors(t, out);
	build_reviewers(t, out);
	out->capabilities = contract_build_capabilities(t, out);
}
