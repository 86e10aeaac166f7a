#include "common/base/xalloc.h"
#include "common/contract/check.h"

/* The first of the name, as in 0.1.1. A contract has few: no index. */
const struct contract_capability *
contract_capability(const struct contract *c, struct span name)
{
	for (size_t i = 0; i < c->capability_count; i++) {
		if (span_is(name, c->capabilities[i].name)) {
			return &c->capabilities[i];
		}
	}
	return NULL;
}

const struct contract_source *
contract_source(const struct contract *c, struct span name)
{
	for (size_t i = 0; i < c->source_count; i++) {
		if (span_is(name, c->sources[i].name)) {
			return &c->sources[i];
		}
	}
	return NULL;
}

/* For visible, allowed and read columns alike. */
bool
contract_has_column(
    const char *const *columns, size_t count, struct span column)
{
	for (size_t i = 0; i < count; i++) {
		if (span_is(column, columns[i])) {
			return true;
		}
	}
	return false;
}

/* The words of the file, in the order of the enum. */
const char *
contract_engine_name(enum source_engine engine)
{
	cs_assert(engine <= ENGINE_SQLITE);
	return contract_engines[engine];
}

const char *
contract_mode_name(enum contract_mode mode)
{
	cs_assert(mode <= MODE_CLOUD);
	return contract_modes[mode];
}
