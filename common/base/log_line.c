#include "common/base/log_line.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"

/* Kept for the end of the line. */
#define ROOM_FOR_END 32U
/* One escaped character: two halves of "\uXXXX". */
#define ESCAPE_MAX 16U

static const char *const level_names[] = {[LOG_LEVEL_ERR] = "error",
    [LOG_LEVEL_WARN] = "warning",
    [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug"};

/* A value as its conversions bring it. */
struct value {
	char text[LOG_VALUE_MAX];
	size_t len;
	bool is_cut;
	bool is_quoted; /* the format says so */
	unsigned numbers;
	unsigned others; /* texts, and what the format itself holds */
};

/* va_list may be an array, which a function could not hand on. */
struct arguments {
	va_list ap;
	int error;
};

/* Only as a whole: half an escape would break the line. */
static bool
put(struct log_line *l, const char *text, size_t len)
{
	if (l->len + len + ROOM_FOR_END > sizeof(l->text)) {
		return false;
	}
	memcpy(l->text + l->len, text, len);
	l->len += len;
	return true;
}

static bool
puts_line(struct log_line *l, const char *text)
{
	return put(l, text, strlen(text));
}

static void
add(struct value *v, const char *text, size_t len)
{
	size_t room = sizeof(v->text) - v->len;

	v->is_cut = v->is_cut || len > room;
	len = len > room ? room : len;
	memcpy(v->text + v->len, text, len);
	v->len += len;
}

/* The escapes of JSON; in both formats, so that both are read alike. */
static size_t
escape(const struct value *v, size_t *pos, char out[ESCAPE_MAX])
{
	struct span s = {v->text, v->len};
	size_t start = *pos;
	unsigned c = utf8_next(s, pos);
	int n = 0;

	if (c == '"' || c == '\\') {
		n = snprintf(out, ESCAPE_MAX, "\\%c", (int)c);
	} else if (c == 0xfffd) {
		n = snprintf(out, ESCAPE_MAX, "\\ufffd");
	} else if (!utf8_is_visible(c)) {
		n = c > 0xffff ? snprintf(out, ESCAPE_MAX, "\\u%04x\\u%04x",
				     0xd800 + ((c - 0x10000) >> 10),
				     0xdc00 + ((c - 0x10000) & 0x3ff))
			       : snprintf(out, ESCAPE_MAX, "\\u%04x", c);
	} else {
		memcpy(out, s.ptr + start, *pos - start);
		return *pos - start;
	}
	return (size_t)n;
}

/* A value that was cut may end inside a character, which is left out then. */
static size_t
whole_length(const struct value *v)
{
	size_t len = v->len;

	while (v->is_cut && len > 0 && v->len - len < 4 &&
	       ((unsigned char)v->text[len - 1] & 0xc0) == 0x80) {
		len--;
	}
	if (v->is_cut && len > 0 && (unsigned char)v->text[len - 1] >= 0xc0) {
		return len - 1;
	}
	return v->len;
}

static bool
put_quoted(struct log_line *l, struct value *v)
{
	char out[ESCAPE_MAX];
	size_t pos = 0;
	bool fits = puts_line(l, "\"");

	v->len = whole_length(v);
	while (fits && pos < v->len) {
		size_t len = escape(v, &pos, out);

		fits = put(l, out, len);
	}
	if (v->is_cut) {
		fits = fits && puts_line(l, "...");
	}
	return fits && puts_line(l, "\"");
}

/* Text that a reader of key=value takes for one word. */
static bool
is_word(const struct value *v)
{
	for (size_t i = 0; i < v->len; i++) {
		unsigned char c = (unsigned char)v->text[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' ||
		    c == '=') {
			return false;
		}
	}
	return v->len > 0 && !v->is_cut;
}

static bool
put_value(struct log_line *l, struct value *v)
{
	bool is_number = !v->is_quoted && v->numbers == 1 && v->others == 0;
	bool is_bare = l->format == LOG_FORMAT_JSON
			   ? is_number
			   : !v->is_quoted && is_word(v);

	return is_bare ? put(l, v->text, v->len) : put_quoted(l, v);
}

/* All of it or nothing. */
static void
put_field(struct log_line *l, struct span key, struct value *v)
{
	bool is_json = l->format == LOG_FORMAT_JSON;
	size_t start = l->len;

	if (!puts_line(l, is_json ? ",\"" : " ") || !put(l, key.ptr, key.len) ||
	    !puts_line(l, is_json ? "\":" : "=") || !put_value(l, v)) {
		l->len = start;
		l->is_cut = true;
	}
}

static void
put_text_field(struct log_line *l, const char *key, const char *text)
{
	struct value v = {.is_quoted = true};

	add(&v, text, strlen(text));
	put_field(l, span_of(key), &v);
}

/* By the number of l in front; z counts as one, as it is as wide here. */
static long long
take_signed(struct arguments *a, unsigned wide)
{
	return wide == 0   ? va_arg(a->ap, int)
	       : wide == 1 ? va_arg(a->ap, long)
			   : va_arg(a->ap, long long);
}

static unsigned long long
take_unsigned(struct arguments *a, unsigned wide)
{
	return wide == 0   ? va_arg(a->ap, unsigned)
	       : wide == 1 ? va_arg(a->ap, unsigned long)
			   : va_arg(a->ap, unsigned long long);
}

static void
take_text(struct value *v, struct arguments *a, bool is_bounded)
{
	int bound = is_bounded ? va_arg(a->ap, int) : -1;
	const char *text = va_arg(a->ap, const char *);
	size_t most = bound < 0 ? LOG_VALUE_MAX + 1 : (size_t)bound;

	v->others++;
	if (text == NULL) {
		text = bound == 0 ? "" : "none";
	}
	add(v, text, strnlen(text, most));
}

static void
take_number(struct value *v, struct arguments *a, char kind, unsigned wide)
{
	char digits[32];
	int n = 0;

	v->numbers += kind == 'x' ? 0 : 1;
	v->others += kind == 'x' ? 1 : 0;
	if (kind == 'd' || kind == 'i') {
		n = snprintf(
		    digits, sizeof(digits), "%lld", take_signed(a, wide));
	} else {
		n = snprintf(digits, sizeof(digits),
		    kind == 'x' ? "%llx" : "%llu", take_unsigned(a, wide));
	}
	add(v, digits, (size_t)n);
}

/* One conversion, behind its %; NULL if it is none of ours. */
static const char *
take_conversion(struct value *v, struct arguments *a, const char *fmt)
{
	bool is_bounded = strncmp(fmt, ".*", 2) == 0;
	unsigned wide = 0;
	const char *why = NULL;

	fmt += is_bounded ? 2 : 0;
	for (; *fmt == 'l' || *fmt == 'h' || *fmt == 'z'; fmt++) {
		wide += *fmt == 'h' ? 0 : 1;
	}
	switch (*fmt) {
	case 's':
		take_text(v, a, is_bounded);
		break;
	case 'd':
	case 'i':
	case 'u':
	case 'x':
		take_number(v, a, *fmt, wide);
		break;
	case 'm':
		why = strerrordesc_np(a->error);
		why = why == NULL ? "unknown error" : why;
		v->others++;
		add(v, why, strlen(why));
		break;
	case '%':
		v->others++;
		add(v, "%", 1);
		break;
	default:
		return NULL;
	}
	return fmt + 1;
}

/* From behind `key=` to behind the value; NULL if it cannot be read. */
static const char *
take_value(struct value *v, struct arguments *a, const char *fmt)
{
	char end = ' ';

	v->is_quoted = *fmt == '"';
	if (v->is_quoted) {
		end = '"';
		fmt++;
	}
	while (fmt != NULL && *fmt != '\0' && *fmt != end) {
		if (*fmt == '%') {
			fmt = take_conversion(v, a, fmt + 1);
		} else {
			v->others++;
			add(v, fmt++, 1);
		}
	}
	return fmt != NULL && v->is_quoted && *fmt == '"' ? fmt + 1 : fmt;
}

static void
put_fields(struct log_line *l, struct arguments *a, const char *fmt)
{
	while (fmt != NULL && *fmt != '\0') {
		struct value v = {.len = 0};
		struct span key = {fmt, strcspn(fmt, "=")};

		fmt += key.len;
		if (*fmt != '=') {
			return; /* not one of our formats */
		}
		fmt = take_value(&v, a, fmt + 1);
		if (fmt != NULL) {
			put_field(l, key, &v);
			fmt += strspn(fmt, " ");
		}
	}
}

static void
put_head(struct log_line *l, const struct log_head *head)
{
	char at[CLOCK_TEXT_SIZE];
	char priority[16];

	if (l->format == LOG_FORMAT_KV) {
		(void)snprintf(
		    priority, sizeof(priority), "<%u>", (unsigned)head->level);
		(void)puts_line(l, priority);
		(void)puts_line(l, head->program);
		(void)puts_line(l, ": ");
		(void)puts_line(l, head->event);
		return;
	}
	clock_format(head->time_us, at);
	(void)puts_line(l, "{\"timestamp\":\"");
	(void)puts_line(l, at);
	(void)puts_line(l, "\"");
	put_text_field(l, "level", level_names[head->level]);
	put_text_field(l, "program", head->program);
	put_text_field(l, "event", head->event);
}

void
log_line_make(struct log_line *l, const struct log_head *head, int error,
    const char *fmt, va_list ap)
{
	struct arguments a = {.error = error};
	bool is_json = l->format == LOG_FORMAT_JSON;

	l->len = 0;
	l->is_cut = false;
	va_copy(a.ap, ap);
	put_head(l, head);
	put_fields(l, &a, fmt);
	va_end(a.ap);
	/* ROOM_FOR_END is for these. */
	if (l->is_cut) {
		const char *cut = is_json ? ",\"cut\":true" : " cut=true";

		memcpy(l->text + l->len, cut, strlen(cut));
		l->len += strlen(cut);
	}
	if (is_json) {
		l->text[l->len++] = '}';
	}
	l->text[l->len++] = '\n';
}
