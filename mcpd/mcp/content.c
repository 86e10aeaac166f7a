#include "mcpd/mcp/content.h"

void
content_write(struct server *s, struct json_out *j, const struct content *c)
{
	struct json_out pretty;

	buf_reset(&s->text);
	json_begin(&pretty, &s->text, 2);
	c->put(&pretty, c->value);
	if (c->failed) {
		json_field_bool(j, "isError", true);
	}
	json_key(j, "content");
	json_open(j, '[');
	json_open(j, '{');
	json_field_text(j, "type", "text");
	json_field_span(j, "text", buf_as_span(&s->text));
	json_close(j, '}');
	json_close(j, ']');
	if (c->structured) {
		json_key(j, "structuredContent");
		c->put(j, c->value);
	}
}
