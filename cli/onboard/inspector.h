/*
 * Running countersign-inspect, which has the drivers and gets the URL.
 */
#ifndef CS_CLI_ONBOARD_INSPECTOR_H
#define CS_CLI_ONBOARD_INSPECTOR_H

#include <stdbool.h>

#include "common/base/buf.h"

struct args;
struct err;

/* Where the URL is, and what to look at. */
struct inspect_request {
	const char *env; /* the variable's name, for the contract as well */
	const char *inline_url; /* NULL, or a URL that was typed */
	const char *engine;     /* postgres, mysql, sqlite or auto */
	const char *schema;     /* NULL: all */
	const char *tables;     /* NULL: all; "a,s.b" */
	bool brief;             /* without columns */
	bool is_explicit;       /* the command line named the database */
};

/*
 * The flags --from-env, --url-env, --database-url-env, --from, --engine and
 * --schema, and a word that is a URL. CS_E_INVALID with USAGE.
 */
int inspect_request_take(
    const struct args *a, struct inspect_request *r, struct err *e);

/* Is this a database URL? */
bool inspect_is_url(const char *word);

/*
 * Run it and take its whole answer, JSON, also when that is an error of the
 * database. The child gets the one variable and nothing else of our
 * environment. CS_E_CONFIG (DATABASE_URL_MISSING) when the variable is not
 * set, CS_E_UNAVAILABLE when the program fails.
 */
int inspect_run(
    const struct inspect_request *r, struct buf *out, struct err *e);

/* The child that `countersign <words>` is, with our terminal: its exit code,
 * or a negative code. The list ends with NULL. */
int run_countersign(const char *const *words, struct err *e);

#endif
