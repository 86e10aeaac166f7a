/* Hiding what may be secret in JSON that is shown (cli-config.md §0.7). */
#ifndef CS_CLI_CHECK_REDACT_H
#define CS_CLI_CHECK_REDACT_H

#include "common/base/json_out.h"
#include "common/base/json_scan.h"

/*
 * Write node 0 of a document again, strings under a suspicious key or of a
 * suspicious form as "<redacted>". The rule of 0.1.1, which also hides names of
 * variables and keys: what is passed around in tickets should err this way.
 */
void redact_rewrite(
    struct json_out *j, const struct json_doc *doc, struct arena *a);

#endif
