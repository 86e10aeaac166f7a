#include "inspect/suggest.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct word {
	const char *text;
	const char *why;
};

static const struct word tenant_names[] = {
    {"tenant_id", "its name says tenant"},
    {"account_id", "rows may belong to the account"},
    {"organization_id", "rows may belong to the organization"},
    {"org_id", "rows may belong to the organization"},
    {"workspace_id", "rows may belong to the workspace"},
    {"customer_id", "rows may belong to the customer"},
    {NULL, NULL},
};

static const struct word conflict_names[] = {
    {"updated_at", "it is said to change with every update"},
    {"modified_at", "it is said to change with every update"},
    {"row_version", "it counts the row's versions"},
    {"version", "it counts the row's versions"},
    {"lock_version", "it counts the row's versions"},
    {"etag", "it changes with the row"},
    {NULL, NULL},
};

static const struct word immutable_names[] = {
    {"id", "it identifies the row"},
    {"uuid", "it identifies the row"},
    {"created_at", "it tells when the row was made"},
    {"created_by", "it tells who made the row"},
    {NULL, NULL},
};

/* Written with _, - or nothing between the words. */
static const struct word sensitive_words[] = {
    {"password", "its name says password"},
    {"secret", "its name says secret"},
    {"token", "its name says token"},
    {"api key", "its name says API key"},
    {"access key", "its name says access key"},
    {"private key", "its name says private key"},
    {"session", "its name says session"},
    {"cookie", "its name says cookie"},
    {"social security", "its name says social security"},
    {"credit card", "its name says credit card"},
    {"card number", "its name says card number"},
    {"refresh token", "its name says refresh token"},
    {"oauth", "its name says OAuth"},
    {NULL, NULL},
};

/* Too short to be looked for inside of other words. */
static const struct word sensitive_parts[] = {
    {"ssn", "its name says SSN"},
    {"cvv", "its name says CVV"},
    {NULL, NULL},
};

static const struct word large_types[] = {
    {"blob", "values can be large"},
    {"binary", "values are bytes"},
    {"bytea", "values are bytes"},
    {"vector", "values are long lists"},
    {NULL, NULL},
};

static const struct word whole_types[] = {
    {"json", "values can be large"},
    {"jsonb", "values can be large"},
    {NULL, NULL},
};

static const char *
why_equal(const struct word *list, const char *text)
{
	while (list->text != NULL && strcasecmp(list->text, text) != 0) {
		list++;
	}
	return list->why;
}

static const char *
why_inside(const struct word *list, const char *text)
{
	while (list->text != NULL && strcasestr(text, list->text) == NULL) {
		list++;
	}
	return list->why;
}

static bool
is_same_letter(char c, char lower)
{
	return tolower((unsigned char)c) == lower;
}

/* Does the name begin with these words, whatever stands between them? */
static bool
begins(const char *name, const char *words)
{
	for (; *words != '\0'; words++) {
		if (*words == ' ') {
			name += *name == '_' || *name == '-';
		} else if (!is_same_letter(*name++, *words)) {
			return false;
		}
	}
	return true;
}

static const char *
why_words(const char *name)
{
	for (const struct word *w = sensitive_words; w->text != NULL; w++) {
		for (const char *at = name; *at != '\0'; at++) {
			if (begins(at, w->text)) {
				return w->why;
			}
		}
	}
	return NULL;
}

/* A part between underscores or the like. */
static const char *
why_part(const char *name)
{
	for (const struct word *w = sensitive_parts; w->text != NULL; w++) {
		size_t len = strlen(w->text);
		const char *at = name;

		while ((at = strcasestr(at, w->text)) != NULL) {
			if ((at == name || !isalnum((unsigned char)at[-1])) &&
			    !isalnum((unsigned char)at[len])) {
				return w->why;
			}
			at++;
		}
	}
	return NULL;
}

void
suggest_column(const char *name, const char *type, const char *detail,
    bool in_primary_key, struct suggested *out)
{
	const char **why = out->why;

	why[SUGGEST_TENANT] = why_equal(tenant_names, name);
	why[SUGGEST_CONFLICT] = why_equal(conflict_names, name);
	why[SUGGEST_SENSITIVE] = why_words(name);
	if (why[SUGGEST_SENSITIVE] == NULL) {
		why[SUGGEST_SENSITIVE] = why_part(name);
	}
	why[SUGGEST_IMMUTABLE] = in_primary_key
				     ? "it is in the primary key"
				     : why_equal(immutable_names, name);
	if (why[SUGGEST_IMMUTABLE] == NULL && why[SUGGEST_TENANT] != NULL) {
		why[SUGGEST_IMMUTABLE] = "it tells whose the row is";
	}
	why[SUGGEST_BINARY] = why_inside(large_types, detail);
	if (why[SUGGEST_BINARY] == NULL) {
		why[SUGGEST_BINARY] = why_equal(whole_types, detail);
	}
	if (why[SUGGEST_BINARY] == NULL) {
		why[SUGGEST_BINARY] = why_equal(whole_types, type);
	}
}

const char *
suggest_name(enum suggestion s)
{
	static const char *const names[] = {
	    [SUGGEST_TENANT] = "tenant",
	    [SUGGEST_CONFLICT] = "conflict",
	    [SUGGEST_SENSITIVE] = "sensitive",
	    [SUGGEST_IMMUTABLE] = "immutable",
	    [SUGGEST_BINARY] = "large_or_binary",
	};

	return names[s];
}
