#include "common/crypto/signers.h"

#include <sodium.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/fdio.h"

#define ROLE_PREFIX "role:"
#define MAX_SIGNERS 1024

/* One line, taken apart from the front. */
struct line {
	struct span left;
	size_t number;
	struct err *e;
};

static int
refuse(const struct line *l, const char *why)
{
	return err_set(l->e, CS_E_CONFIG, "SIGNERS_INVALID", "line %zu: %s",
	    l->number, why);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
skip_blanks(struct line *l)
{
	while (l->left.len > 0 && is_blank(l->left.ptr[0])) {
		l->left.ptr++;
		l->left.len--;
	}
}

/* The next word; blanks inside double quotes belong to it. */
static struct span
next_word(struct line *l)
{
	struct span word;
	bool quoted = false;

	skip_blanks(l);
	word = (struct span){l->left.ptr, 0};
	while (word.len < l->left.len &&
	       (quoted || !is_blank(word.ptr[word.len]))) {
		quoted = quoted != (word.ptr[word.len] == '"');
		word.len++;
	}
	l->left.ptr += word.len;
	l->left.len -= word.len;
	return word;
}

/* The next part of a list that commas separate, quotes honoured. */
static struct span
next_part(struct span *list)
{
	struct span part = {list->ptr, 0};
	bool quoted = false;
	size_t step;

	while (part.len < list->len && (quoted || part.ptr[part.len] != ',')) {
		quoted = quoted != (part.ptr[part.len] == '"');
		part.len++;
	}
	step = part.len < list->len ? part.len + 1 : part.len;
	list->ptr += step;
	list->len -= step;
	return part;
}

static bool
has_prefix(struct span s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

static struct span
unquoted(struct span s)
{
	if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"') {
		return (struct span){s.ptr + 1, s.len - 2};
	}
	return s;
}

/* Names, not patterns: a pattern would let one key be several people. */
static bool
is_plain(struct span name)
{
	return name.len > 0 && memchr(name.ptr, '*', name.len) == NULL &&
	       memchr(name.ptr, '?', name.len) == NULL &&
	       memchr(name.ptr, '!', name.len) == NULL &&
	       memchr(name.ptr, '"', name.len) == NULL;
}

static int
take_principals(
    const struct line *l, struct span list, struct arena *a, struct signer *out)
{
	list = unquoted(list);
	out->roles = arena_array(a, list.len / 2 + 1, sizeof(*out->roles));
	while (list.len > 0) {
		struct span part = next_part(&list);
		if (!is_plain(part)) {
			return refuse(l, "a principal must be a plain name");
		}
		if (has_prefix(part, ROLE_PREFIX)) {
			out->roles[out->role_count++] =
			    arena_strndup(a, part.ptr + strlen(ROLE_PREFIX),
				part.len - strlen(ROLE_PREFIX));
		} else if (out->person != NULL) {
			return refuse(l, "a line names one person and roles "
					 "(role:NAME)");
		} else {
			out->person = arena_strndup(a, part.ptr, part.len);
		}
	}
	return out->person != NULL ? 0 : refuse(l, "no person is named");
}

/* YYYYMMDD[HHMM[SS]]Z. OpenSSH reads a time without Z in the local zone: each
 * machine could read it differently, so it is asked for. */
static bool
take_time(struct span text, int64_t *out_us)
{
	int part[6] = {0};
	struct tm tm = {0};
	size_t digits = text.len - 1;

	if (text.len < 2 || text.ptr[digits] != 'Z' ||
	    (digits != 8 && digits != 12 && digits != 14)) {
		return false;
	}
	for (size_t i = 0; i < digits; i++) {
		/* Four digits of the year, then two by two. */
		size_t field = i < 4 ? 0 : (i - 2) / 2;
		if (text.ptr[i] < '0' || text.ptr[i] > '9') {
			return false;
		}
		part[field] = part[field] * 10 + (text.ptr[i] - '0');
	}
	tm.tm_year = part[0] - 1900;
	tm.tm_mon = part[1] - 1;
	tm.tm_mday = part[2];
	tm.tm_hour = part[3];
	tm.tm_min = part[4];
	tm.tm_sec = part[5];
	*out_us = (int64_t)timegm(&tm) * 1000000;
	/* There is no 13th month: timegm would make it the next year's first.
	 */
	return tm.tm_year == part[0] - 1900 && tm.tm_mon == part[1] - 1 &&
	       tm.tm_mday == part[2] && tm.tm_hour == part[3] &&
	       tm.tm_min == part[4] && tm.tm_sec == part[5];
}

/* Is our namespace among them? A pattern is not looked into. */
static bool
names_us(struct span list)
{
	while (list.len > 0) {
		if (span_is(next_part(&list), SSHSIG_NAMESPACE)) {
			return true;
		}
	}
	return false;
}

/* `ours` turns false for a key that was given for other purposes only. */
static int
take_options(
    const struct line *l, struct span list, struct signer *out, bool *ours)
{
	static const char namespaces[] = "namespaces=";
	static const char after[] = "valid-after=";
	static const char before[] = "valid-before=";

	while (list.len > 0) {
		struct span part = next_part(&list);
		bool ok = true;
		if (has_prefix(part, namespaces)) {
			part.ptr += sizeof(namespaces) - 1;
			part.len -= sizeof(namespaces) - 1;
			*ours = names_us(unquoted(part));
		} else if (has_prefix(part, after)) {
			part.ptr += sizeof(after) - 1;
			part.len -= sizeof(after) - 1;
			ok = take_time(unquoted(part), &out->after_us);
		} else if (has_prefix(part, before)) {
			part.ptr += sizeof(before) - 1;
			part.len -= sizeof(before) - 1;
			ok = take_time(unquoted(part), &out->before_us);
		} else {
			return refuse(l, "an option that is not accepted; "
					 "certificate authorities are not");
		}
		if (!ok) {
			return refuse(l, "times are written YYYYMMDD[HHMM[SS]]Z"
					 ", in UTC");
		}
	}
	return 0;
}

static int
take_key(
    const struct line *l, struct span text, struct arena *a, struct signer *out)
{
	uint8_t *bytes = arena_alloc(a, text.len + 1);
	struct err why = {0};
	size_t len = 0;

	if (sodium_base642bin(bytes, text.len + 1, text.ptr, text.len, NULL,
		&len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    ssh_key_parse((struct span){(const char *)bytes, len}, &out->key,
		&why) != 0) {
		return refuse(
		    l, why.msg[0] != '\0' ? why.msg : "the key is no base64");
	}
	return 0;
}

static bool
is_key_kind(struct span word)
{
	return has_prefix(word, "ssh-") || has_prefix(word, "sk-") ||
	       has_prefix(word, "ecdsa-");
}

/* Two people with one key would be one person who counts as two. */
static int
add(const struct line *l, struct signers *s, const struct signer *new)
{
	for (size_t i = 0; i < s->count; i++) {
		if (span_equal(s->list[i].key.blob, new->key.blob) &&
		    strcmp(s->list[i].person, new->person) != 0) {
			return refuse(l, "this key is another person's, too");
		}
	}
	if (s->count == MAX_SIGNERS) {
		return refuse(l, "too many keys");
	}
	s->list[s->count++] = *new;
	return 0;
}

static int
take_line(struct line *l, struct signers *s)
{
	struct signer new = {.after_us = INT64_MIN, .before_us = INT64_MAX};
	struct span principals = next_word(l);
	struct span word;
	bool ours = true;
	int rc = 0;

	if (principals.len == 0 || principals.ptr[0] == '#') {
		return 0;
	}
	rc = take_principals(l, principals, s->arena, &new);
	word = next_word(l);
	if (rc == 0 && !is_key_kind(word)) {
		rc = take_options(l, word, &new, &ours);
		word = next_word(l);
	}
	if (rc == 0 && !is_key_kind(word)) {
		rc = refuse(l, "no public key");
	}
	if (rc != 0 || !ours) {
		return rc;
	}
	rc = take_key(l, next_word(l), s->arena, &new);
	return rc != 0 ? rc : add(l, s, &new);
}

int
signers_parse(struct span text, struct signers *out, struct err *e)
{
	struct line l = {.e = e};
	int rc = 0;

	out->count = 0;
	out->list = arena_array(out->arena, MAX_SIGNERS, sizeof(*out->list));
	while (text.len > 0 && rc == 0) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
		l.left = (struct span){text.ptr, len};
		l.number++;
		rc = take_line(&l, out);
		len += end != NULL;
		text.ptr += len;
		text.len -= len;
	}
	if (rc != 0) {
		out->count = 0;
	}
	return rc;
}

/* Looked at before it is read: a change in between shows at the next look. */
static int
read_file(struct signers *s, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	s->count = 0;
	arena_reset(s->arena);
	if (stat(s->path, &s->seen) != 0) {
		s->seen = (struct stat){0};
		rc = err_set(e, CS_E_CONFIG, "SIGNERS_UNREADABLE",
		    "the file of allowed signers %s cannot be opened", s->path);
	}
	if (rc == 0) {
		rc = file_read_trusted(s->path, SIGNERS_FILE_MAX, &text, e);
	}
	if (rc == 0) {
		rc = signers_parse(
		    arena_span(s->arena, buf_as_span(&text)), s, e);
	}
	buf_clear(&text);
	return rc;
}

int
signers_open(const char *path, struct signers *out, struct signers **in_use,
    struct err *e)
{
	*in_use = NULL;
	if (path == NULL) {
		return 0;
	}
	*out = (struct signers){.path = path, .arena = arena_new()};
	*in_use = out;
	return read_file(out, e);
}

void
signers_clear(struct signers *s)
{
	if (s->arena != NULL) {
		arena_free(&s->arena);
	}
	*s = (struct signers){0};
}

bool
signers_are_current(const struct signers *s)
{
	struct stat now;

	return stat(s->path, &now) == 0 && s->seen.st_ino != 0 &&
	       now.st_ino == s->seen.st_ino && now.st_dev == s->seen.st_dev &&
	       now.st_size == s->seen.st_size &&
	       now.st_mtim.tv_sec == s->seen.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == s->seen.st_mtim.tv_nsec &&
	       now.st_ctim.tv_sec == s->seen.st_ctim.tv_sec &&
	       now.st_ctim.tv_nsec == s->seen.st_ctim.tv_nsec;
}

int
signers_refresh(struct signers *s, struct err *e)
{
	return signers_are_current(s) ? 0 : read_file(s, e);
}

static bool
is_valid(const struct signer *s, int64_t at_us)
{
	return at_us >= s->after_us && at_us < s->before_us;
}

static bool
has_role(const struct signer *s, struct span role)
{
	for (size_t i = 0; i < s->role_count; i++) {
		if (span_is(role, s->roles[i])) {
			return true;
		}
	}
	return role.len == 0;
}

const struct signer *
signers_find(const struct signers *s, struct span key_blob, int64_t at_us)
{
	for (size_t i = 0; i < s->count; i++) {
		if (span_equal(s->list[i].key.blob, key_blob) &&
		    is_valid(&s->list[i], at_us)) {
			return &s->list[i];
		}
	}
	return NULL;
}

bool
signers_has_role(const struct signers *s, struct span person, struct span role,
    int64_t at_us)
{
	for (size_t i = 0; i < s->count; i++) {
		if (span_is(person, s->list[i].person) &&
		    is_valid(&s->list[i], at_us) &&
		    has_role(&s->list[i], role)) {
			return true;
		}
	}
	return false;
}

int
signers_verify(
    const struct signers *s, const struct signed_claim *c, struct err *e)
{
	struct span role =
	    c->role == NULL ? (struct span){"", 0} : span_of(c->role);
	const struct signer *who;
	struct ssh_key key;
	char print[SSH_FINGERPRINT_SIZE];
	int rc = sshsig_verify(c->signature, c->message, &key, e);

	if (rc != 0) {
		return rc;
	}
	ssh_fingerprint(key.blob, print);
	who = signers_find(s, key.blob, c->at_us);
	if (who == NULL) {
		return err_set(e, CS_E_INTEGRITY, "SIGNER_UNKNOWN",
		    "the key %s is not (or no longer) among the allowed "
		    "signers",
		    print);
	}
	if (!span_is(c->person, who->person)) {
		return err_set(e, CS_E_INTEGRITY, "SIGNER_MISMATCH",
		    "the key %s belongs to %s, the statement names %.*s", print,
		    who->person, SPAN_ARGS(c->person));
	}
	return has_role(who, role)
		   ? 0
		   : err_set(e, CS_E_INTEGRITY, "SIGNER_ROLE_REQUIRED",
			 "the key %s of %s does not have the role %.*s", print,
			 who->person, SPAN_ARGS(role));
}
