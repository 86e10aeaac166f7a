/*
 * Making a handler: everything that is missing or too weak is found here, not
 * when the first request comes.
 */
#include <stdarg.h>

#include "common/base/xalloc.h"
#include "common/crypto/digest.h"
#include "common/crypto/secret.h"
#include "kit/c/internal.h"

/* False, so that a check can end with it; the sentence names no value. */
static bool wrong(char *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool
wrong(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, CS_HANDLER_ERROR_SIZE, format, args);
	va_end(args);
	return false;
}

/* By name, exactly. There are a few, so the list is walked. */
const struct cs_handler_action *
kit_action(const struct cs_handler *h, const char *name)
{
	for (size_t i = 0; i < h->action_count; i++) {
		if (strcmp(h->actions[i].name, name) == 0) {
			return &h->actions[i];
		}
	}
	return NULL;
}

/* Into guarded memory; `env` "" leaves it out. */
static bool
take_secret(const char *value, const char *env, const char *by_default,
    struct secret **out, char *error)
{
	const char *name = env != NULL ? env : by_default;
	size_t len;

	if (value == NULL && name[0] == '\0') {
		return true;
	}
	if (value == NULL) {
		value = secure_getenv(name);
		if (value == NULL) {
			return wrong(error,
			    "%s is not set; set it to the value that "
			    "writerd-handler has, or name \"\" to do without",
			    name);
		}
	}
	len = strlen(value);
	if (len < KIT_SECRET_MIN || len >= SECRET_MAX) {
		return wrong(error,
		    "the token or secret of %s is shorter than %d bytes or "
		    "longer than %d",
		    name[0] == '\0' ? "the options" : name, KIT_SECRET_MIN,
		    SECRET_MAX - 1);
	}
	*out = secret_new(span_of(value));
	return true;
}

/* At least one, each with a name of its own. Names are copied; contexts are
 * the application's. */
static bool
take_actions(
    struct cs_handler *h, const struct cs_handler_options *o, char *error)
{
	if (o->action_count == 0) {
		return wrong(
		    error, "no action is named: nothing could be done");
	}
	h->actions = xcalloc(o->action_count, sizeof(*h->actions));
	for (size_t i = 0; i < o->action_count; i++) {
		const struct cs_handler_action *action = &o->actions[i];

		if (action->name == NULL || action->name[0] == '\0' ||
		    (action->apply == NULL && !o->verify_only)) {
			return wrong(
			    error, "an action has no name or no function");
		}
		if (kit_action(h, action->name) != NULL) {
			return wrong(error, "the action %s is named twice",
			    action->name);
		}
		h->actions[i] = *action;
		h->actions[i].name = xstrdup(action->name);
		h->action_count = i + 1;
	}
	return true;
}

/* Fail closed: that nobody is asked for a proof must be said in words. */
static bool
take_senders(
    struct cs_handler *h, const struct cs_handler_options *o, char *error)
{
	if (o->command_mode) {
		return true;
	}
	if (!take_secret(
		o->token, o->token_env, KIT_TOKEN_ENV, &h->token, error) ||
	    !take_secret(o->signing_secret, o->signing_secret_env,
		KIT_SECRET_ENV, &h->signing_secret, error)) {
		return false;
	}
	if (h->token == NULL && h->signing_secret == NULL &&
	    !o->allow_unauthenticated) {
		return wrong(error,
		    "neither a token nor a signing secret: anybody could ask; "
		    "allow_unauthenticated is for loopback only");
	}
	return true;
}

struct cs_handler *
cs_handler_new(const struct cs_handler_options *o, char *error)
{
	struct cs_handler *h;

	crypto_init();
	h = xcalloc(1, sizeof(*h));
	h->database = o->database;
	h->command_mode = o->command_mode;
	h->skew_us =
	    (int64_t)(o->skew_ms > 0 ? o->skew_ms : KIT_SKEW_MS) * 1000;
	h->log = o->log;
	h->log_context = o->log_context;
	if ((o->database == NULL && !o->verify_only &&
		!wrong(error, "no database: nothing could be applied")) ||
	    !take_actions(h, o, error) || !take_senders(h, o, error)) {
		cs_handler_free(h);
		return NULL;
	}
	return h;
}

void
cs_handler_free(struct cs_handler *h)
{
	if (h == NULL) {
		return;
	}
	for (size_t i = 0; i < h->action_count; i++) {
		union {
			const char *kept;
			char *text;
		} name = {.kept = h->actions[i].name};
		free(name.text);
	}
	free(h->actions);
	secret_free(&h->token);
	secret_free(&h->signing_secret);
	free(h);
}
