/*
 * The algorithm of 0.1.1, step by step, so that clients which stored a name
 * keep finding their tool.
 */
#include "mcpd/mcp/alias.h"

#include "common/base/arena.h"
#include "common/base/xalloc.h"
#include "common/crypto/digest.h"

/* 64 is what clients allow; a head of 55, "_" and eight digits fill it. */
#define ALIAS_MAX  64
#define ALIAS_HEAD 55

static const char *const style_names[] = {
    [STYLE_CANONICAL] = "canonical",
    [STYLE_OPENAI] = "openai",
    [STYLE_BOTH] = "both",
    [STYLE_FLAT] = "flat",
};

const char *
alias_style_name(enum name_style style)
{
	return style_names[style];
}

/* What every client accepts in a tool name. */
static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Steps 1 and 2: other runs become "__", long runs of "_" shrink to two. */
static char *
replace_runs(struct span text, struct arena *a)
{
	char *out = arena_alloc(a, 2 * text.len + 1);
	size_t used = 0;
	size_t kept = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (is_plain(text.ptr[i])) {
			out[used++] = text.ptr[i];
		} else if (i == 0 || is_plain(text.ptr[i - 1])) {
			out[used++] = '_';
			out[used++] = '_';
		}
	}
	for (size_t i = 0; i < used; i++) {
		if (kept < 2 || out[i] != '_' || out[kept - 1] != '_' ||
		    out[kept - 2] != '_') {
			out[kept++] = out[i];
		}
	}
	out[kept] = '\0';
	return out;
}

/* Cut to the head, strip trailing "_", add "_" and SHORT(canonical). */
static const char *
with_digest(const char *alias, struct span canonical, struct arena *a)
{
	char digest[9];
	size_t len = strlen(alias);

	digest_short(canonical, digest);
	len = len > ALIAS_HEAD ? ALIAS_HEAD : len;
	while (len > 0 && alias[len - 1] == '_') {
		len--;
	}
	return arena_printf(a, "%.*s_%s", (int)len, alias, digest);
}

const char *
alias_of(struct span canonical, struct arena *a)
{
	char *alias = replace_runs(canonical, a);
	size_t len = 0;

	while (*alias == '_') {
		alias++;
	}
	len = strlen(alias);
	while (len > 0 && alias[len - 1] == '_') {
		alias[--len] = '\0';
	}
	if (len == 0) {
		return with_digest("tool", canonical, a);
	}
	return len <= ALIAS_MAX ? alias : with_digest(alias, canonical, a);
}

/* Some clients take "__" for their own separator. */
static const char *
flatten(const char *alias, struct arena *a)
{
	char *out = arena_strndup(a, alias, strlen(alias));
	size_t kept = 0;

	for (size_t i = 0; out[i] != '\0'; i++) {
		if (out[i] != '_' || kept == 0 || out[kept - 1] != '_') {
			out[kept++] = out[i];
		}
	}
	out[kept] = '\0';
	return out;
}

/* Who owns the name already, or `count` for nobody. */
static size_t
owner_of(const struct exposure_list *list, const char *const *names,
    size_t count, const char *name, enum name_style style)
{
	/* Canonical names count only where they are shown, too. */
	for (size_t i = 0; style == STYLE_BOTH && i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			return i;
		}
	}
	for (size_t i = 0; i < list->count; i++) {
		cs_assert(list->items[i].name != NULL);
		if (strcmp(list->items[i].name, name) == 0) {
			return list->items[i].capability;
		}
	}
	return count;
}

static void
expose(struct exposure_list *list, size_t capability, const char *name,
    bool is_alias)
{
	list->items[list->count++] =
	    (struct exposure){capability, name, is_alias};
}

struct exposure_list
alias_expose(const char *const *names, size_t count, enum name_style style,
    struct arena *a)
{
	struct exposure_list list = {
	    arena_array(a, 2 * count + 1, sizeof(struct exposure)), 0};

	for (size_t i = 0; i < count; i++) {
		struct span canonical = span_of(names[i]);
		const char *alias = NULL;
		size_t owner = 0;

		if (style == STYLE_CANONICAL || style == STYLE_BOTH) {
			expose(&list, i, names[i], false);
		}
		if (style == STYLE_CANONICAL) {
			continue;
		}
		alias = alias_of(canonical, a);
		if (style == STYLE_FLAT) {
			alias = flatten(alias, a);
		}
		owner = owner_of(&list, names, count, alias, style);
		/* Somebody else's canonical name or alias: a model that
		 * calls it must not get our tool. */
		if (owner != count && owner != i) {
			alias = with_digest(alias, canonical, a);
		}
		if (style != STYLE_BOTH || strcmp(alias, names[i]) != 0) {
			expose(&list, i, alias, strcmp(alias, names[i]) != 0);
		}
	}
	return list;
}
