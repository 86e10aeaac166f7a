#include "cli/run/secrets.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/span.h"
#include "common/base/xalloc.h"
#include "common/contract/contract.h"
#include "common/crypto/secret.h"
#include "common/proc/credentials.h"
#include "common/proc/envclean.h"
#include "common/proc/startup.h"

/* A name once per role: the same variable may serve several sources. */
static void
add_name(struct run_secrets *s, const char *name, enum run_role role)
{
	if (name == NULL || name[0] == '\0') {
		return;
	}
	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i].role == role &&
		    strcmp(s->list[i].name, name) == 0) {
			return;
		}
	}
	s->list = xreallocarray(s->list, s->count + 1, sizeof(*s->list));
	s->list[s->count++] = (struct run_secret){.name = name, .role = role};
}

/* The folder first: a file of the service manager is better kept than a
 * variable. */
static int
resolve(struct run_secret *secret, const struct startup *startup, struct err *e)
{
	int rc = 0;

	if (startup->credentials_folder != NULL) {
		rc = credential_from_folder(startup->credentials_folder,
		    secret->name, &secret->value, e);
	}
	if (rc == 0 && secret->value == NULL) {
		secret->value = env_secret(startup->env, secret->name);
	}
	return rc;
}

/* A SQLite URL is a path: file modes, not the text, say who may write. */
static bool
is_used_for_writing(const struct contract *c, const char *name)
{
	for (size_t i = 0; i < c->source_count; i++) {
		const struct contract_source *s = &c->sources[i];
		if (s->engine != ENGINE_SQLITE && s->write_url_env != NULL &&
		    strcmp(s->write_url_env, name) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < c->executor_count; i++) {
		const struct contract_executor *x = &c->executors[i];
		const char *const names[] = {x->url_env, x->token_env,
		    x->signing_secret_env, x->command_env};
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			if (names[k] != NULL && strcmp(names[k], name) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* By name, before any value is read. Without it mcpd would be handed what
 * can write, and the whole arrangement would mean nothing. */
static int
check_separation(const struct run_secrets *s, const struct contract *c,
    bool accepts, struct err *e)
{
	for (size_t i = 0; i < s->count; i++) {
		const char *name = s->list[i].name;
		if (s->list[i].role != RUN_MCPD ||
		    !is_used_for_writing(c, name)) {
			continue;
		}
		if (!accepts) {
			return err_set(e, CS_E_CONFIG, "CREDENTIAL_SHARED",
			    "%s is for mcpd and for a process that writes: "
			    "mcpd would hold a credential that writes; use two "
			    "variables "
			    "(or --accept-reduced-isolation)",
			    name);
		}
		log_event(LOG_LEVEL_WARN, "credential_shared", "name=%s", name);
	}
	return 0;
}

struct comparison {
	const struct secret *other;
};

/* Inside secret_with: neither value leaves guarded memory. */
static int
compare_value(struct span value, void *context)
{
	const struct comparison *c = context;

	return secret_equal(c->other, value) ? 1 : 0;
}

/* Two names, one value: separate on paper only. Said, not refused. */
static void
warn_about_equal(const struct run_secrets *s, const struct contract *c)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct run_secret *a = &s->list[i];
		for (size_t j = 0; j < s->count; j++) {
			const struct run_secret *b = &s->list[j];
			struct comparison pair = {a->value};
			if (a->role == RUN_MCPD && b->role == RUN_WRITERD &&
			    a->value != NULL && b->value != NULL &&
			    is_used_for_writing(c, b->name) &&
			    secret_with(b->value, compare_value, &pair) != 0) {
				log_event(LOG_LEVEL_WARN, "credential_shared",
				    "read=%s write=%s why=\"the same URL, so "
				    "mcpd holds what can write\"",
				    a->name, b->name);
			}
		}
	}
}

int
run_secrets_load(struct run_secrets *s, const struct contract *c,
    const struct run_options *o, const struct startup *startup, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < c->source_count; i++) {
		add_name(s, c->sources[i].read_url_env, RUN_MCPD);
		add_name(s, c->sources[i].write_url_env, RUN_WRITERD);
	}
	for (size_t i = 0; i < c->executor_count; i++) {
		add_name(s, c->executors[i].url_env, RUN_HANDLER);
		add_name(s, c->executors[i].token_env, RUN_HANDLER);
		add_name(s, c->executors[i].signing_secret_env, RUN_HANDLER);
		add_name(s, c->executors[i].command_env, RUN_HANDLER);
	}
	for (size_t i = 0; i < o->mcpd_credential_count; i++) {
		add_name(s, o->mcpd_credentials[i], RUN_MCPD);
	}
	rc = check_separation(s, c, startup->accept_reduced_isolation, e);
	for (size_t i = 0; i < s->count && rc == 0; i++) {
		/* What this run does not need, it does not touch. */
		if (o->role[s->list[i].role]) {
			rc = resolve(&s->list[i], startup, e);
		}
	}
	if (rc == 0) {
		warn_about_equal(s, c);
	}
	return rc;
}

bool
run_secrets_has(const struct run_secrets *s, enum run_role role)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i].role == role && s->list[i].value != NULL) {
			return true;
		}
	}
	return false;
}

void
run_secrets_clear(struct run_secrets *s)
{
	for (size_t i = 0; i < s->count; i++) {
		secret_free(&s->list[i].value);
	}
	free(s->list);
	*s = (struct run_secrets){0};
}
