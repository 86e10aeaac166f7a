/*
 * Does text look like a credential (engine.md §3.14)? The two patterns are
 * matched by hand: ASCII letters without case, no backtracking.
 */
#include "common/contract/rules.h"

#include <ctype.h>

#include "common/base/err.h"
#include "common/base/str.h"
#include "common/contract/tree.h"

/* '?' stands for an optional '_' or '-'. */
static const char *const key_words[] = {"password", "passwd", "secret", "token",
    "api?key", "access?key", "private?key", "cookie", "credential",
    "connection?string", "database?url", "read?url", "write?url"};

static bool
is_separator(char c)
{
	return c == '_' || c == '-';
}

/* ASCII only, as the pattern's /i without /u. */
static bool
same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Does the word stand at `pos`, up to a separator or the end? */
static bool
word_at(struct span key, size_t pos, const char *word)
{
	for (; *word != '\0'; word++) {
		if (*word == '?') {
			pos +=
			    pos < key.len && is_separator(key.ptr[pos]) ? 1 : 0;
		} else if (pos < key.len && same_letter(key.ptr[pos], *word)) {
			pos++;
		} else {
			return false;
		}
	}
	return pos == key.len || is_separator(key.ptr[pos]);
}

/* Only after the start or a separator: "mytoken" is an innocent name. */
static bool
is_secret_key(struct span key)
{
	for (size_t pos = 0; pos < key.len; pos++) {
		if (pos > 0 && !is_separator(key.ptr[pos - 1])) {
			continue;
		}
		for (size_t i = 0; i < sizeof(key_words) / sizeof(key_words[0]);
		     i++) {
			if (word_at(key, pos, key_words[i])) {
				return true;
			}
		}
	}
	return false;
}

/* Does `text` stand at the start of `s`? */
static bool
starts_with(struct span s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len &&
	       str_equal_nocase((struct span){s.ptr, len}, text);
}

static struct span
skip(struct span s, size_t len)
{
	return (struct span){s.ptr + len, s.len - len};
}

/* The class [A-Za-z0-9._~+/=-]; one of them is enough. */
static bool
is_token_char(struct span s)
{
	return s.len > 0 && s.ptr[0] != '\0' &&
	       (isalnum((unsigned char)s.ptr[0]) ||
		   strchr("._~+/=-", s.ptr[0]) != NULL);
}

/* Nothing needs to follow. */
static bool
always(struct span rest)
{
	(void)rest;
	return true;
}

/* White space, then at least one character of a token. */
static bool
bearer_follows(struct span rest)
{
	size_t pos = 0;
	size_t spaces = 0;

	while (pos < rest.len) {
		size_t next = pos;
		if (!text_is_space(utf8_next(rest, &next))) {
			break;
		}
		pos = next;
		spaces++;
	}
	return spaces > 0 && is_token_char(skip(rest, pos));
}

/* Letters and spaces that end in PRIVATE KEY, then five dashes. */
static bool
key_header_follows(struct span rest)
{
	static const char ending[] = "PRIVATE KEY-----";
	size_t run = 0;

	while (run < rest.len && (rest.ptr[run] == ' ' ||
				     isalpha((unsigned char)rest.ptr[run]))) {
		run++;
	}
	return run >= strlen("PRIVATE KEY") &&
	       starts_with(skip(rest, run - strlen("PRIVATE KEY")), ending);
}

static const struct {
	const char *start;
	bool (*follows)(struct span rest);
} value_patterns[] = {
    {"postgres://", always},
    {"postgresql://", always},
    {"mysql://", always},
    {"bearer", bearer_follows},
    {"syn_wbr_", is_token_char},
    {"-----begin ", key_header_follows},
};

/* Anywhere in the text. Each pattern looks ahead over its own characters only,
 * so the search stays linear. */
static bool
is_secret_value(struct span value)
{
	for (size_t pos = 0; pos < value.len; pos++) {
		struct span rest = skip(value, pos);
		if (strchr("pPmMbBsS-", value.ptr[pos]) == NULL) {
			continue;
		}
		for (size_t i = 0;
		     i < sizeof(value_patterns) / sizeof(value_patterns[0]);
		     i++) {
			if (starts_with(rest, value_patterns[i].start) &&
			    value_patterns[i].follows(
				skip(rest, strlen(value_patterns[i].start)))) {
				return true;
			}
		}
	}
	return false;
}

/* The path is the sender's text: escaped before it is shown. */
static int
refuse(const struct tree *t, const char *root, uint32_t node, struct err *e)
{
	struct buf path = BUF_INIT;
	struct buf shown = BUF_INIT;
	int rc;

	tree_path(t, root, node, &path);
	str_escape_for_people(&shown, buf_as_span(&path));
	rc = err_set(e, CS_E_INVALID, "SECRET_MATERIAL_REJECTED",
	    "%.300s looks like a credential, which is never stored",
	    buf_text(&shown));
	buf_clear(&path);
	buf_clear(&shown);
	return rc;
}

/* Keys and values in document order, so the first path is the topmost. */
int
rules_scan_secrets(const char *root, const struct json_doc *doc,
    struct arena *a, struct err *e)
{
	struct tree t;

	tree_init(&t, doc, a);
	for (uint32_t i = 0; i < doc->count; i++) {
		bool secret = t.is_key[i] ? is_secret_key(t.text[i])
					  : is_secret_value(t.text[i]);
		if (secret) {
			return refuse(&t, root, t.is_key[i] ? i + 1 : i, e);
		}
	}
	return 0;
}
