#include "common/contract/check.h"

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

const char *
contract_engine_name(enum source_engine engine)
{
	return contract_engines[engine];
}

const char *
contract_mode_name(enum contract_mode mode)
{
	return contract_modes[mode];
}
