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
	/* Flags for commands that are printed (shell_place), or NULL. */
	const char *place;
};

/* Open a document of ledgerd, which must outlive the view like `a`; text that
 * is not valid JSON is CS_E_INVALID. */
int view_open(
    struct view *v, struct span document, struct arena *a, struct err *e);

/* Print what was gathered to standard output and forget it. Nothing was
 * written before, so a command that fails half-way shows nothing. */
void view_flush(struct view *v);

/* Pretty JSON of a node and a newline. */
void view_json(struct view *v, uint32_t node);

/* Escaped text of a member, or `otherwise` when it is missing or null. Lives
 * in the view's arena. */
const char *view_text(
    struct view *v, uint32_t object, const char *key, const char *otherwise);

/* Escaped text of any scalar: strings bare, others as JSON, missing "unset". */
const char *view_scalar(struct view *v, uint32_t node);

/* True only for a member that is true; missing counts as false. */
bool view_bool(struct view *v, uint32_t object, const char *key);

/* Iterate: elements of an array (or nothing). */
uint32_t view_first(const struct view *v, uint32_t array);
uint32_t view_next(const struct view *v, uint32_t array, uint32_t element);

/* Append to what will be printed. Arguments that come from a document must
 * have gone through view_text or view_scalar: nothing is escaped here. */
void view_print(struct view *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "  countersign <verb> <word> <tail>" and the place: a command to go on with.
 * `word` is quoted here; `tail` (may be "") stands as it is. */
void view_command(
    struct view *v, const char *verb, const char *word, const char *tail);

/* "column: before -> after" for each member of the patch, behind `indent`,
 * which should mark the values as a model's or the data's. */
void view_diff(struct view *v, uint32_t change_set, const char *indent);
/* Everything that a reviewer decides about. ledgerd has compared the columns
 * beside the change set with it before it sent them. */
void view_proposal_details(struct view *v, uint32_t proposal);

/* A text by the model: fenced line by line with "| ". */
void view_fenced(struct view *v, const char *title, const char *text);

#endif
