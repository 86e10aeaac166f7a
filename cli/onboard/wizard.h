/*
 * Asking a person, step by step (cli-config.md §4.5).
 */
#ifndef CS_CLI_ONBOARD_WIZARD_H
#define CS_CLI_ONBOARD_WIZARD_H

#include "cli/onboard/inspector.h"
#include "cli/onboard/recipes.h"
#include "cli/onboard/setup.h"

/* What is known while questions are asked. */
struct wizard {
	const struct args *args;
	struct inspect_request request;
	struct setup setup;
	struct selection *s;
	struct inspection all;           /* brief: every table */
	const struct inspected_table *t; /* the chosen one, whole */
	struct recipe recipe;
	bool has_recipe;
	const char *recipe_word; /* what was asked for */
	struct names mapped; /* column of the table for each of the recipe's */
	bool is_editing;
};

/* What an answer may mean: nobody wants to go on. */
#define WIZARD_CANCEL 1

/* One question; with a count it is asked as often. */
struct question {
	const char *label;
	const char *choices; /* "a/b", or NULL */
	int text;            /* enum selection_text it fills, or -1 */
	/* NULL: once. */
	size_t (*count)(const struct wizard *w);
	/* Printed before it. */
	void (*before)(struct wizard *w);
	/* The label, if it depends on something. */
	const char *(*ask)(struct wizard *w, size_t k);
	/* What an empty answer means; NULL: nothing. */
	const char *(*suggest)(struct wizard *w, size_t k);
	/* Take an answer ("" when there is none): 0, WIZARD_CANCEL, or an
	 * error that is told before the question is asked again. */
	int (*take)(
	    struct wizard *w, size_t k, const char *answer, struct err *e);
};

extern const struct question wizard_questions[]; /* ends without a label */

/*
 * Ask everything, preview, and write all files or none. Needs a terminal:
 * CS_E_DENIED (TERMINAL_REQUIRED) without one. Flags are the defaults.
 */
int wizard_run(const struct args *a, struct inspect_request *request,
    struct selection *s, struct err *e);

/* Do the rules allow what is known so far, with defaults for the rest? Nothing
 * is checked before columns and patch are known. */
int wizard_check(const struct wizard *w, struct err *e);

/* Narrative, for standard output. */
void wizard_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void wizard_preview(struct wizard *w);
void wizard_summary(struct wizard *w);
void wizard_list_tables(struct wizard *w);
void wizard_list_columns(struct wizard *w);

/* Take over what the recipe says about the mapped columns. */
int wizard_apply_recipe(struct wizard *w, struct err *e);

#endif
