/* The contract, and the variables that it names. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/check/doctor.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

bool
doctor_is_set(const char *name)
{
	const char *value = name != NULL ? secure_getenv(name) : NULL;
	const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
	char path[4096];

	if (value != NULL && value[0] != '\0') {
		return true;
	}
	return name != NULL && folder != NULL &&
	       snprintf(path, sizeof(path), "%s/%s", folder, name) <
		   (int)sizeof(path) &&
	       access(path, R_OK) == 0;
}

/* Its verdict: one check for all errors, one for each warning. */
static void
add_verdict(struct doctor *d, const struct contract_report *r)
{
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < r->count; i++) {
		const struct contract_issue *issue = &r->issues[i];
		if (issue->warning) {
			doctor_add(d, LEVEL_WARN,
			    arena_printf(
				d->arena, "config-warning:%s", issue->code),
			    "%s: %s", issue->path, issue->message);
		} else {
			buf_printf(&list, "%s%s %s", list.len > 0 ? ", " : "",
			    issue->path, issue->code);
		}
	}
	if (list.len > 0) {
		doctor_add(
		    d, LEVEL_FAIL, "config-valid", "%s", buf_text(&list));
	} else {
		doctor_add(
		    d, LEVEL_PASS, "config-valid", "The contract is valid.");
	}
	buf_clear(&list);
}

void
doctor_contract(struct doctor *d)
{
	struct contract_report report = {0};
	struct buf bytes = BUF_INIT;
	struct err e = {0};
	int rc = file_read_trusted(d->config, CONTRACT_MAX_BYTES, &bytes, &e);

	if (rc == 0) {
		rc = contract_validate(buf_as_span(&bytes), &report, &e);
	}
	if (rc != 0 && report.count == 0) {
		doctor_add(d, LEVEL_FAIL, "config-valid", "%s", e.msg);
	} else {
		add_verdict(d, &report);
		(void)contract_load(d->config, &d->contract, &e);
	}
	contract_report_clear(&report);
	buf_clear(&bytes);
}

static void
add_variable(struct doctor *d, const char *name, const char *what)
{
	if (name == NULL || name[0] == '\0') {
		return;
	}
	for (size_t i = 0; i < d->count; i++) {
		/* Said once, however often it is named. */
		if (strncmp(d->checks[i].name, "env:", 4) == 0 &&
		    strcmp(d->checks[i].name + 4, name) == 0) {
			return;
		}
	}
	doctor_add(d, doctor_is_set(name) ? LEVEL_PASS : LEVEL_FAIL,
	    arena_printf(d->arena, "env:%s", name),
	    doctor_is_set(name) ? "%s is set." : "%s is not set: %s.", name,
	    what);
}

/* Literal contexts and tokens need no variable. */
static void
add_context(struct doctor *d, const struct contract_context *c)
{
	if (c == NULL || c->provider != PROVIDER_ENVIRONMENT) {
		return;
	}
	add_variable(d, c->tenant_id_env, "the trusted tenant");
	add_variable(d, c->principal_env, "the trusted principal");
}

/* Does some capability change rows of this source by SQL? */
static bool
is_written(const struct contract *c, const struct contract_source *s)
{
	for (size_t i = 0; i < c->capability_count; i++) {
		const struct contract_capability *cap = &c->capabilities[i];
		if (cap->kind == KIND_PROPOSAL && cap->source == s &&
		    cap->handler == NULL) {
			return c->mode == MODE_REVIEW;
		}
	}
	return false;
}

/* One credential for both roles makes the separation a pretence. */
static void
add_separation(struct doctor *d, const struct contract_source *s)
{
	const char *name =
	    arena_printf(d->arena, "source:%s:credential-separation", s->name);
	const char *read = secure_getenv(s->read_url_env);
	const char *write = secure_getenv(s->write_url_env);

	if (read == NULL || write == NULL) {
		return;
	}
	if (strcmp(read, write) != 0) {
		doctor_add(d, LEVEL_PASS, name,
		    "Reader and writer use different credentials.");
	} else if (s->engine == ENGINE_SQLITE) {
		doctor_add(d, LEVEL_PASS, name,
		    "SQLite has no roles; the file's mode and the sandbox "
		    "keep the reader from writing.");
	} else {
		doctor_add(d,
		    args_has(d->args, "allow-shared-credential") ? LEVEL_WARN
								 : LEVEL_FAIL,
		    name,
		    "%s and %s hold the same credential: give the reader a "
		    "role of its own that may only SELECT.",
		    s->read_url_env, s->write_url_env);
	}
}

static void
add_source(struct doctor *d, const struct contract_source *s)
{
	add_variable(d, s->read_url_env, "the read URL");
	if (!is_written(d->contract, s)) {
		return;
	}
	if (s->write_url_env == NULL) {
		doctor_add(d, LEVEL_FAIL,
		    arena_printf(d->arena, "source:%s:write-url-env", s->name),
		    "No write_url_env: what is approved can not be applied.");
		return;
	}
	add_variable(d, s->write_url_env, "the write URL");
	add_separation(d, s);
}

static void
add_executor(struct doctor *d, const struct contract_executor *x)
{
	add_variable(d, x->url_env, "the handler's URL");
	add_variable(d, x->token_env, "the handler's bearer token");
	add_variable(d, x->command_env, "the handler's command");
	if (x->type != EXECUTOR_HTTP) {
		return;
	}
	if (x->signing_secret_env == NULL) {
		doctor_add(d, LEVEL_WARN,
		    arena_printf(
			d->arena, "executor:%s:handler-signing", x->name),
		    "Requests to the handler are not signed: set "
		    "signing_secret_env.");
	} else {
		add_variable(
		    d, x->signing_secret_env, "the request signing secret");
	}
}

void
doctor_environment(struct doctor *d)
{
	const struct contract *c = d->contract;

	add_context(d, c->trusted_context);
	for (size_t i = 0; i < c->context_count; i++) {
		add_context(d, &c->contexts[i]);
	}
	for (size_t i = 0; i < c->source_count; i++) {
		add_source(d, &c->sources[i]);
	}
	for (size_t i = 0; i < c->executor_count; i++) {
		add_executor(d, &c->executors[i]);
	}
}
