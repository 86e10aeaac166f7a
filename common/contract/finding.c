#include "common/contract/finding.h"

#include "common/base/arena.h"

void
finding_put(struct buf *out, const struct finding *f)
{
	struct json_out j;

	json_begin(&j, out, 0);
	json_open(&j, '{');
	json_field_text(&j, "subject", f->subject);
	json_field_text(&j, "check", f->check);
	json_field_bool(&j, "ok", f->code == NULL);
	if (f->code != NULL) {
		json_field_text(&j, "code", f->code);
		json_field_text(&j, "detail", f->detail);
		json_field_text(&j, "remedy", f->remedy);
	}
	json_close(&j, '}');
	buf_putc(out, '\n');
}

const char *
finding_text(struct arena *a, const char *form,
    const struct named_scalar *words, size_t count)
{
	struct buf text = BUF_INIT;
	const char *copy;

	for (; *form != '\0'; form++) {
		const struct named_scalar *w = NULL;
		if (*form == '%') {
			w = scalars_find(
			    words, count, (struct span){++form, 1});
		}
		if (w != NULL) {
			buf_span(&text, w->value.text);
		} else {
			buf_putc(&text, *form);
		}
	}
	copy = arena_strndup(a, text.data, text.len);
	buf_clear(&text);
	return copy;
}
