/*
 * Small rules about text: identifiers, UTF-8, escaping for people.
 */
#ifndef CS_COMMON_BASE_STR_H
#define CS_COMMON_BASE_STR_H

#include "common/base/buf.h"

/* [A-Za-z_][A-Za-z0-9_]*, whole text: tables, columns, source names. */
bool str_is_identifier(struct span s);

/* [A-Z_][A-Z0-9_]*, whole text. */
bool str_is_env_name(struct span s);

/* [A-Za-z_][A-Za-z0-9_.-]*: contexts and executors. */
bool str_is_name(struct span s);

/* Exactly two identifiers joined by one dot. */
bool str_is_capability_name(struct span s);

/* Well-formed UTF-8 without overlong forms or surrogates (RFC 3629). NUL is
 * a valid character here; who cannot have it looks for it. */
bool utf8_is_valid(struct span s);

/* Decode one code point at *pos (inside the text) and step over it. A byte
 * that is no UTF-8 gives U+FFFD and is stepped over alone. */
unsigned utf8_next(struct span s, size_t *pos);

/* Does a terminal show it, and obey it not? Not for control, bidirectional and
 * zero-width characters. */
bool utf8_is_visible(unsigned code_point);

/* Append one code point (a scalar value) as UTF-8. */
void utf8_put(struct buf *b, unsigned code_point);

/* Length in UTF-16 code units, how 0.1.1 counts max_length: what it accepts
 * here it must accept there, character for character. */
size_t utf8_utf16_len(struct span s);

/*
 * Append untrusted text so that a terminal shows what is really there: control,
 * bidirectional, zero-width and invalid bytes come out as \u escapes and a
 * backslash as two. Newlines are escaped too.
 */
void str_escape_for_people(struct buf *b, struct span s);

/* ASCII case-insensitive equality; for answers of people, never for names. */
bool str_equal_nocase(struct span a, const char *b);

/* Is `word` one of the words of a text that blanks separate? */
bool span_has_word(struct span text, const char *word);

/* Decimal digits only (untrusted), at most `max`; -1 otherwise, also for an
 * empty text, a sign or a blank. */
long long str_to_number(const char *text, long long max);

#endif
