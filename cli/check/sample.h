/* A made-up input for a first call of a tool (cli-config.md §2.9). */
#ifndef CS_CLI_CHECK_SAMPLE_H
#define CS_CLI_CHECK_SAMPLE_H

#include "common/base/json_out.h"
#include "common/contract/contract.h"

/* Write an object with a plausible value for each argument, of its own type and
 * within its limits. */
void sample_put(struct json_out *j, const struct contract_capability *cap);

#endif
