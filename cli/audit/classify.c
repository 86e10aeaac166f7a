/*
 * What a tool seems to do, from its words (cli-config.md §7.3). A word is
 * bounded by other characters than letters, digits and underscore.
 */
#include "cli/audit/audit.h"
#include "common/base/arena.h"
#include "common/base/json_out.h"

/* What may stand between the two halves of a phrase. */
enum gap {
	GAP_NONE,   /* one word, no second half */
	GAP_SPACES, /* any number of blanks, also none */
	GAP_SPACE,  /* one blank */
	GAP_EITHER, /* a blank, a dash or nothing */
	GAP_ONE     /* a blank or a dash */
};

/* `first` and, unless the gap is NONE, `second` behind it. */
struct phrase {
	const char *first;
	enum gap gap;
	const char *second;
};

static const struct phrase sql_phrases[] = {
    {"execute", GAP_SPACES, "sql"},
    {"execute", GAP_SPACES, "query"},
    {"run", GAP_SPACES, "sql"},
    {"run", GAP_SPACES, "query"},
    {"raw", GAP_SPACES, "sql"},
    {"raw", GAP_SPACES, "query"},
    {"sql", GAP_SPACES, "executor"},
    {"sql", GAP_SPACES, "database"},
    {"query", GAP_SPACES, "executor"},
    {"query", GAP_SPACES, "database"},
    {NULL, GAP_NONE, NULL},
};
static const char *const sql_names[] = {"executesql", "runsql", "runquery",
    "querydatabase", "databasequery", "sqlquery", "rawsql", "executequery",
    NULL};
static const struct phrase write_phrases[] = {
    {"update", GAP_NONE, NULL},
    {"insert", GAP_NONE, NULL},
    {"delete", GAP_NONE, NULL},
    {"upsert", GAP_NONE, NULL},
    {"write", GAP_NONE, NULL},
    {"mutate", GAP_NONE, NULL},
    {"refund", GAP_NONE, NULL},
    {"waive", GAP_NONE, NULL},
    {"charge", GAP_NONE, NULL},
    {"cancel", GAP_NONE, NULL},
    {"commit", GAP_NONE, NULL},
    {"approve", GAP_NONE, NULL},
    {"settle", GAP_NONE, NULL},
    {"apply", GAP_NONE, NULL},
    {"merge", GAP_NONE, NULL},
    {"resolve", GAP_NONE, NULL},
    {"close", GAP_NONE, NULL},
    {"create", GAP_NONE, NULL},
    {"drop", GAP_NONE, NULL},
    {"alter", GAP_NONE, NULL},
    {NULL, GAP_NONE, NULL},
};
static const struct phrase read_phrases[] = {
    {"read", GAP_NONE, NULL},
    {"get", GAP_NONE, NULL},
    {"list", GAP_NONE, NULL},
    {"search", GAP_NONE, NULL},
    {"inspect", GAP_NONE, NULL},
    {"select", GAP_NONE, NULL},
    {"query", GAP_NONE, NULL},
    {NULL, GAP_NONE, NULL},
};
static const struct phrase boundary_phrases[] = {
    {"proposal", GAP_NONE, NULL},
    {"propose", GAP_NONE, NULL},
    {"change", GAP_EITHER, "set"},
    {"review", GAP_SPACE, "required"},
    {"approval", GAP_NONE, NULL},
    {"approve", GAP_SPACE, "required"},
    {"guarded", GAP_SPACE, "writeback"},
    {"trusted", GAP_SPACE, "worker"},
    {NULL, GAP_NONE, NULL},
};
static const struct phrase commit_phrases[] = {
    {"approve", GAP_NONE, NULL},
    {"commit", GAP_NONE, NULL},
    {"apply", GAP_NONE, NULL},
    {"settle", GAP_NONE, NULL},
    {"merge", GAP_NONE, NULL},
    {NULL, GAP_NONE, NULL},
};
/* Who says one of these only prepares what a person commits. */
static const struct phrase review_phrases[] = {
    {"propose", GAP_NONE, NULL},
    {"proposal", GAP_NONE, NULL},
    {"review", GAP_ONE, "required"},
    {"approval", GAP_ONE, "required"},
    {NULL, GAP_NONE, NULL},
};
static const char *const committed[] = {
    "proposal", "write", "change", "writeback", NULL};

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Length of `word` if the text has it at `at`, else 0. */
static size_t
at_word(struct span text, size_t at, const char *word)
{
	size_t len = strlen(word);

	return text.len - at >= len && memcmp(text.ptr + at, word, len) == 0
		   ? len
		   : 0;
}

