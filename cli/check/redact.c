#include "cli/check/redact.h"

#include <strings.h>

#include "common/base/arena.h"
#include "common/base/xalloc.h"

#define HIDDEN "<redacted>"

static bool
begins(struct span text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && strncasecmp(text.ptr, prefix, len) == 0;
}

static bool
holds(struct span text, const char *word)
{
	for (size_t i = 0; i < text.len; i++) {
		if (begins((struct span){text.ptr + i, text.len - i}, word)) {
			return true;
		}
	}
	return false;
}

static bool
is_secret(struct span key, struct span value)
{
	static const char *const keys[] = {
	    "url", "password", "secret", "token", "key", "credential"};
	static const char *const forms[] = {"postgres://", "postgresql://",
	    "mysql://", "mariadb://", "sqlite://", "bearer ", "syn_wbr_"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (holds(key, keys[i])) {
			return true;
		}
	}
	/* Anywhere in a text, not only at its beginning. */
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (holds(value, forms[i])) {
			return true;
		}
	}
	return false;
}

/* Nodes stand in document order, so one pass writes them; `ends` holds where
 * each open value closes. */
void
redact_rewrite(struct json_out *j, const struct json_doc *doc, struct arena *a)
{
	uint32_t ends[JSON_MAX_DEPTH + 1];
	bool is_object[JSON_MAX_DEPTH + 1];
	struct span key = {NULL, 0};
	size_t depth = 0;
	uint32_t i = 0;

	while (i < doc->count || depth > 0) {
		while (depth > 0 && i == ends[depth - 1]) {
			json_close(j, is_object[--depth] ? '}' : ']');
		}
		if (i == doc->count) {
			continue;
		}
		key = (struct span){NULL, 0};
		if (depth > 0 && is_object[depth - 1]) {
			key = json_string(doc, i++, a);
			json_key_span(j, key);
		}
		const struct json_node *n = &doc->nodes[i];
		if (n->type == JSON_OBJECT || n->type == JSON_ARRAY) {
			cs_assert(depth <= JSON_MAX_DEPTH);
			is_object[depth] = n->type == JSON_OBJECT;
			ends[depth++] = n->next;
			json_open(j, n->type == JSON_OBJECT ? '{' : '[');
		} else if (n->type == JSON_STRING &&
			   is_secret(key, json_string(doc, i, a))) {
			json_put_text(j, HIDDEN);
		} else {
			json_put_raw(j, json_raw(doc, i));
		}
		i++;
	}
}
