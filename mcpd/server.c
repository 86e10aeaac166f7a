/*
 * Scratch memory that requests share one after the other.
 */
#include "mcpd/server.h"

#include "common/base/arena.h"

void
server_put_info(struct json_out *j)
{
	json_open(j, '{');
	json_field_text(j, "name", "countersign");
	json_field_text(j, "version", CS_VERSION);
	json_close(j, '}');
}

struct arena *
server_take_arena(struct server *s)
{
	if (s->spare_count == 0) {
		return arena_new();
	}
	return s->spare[--s->spare_count];
}

/* Kept for the next request, so that a steady load allocates nothing; some,
 * not all, so that one burst does not stay for ever. */
void
server_give_arena(struct server *s, struct arena *a)
{
	if (s->spare_count == SPARE_ARENAS) {
		arena_free(&a);
		return;
	}
	arena_reset(a);
	s->spare[s->spare_count++] = a;
}

/* Readers stand in the order of the contract's sources. */
struct reader *
server_reader(const struct server *s, const struct contract_capability *cap)
{
	return s->readers[cap->source - s->contract->sources];
}

void
server_clear(struct server *s)
{
	while (s->spare_count > 0) {
		arena_free(&s->spare[--s->spare_count]);
	}
	buf_clear(&s->line);
	buf_clear(&s->text);
}
