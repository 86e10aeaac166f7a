/*
 * Starters for an application's handler (cli-config.md §4.7): files of
 * kit/templates, embedded, with a few words filled in.
 */
#ifndef CS_CLI_ONBOARD_HANDLER_TEMPLATE_H
#define CS_CLI_ONBOARD_HANDLER_TEMPLATE_H

#include "cli/onboard/fileset.h"

#define HANDLER_FILES_MAX 4
#define HANDLER_KIT       "/usr/share/countersign/kit"
#define HANDLER_ACTION    "records.propose_change"

struct handler_template {
	const char *name;
	const char *aliases[2];
	const char *output;  /* default: a file, or a folder of several */
	const char *summary; /* one line */
	const char *none;    /* how its language writes "no name" */
	struct {
		const char *name; /* NULL: `output` is the file */
		const char *text;
	} files[HANDLER_FILES_MAX]; /* up to the first without a text */
};

/* All of them; ends with a NULL name. */
extern const struct handler_template handler_templates[];

/* By name or alias; CS_E_NOT_FOUND (TEMPLATE_UNKNOWN) tells the names. */
int handler_template_find(
    const char *word, const struct handler_template **out, struct err *e);

/* What is filled in; none of it is a secret. */
struct handler_words {
	const char *action;     /* capability */
	const char *kit;        /* absolute folder with node/ and python/ */
	const char *token_env;  /* NULL: no token is asked for */
	const char *secret_env; /* NULL: no signature is asked for */
};

/* CS_E_INVALID (USAGE) for a word that could be more than a name in the
 * language it is put into. */
int handler_words_check(const struct handler_words *w, struct err *e);

/* Add the template's files to the set, at `output` or at its default below
 * `folder` ("" or with a slash at the end). Paths live in the arena; the one
 * to tell people is returned. */
const char *handler_template_add(const struct handler_template *t,
    const struct handler_words *w, const char *folder, const char *output,
    struct arena *a, struct fileset *set);

/* One file's text, filled in. */
void handler_template_put(const struct handler_template *t, size_t file,
    const struct handler_words *w, struct buf *out);

/* What remains the application's to see to. */
extern const char handler_duties[];

#endif
