#include "cli/client/edit.h"

#include "cli/jsonc.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/json_out.h"
#include "common/base/json_scan.h"

#define UNIT "  "

/* A text that was read, and where the entry is or would be. */
struct page {
	struct arena *arena;
	struct span text;   /* as it is */
	struct span strict; /* without comments, byte for byte in place */
	struct json_doc doc;
	uint32_t map;   /* JSON_NONE: not there */
	uint32_t entry; /* JSON_NONE: not there */
};

static int
invalid(struct err *e, const char *why)
{
	return err_set(e, CS_E_INVALID, "CLIENT_FILE_INVALID",
	    "the client's file %s; it was not changed", why);
}

static int
page_open(
    struct page *g, struct span text, const struct edit_place *p, struct err *e)
{
	char *copy;

	/* An empty buffer has no address. */
	text = text.len == 0 ? span_of("") : text;
	*g = (struct page){.arena = arena_new(),
	    .text = text,
	    .map = JSON_NONE,
	    .entry = JSON_NONE};
	copy = arena_strndup(g->arena, text.ptr, text.len);
	jsonc_blank(copy, text.len);
	g->strict = (struct span){copy, text.len};
	if (json_scan(&g->doc, g->strict, g->arena, e) != 0) {
		return invalid(e, "is not JSON, even with comments");
	}
	if (g->doc.nodes[0].type != JSON_OBJECT) {
		return invalid(e, "holds something else than an object");
	}
	g->map = json_get(&g->doc, 0, p->map);
	if (g->map != JSON_NONE) {
		if (g->doc.nodes[g->map].type != JSON_OBJECT) {
			return invalid(e, "has servers that are no object");
		}
		g->entry = json_get(&g->doc, g->map, p->name);
	}
	return 0;
}

static void
copy_bytes(struct buf *out, const struct page *g, size_t from, size_t to)
{
	buf_append(out, g->text.ptr + from, to - from);
}

static size_t
end_of(const struct page *g, uint32_t node)
{
	return (size_t)g->doc.nodes[node].start + g->doc.nodes[node].len;
}

/* The blanks that begin the line of a position. */
static struct span
indent_of(const struct page *g, size_t at)
{
	size_t start = at;
	size_t len = 0;

	while (start > 0 && g->text.ptr[start - 1] != '\n') {
		start--;
	}
	while (start + len < at && (g->text.ptr[start + len] == ' ' ||
				       g->text.ptr[start + len] == '\t')) {
		len++;
	}
	return (struct span){g->text.ptr + start, len};
}

/* The entry with each further line indented. */
static void
put_indented(struct buf *out, struct span entry, struct span indent)
{
	for (size_t i = 0; i < entry.len; i++) {
		buf_putc(out, entry.ptr[i]);
		if (entry.ptr[i] == '\n') {
			buf_span(out, indent);
		}
	}
}

/* Is there a comma behind the last member? Comments are stepped over by
 * comparing with the strict text, in which only they are blank. */
static bool
has_trailing_comma(const struct page *g, size_t from, size_t to)
{
	struct buf strict = BUF_INIT;
	bool found = false;

	/* Blanked together with the comments, so it is looked for again: a
	 * text that ends at the comma keeps it. */
	for (size_t i = from; i < to && !found; i++) {
		if (g->text.ptr[i] != ',') {
			continue;
		}
		buf_reset(&strict);
		buf_append(&strict, g->text.ptr, i + 1);
		jsonc_blank(strict.data, strict.len);
		found = strict.data[i] == ',';
	}
	buf_clear(&strict);
	return found;
}

/* Key and value of a new last member of `object`, up to its brace. */
static void
insert_member(struct buf *out, const struct page *g, uint32_t object,
    const char *name, struct span entry)
{
	size_t brace = end_of(g, object) - 1;
	size_t tail = brace;
	struct span outer = indent_of(g, brace);
	struct span first = outer;
	struct buf inner = BUF_INIT;
	uint32_t count = g->doc.nodes[object].count;
	uint32_t last = object + 1;

	for (uint32_t i = 1; i < count; i++) {
		last = g->doc.nodes[last + 1].next;
	}
	if (count > 0) {
		first = indent_of(g, g->doc.nodes[object + 1].start);
	}
	/* As the other members are indented, if they have lines at all. */
	if (first.len > outer.len) {
		buf_span(&inner, first);
	} else {
		buf_span(&inner, outer);
		buf_puts(&inner, UNIT);
	}
	while (tail > 0 && strchr(" \t\r\n", g->text.ptr[tail - 1]) != NULL) {
		tail--;
	}
	if (count == 0) {
		copy_bytes(out, g, 0, tail);
	} else {
		size_t end = end_of(g, last + 1);
		copy_bytes(out, g, 0, end);
		if (!has_trailing_comma(g, end, brace)) {
			buf_putc(out, ',');
		}
		copy_bytes(out, g, end, tail);
	}
	buf_putc(out, '\n');
	buf_span(out, buf_as_span(&inner));
	json_quote(out, span_of(name));
	buf_puts(out, ": ");
	put_indented(out, entry, buf_as_span(&inner));
	buf_putc(out, '\n');
	buf_span(out, outer);
	copy_bytes(out, g, brace, g->text.len);
	buf_clear(&inner);
}

