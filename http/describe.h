/*
 * The description of an exchange, as JSON on standard input:
 *
 *   {"url": "https://…", "method": "POST", "agent": "…",
 *    "headers": [["name", "value"], …], "body": "…", "ca_file": "…",
 *    "allow_plain": false, "allow_private": false,
 *    "connect_ms": 5000, "total_ms": 10000, "max_bytes": 1048576}
 *
 * Only "url" is needed. The answer is one line of JSON, {"ok", "status",
 * "headers", "body_bytes"} or {"ok", "code", "message"}, and behind it the
 * body as it came.
 */
#ifndef CS_HTTP_DESCRIBE_H
#define CS_HTTP_DESCRIBE_H

#include "http/exchange.h"

struct arena;

#define DESCRIPTION_MAX (4U << 20)

/* Read a description (from the command that started us); texts live in the
 * arena. CS_E_INVALID with HTTP_DESCRIPTION_INVALID. */
int describe_read(
    struct exchange *x, struct span text, struct arena *a, struct err *e);

/* Append the answer, or what prevented it. */
void describe_answer(const struct exchange_answer *answer, struct buf *out);
void describe_failure(const struct err *failure, struct buf *out);

#endif
