/*
 * approval.automatic of the contract: what is approved without a person.
 */
#ifndef CS_COMMON_CONTRACT_AUTOMATIC_H
#define CS_COMMON_CONTRACT_AUTOMATIC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/scalar.h"

/* Ours: "approval": { "automatic": … }: what is approved without a person. One
 * rule for each patched column; exactly one of its three kinds. */
struct contract_auto_rule {
	const char *column;
	struct span minimum; /* whole numbers; empty: another kind of rule */
	struct span maximum;
	struct scalar *one_of;
	size_t one_of_count;
	int64_t max_length; /* of a text, UTF-16 units; 0: another kind */
};

enum auto_window {
	WINDOW_DAY, /* of UTC */
	WINDOW_24H, /* the last 24 hours */
	WINDOWS
};

/* How much of it, together with what was approved like that before. */
struct contract_auto_limit {
	const char *column; /* sum of its absolute values; NULL: how often */
	int64_t maximum;
	enum auto_window window;
	bool per_object; /* else of the whole tenant */
};

struct contract_automatic {
	struct contract_auto_rule *rules;
	size_t rule_count;
	struct contract_auto_limit *limits;
	size_t limit_count;
};

#endif