static void
replace_value(
    struct buf *out, const struct page *g, uint32_t node, struct span entry)
{
	size_t start = g->doc.nodes[node].start;

	copy_bytes(out, g, 0, start);
	put_indented(out, entry, indent_of(g, start));
	copy_bytes(out, g, end_of(g, node), g->text.len);
}

/* {"name": entry} as a value. */
static void
wrap(struct buf *out, const char *name, struct span entry)
{
	buf_puts(out, "{\n" UNIT);
	json_quote(out, span_of(name));
	buf_puts(out, ": ");
	put_indented(out, entry, span_of(UNIT));
	buf_puts(out, "\n}");
}

static bool
is_blank(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (strchr(" \t\r\n", text.ptr[i]) == NULL) {
			return false;
		}
	}
	return true;
}

/* What we made must be what the client will read. */
static int
check(const struct buf *made, const struct edit_place *p, bool is_there,
    struct err *e)
{
	struct page g;
	int rc = page_open(&g, buf_as_span(made), p, e);

	if (rc == 0 && (g.entry != JSON_NONE) != is_there) {
		rc = invalid(e, "could not be edited safely");
	}
	arena_free(&g.arena);
	return rc;
}

static int
finish(struct buf *made, const struct edit_place *p, bool is_there,
    struct buf *out, struct err *e)
{
	int rc = check(made, p, is_there, e);

	if (rc == 0) {
		buf_span(out, buf_as_span(made));
	}
	buf_clear(made);
	return rc;
}

int
edit_set(struct span text, const struct edit_place *p, struct span entry,
    struct buf *out, struct err *e)
{
	struct buf wrapped = BUF_INIT;
	struct buf made = BUF_INIT;
	struct page g = {0};
	int rc = 0;

	if (is_blank(text)) {
		wrap(&wrapped, p->name, entry);
		wrap(&made, p->map, buf_as_span(&wrapped));
		buf_putc(&made, '\n');
	} else {
		rc = page_open(&g, text, p, e);
		if (rc == 0 && g.entry != JSON_NONE) {
			replace_value(&made, &g, g.entry, entry);
		} else if (rc == 0 && g.map != JSON_NONE) {
			insert_member(&made, &g, g.map, p->name, entry);
		} else if (rc == 0) {
			wrap(&wrapped, p->name, entry);
			insert_member(
			    &made, &g, 0, p->map, buf_as_span(&wrapped));
		}
		arena_free(&g.arena);
	}
	buf_clear(&wrapped);
	if (rc != 0) {
		buf_clear(&made);
		return rc;
	}
	return finish(&made, p, true, out, e);
}

/* The comma that goes with a member: the one behind it, else the one before. */
static void
cut_of(const struct page *g, size_t *from, size_t *to)
{
	size_t behind = *to;
	size_t before = *from;

	while (behind < g->text.len &&
	       strchr(" \t\r\n", g->strict.ptr[behind]) != NULL) {
		behind++;
	}
	if (behind < g->text.len && g->strict.ptr[behind] == ',') {
		*to = behind + 1;
	} else {
		while (before > 0 &&
		       strchr(" \t\r\n", g->strict.ptr[before - 1]) != NULL) {
			before--;
		}
	}
	/* A line of its own goes as a whole. */
	while (*from > 0 && (g->text.ptr[*from - 1] == ' ' ||
				g->text.ptr[*from - 1] == '\t')) {
		(*from)--;
	}
	if (*from > 0 && g->text.ptr[*from - 1] == '\n') {
		(*from)--;
	}
	if (before > 0 && g->strict.ptr[before - 1] == ',' &&
	    before - 1 < *from &&
	    is_blank((struct span){g->text.ptr + before, *from - before})) {
		*from = before - 1;
	}
}

int
edit_remove(struct span text, const struct edit_place *p, struct buf *out,
    struct err *e)
{
	struct buf made = BUF_INIT;
	struct page g;
	int rc = page_open(&g, text, p, e);

	if (rc == 0 && g.entry == JSON_NONE) {
		rc = err_set(e, CS_E_NOT_FOUND, "CLIENT_ENTRY_MISSING",
		    "the client's file has no entry %s; it was not changed",
		    p->name);
	}
	if (rc == 0) {
		size_t from = g.doc.nodes[g.entry - 1].start;
		size_t to = end_of(&g, g.entry);
		cut_of(&g, &from, &to);
		copy_bytes(&made, &g, 0, from);
		copy_bytes(&made, &g, to, g.text.len);
	}
	arena_free(&g.arena);
	return rc != 0 ? rc : finish(&made, p, false, out, e);
}

bool
edit_find(struct span text, const struct edit_place *p, struct buf *out)
{
	struct page g;
	bool found = page_open(&g, text, p, NULL) == 0 && g.entry != JSON_NONE;

	if (found) {
		copy_bytes(
		    out, &g, g.doc.nodes[g.entry].start, end_of(&g, g.entry));
	}
	arena_free(&g.arena);
	return found;
}
