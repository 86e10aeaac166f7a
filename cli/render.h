/*
 * Printing documents for people and programs. Everything that comes from a
 * database or a model is escaped: what is invisible is shown as an escape.
 */
#ifndef CS_CLI_RENDER_H
#define CS_CLI_RENDER_H

#include "common/base/json_out.h"
#include "common/base/json_scan.h"

struct arena;
struct err;

/* A document from the ledger, opened. */
struct view {
	struct json_doc doc;
	struct arena *arena;
	struct buf out; /* what will be printed */
};

int view_open(
    struct view *v, struct span document, struct arena *a, struct err *e);

/* Print what was gathered to standard output and forget it. */
void view_flush(struct view *v);

/* Pretty JSON of a node and a newline. */
void view_json(struct view *v, uint32_t node);

/* Escaped text of a member that is a string, or `otherwise`. */
const char *view_text(
    struct view *v, uint32_t object, const char *key, const char *otherwise);

/* Escaped text of any scalar: strings bare, others as JSON, missing "unset". */
const char *view_scalar(struct view *v, uint32_t node);

bool view_bool(struct view *v, uint32_t object, const char *key);

/* Iterate: elements of an array (or nothing). */
uint32_t view_first(const struct view *v, uint32_t array);
uint32_t view_next(const struct view *v, uint32_t array, uint32_t element);

void view_print(struct view *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The blocks that several commands show. */
void view_diff(struct view *v, uint32_t change_set, const char *indent);
void view_proposal_details(struct view *v, uint32_t proposal);

/* A text by the model: fenced line by line with "| ". */
void view_fenced(struct view *v, const char *title, const char *text);

#endif