/* Where the second half may begin: up to two places, the later one first. */
static size_t
skip_gap(struct span text, size_t at, enum gap gap)
{
	if (gap == GAP_SPACES) {
		while (at < text.len && is_blank(text.ptr[at])) {
			at++;
		}
	} else if (at < text.len &&
		   (text.ptr[at] == ' ' ||
		       (text.ptr[at] == '-' && gap != GAP_SPACE))) {
		at++;
	} else if (gap != GAP_EITHER) {
		return text.len + 1;
	}
	return at;
}

static bool
matches_at(struct span text, size_t at, const struct phrase *p)
{
	size_t len = at_word(text, at, p->first);
	size_t end = at + len;

	if (len == 0) {
		return false;
	}
	if (p->gap != GAP_NONE) {
		end = skip_gap(text, end, p->gap);
		len = end > text.len ? 0 : at_word(text, end, p->second);
		if (len == 0) {
			return false;
		}
		end += len;
	}
	return end == text.len || !is_word_char(text.ptr[end]);
}

static bool
has_phrase(struct span text, const struct phrase *list)
{
	for (size_t i = 0; i < text.len; i++) {
		if (i > 0 && is_word_char(text.ptr[i - 1])) {
			continue;
		}
		for (const struct phrase *p = list; p->first != NULL; p++) {
			if (matches_at(text, i, p)) {
				return true;
			}
		}
	}
	return false;
}

static bool
is_separator(char c)
{
	return c == '.' || c == '_' || c == '-';
}

/* verb + optional separator + noun, or the other way round, in one name. */
static bool
pair_at(struct span name, size_t at, const char *one, const char *two)
{
	size_t len = at_word(name, at, one);
	size_t end = at + len;

	if (len == 0) {
		return false;
	}
	if (end < name.len && is_separator(name.ptr[end])) {
		end++;
	}
	len = at_word(name, end, two);
	end += len;
	return len > 0 && (end == name.len || is_separator(name.ptr[end]));
}

/* A verb and what is committed, from this place on. */
static bool
commit_at(struct span name, size_t i)
{
	for (size_t v = 0; commit_phrases[v].first != NULL; v++) {
		for (size_t n = 0; committed[n] != NULL; n++) {
			const char *verb = commit_phrases[v].first;
			if (pair_at(name, i, verb, committed[n]) ||
			    pair_at(name, i, committed[n], verb)) {
				return true;
			}
		}
	}
	return false;
}

static bool
names_commit(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		bool begins = i == 0 || is_separator(name.ptr[i - 1]);
		if (begins && commit_at(name, i)) {
			return true;
		}
	}
	return false;
}

static bool
names_sql(struct span name)
{
	char plain[32];
	size_t len = 0;

	for (size_t i = 0; i < name.len; i++) {
		if (is_word_char(name.ptr[i]) && name.ptr[i] != '_') {
			if (len == sizeof(plain)) {
				return false;
			}
			plain[len++] = name.ptr[i];
		}
	}
	for (size_t i = 0; sql_names[i] != NULL; i++) {
		if (span_is((struct span){plain, len}, sql_names[i])) {
			return true;
		}
	}
	return false;
}

static void
lower(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] >= 'A' && text[i] <= 'Z') {
			text[i] = (char)(text[i] - 'A' + 'a');
		}
	}
}

/* The text that is searched for words, and the name alone. */
static struct span
text_of(struct audit_tool *t, struct arena *arena)
{
	struct buf text = BUF_INIT;
	struct json_out j;
	struct span copy;

	buf_span(&text, t->name);
	buf_putc(&text, ' ');
	buf_span(&text, t->description);
	buf_putc(&text, ' ');
	if (t->annotations != JSON_NONE) {
		json_begin(&j, &text, 0);
		json_rewrite(&j, t->doc, t->annotations, arena);
	}
	lower(text.data, text.len);
	copy = arena_span(arena, buf_as_span(&text));
	buf_clear(&text);
	return copy;
}

static bool
hints(const struct audit_tool *t, const char *key, enum json_type value)
{
	return t->annotations != JSON_NONE &&
	       json_get_type(t->doc, t->annotations, key, value) != JSON_NONE;
}

void
audit_classify(struct audit_tool *t, struct arena *arena)
{
	struct span name;

	t->text = text_of(t, arena);
	name = (struct span){t->text.ptr, t->name.len};
	t->is_sql = names_sql(name) || has_phrase(t->text, sql_phrases);
	t->is_write = hints(t, "destructiveHint", JSON_TRUE) ||
		      hints(t, "readOnlyHint", JSON_FALSE) ||
		      has_phrase(t->text, write_phrases);
	t->is_read = has_phrase(t->text, read_phrases);
	t->has_boundary = has_phrase(t->text, boundary_phrases);
	t->is_commit =
	    names_commit(name) || (has_phrase(t->text, commit_phrases) &&
				      !has_phrase(t->text, review_phrases));
}
