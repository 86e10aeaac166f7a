/*
 * What a person selected: one table, its guards, what is shown and what may be
 * changed (cli-config.md §4.1). It comes from flags, a spec file, an answers
 * file, a recipe or the wizard; a contract is generated from it.
 */
#ifndef CS_CLI_ONBOARD_SELECTION_H
#define CS_CLI_ONBOARD_SELECTION_H

#include "cli/onboard/inspection.h"
#include "common/base/scalar.h"

struct args;

/* The plain texts. Flags are spelled like the words, with dashes. */
enum selection_text {
	SEL_ENGINE,
	SEL_MODE,
	SEL_SOURCE_NAME,
	SEL_READ_URL_ENV,
	SEL_WRITE_URL_ENV,
	SEL_SCHEMA,
	SEL_TABLE,
	SEL_PRIMARY_KEY,
	SEL_TENANT_KEY,
	SEL_CONFLICT_COLUMN,
	SEL_OBJECT_NAME,
	SEL_NAMESPACE,
	SEL_READ_TOOL,
	SEL_PROPOSAL_TOOL,
	SEL_ID_ARG,
	SEL_READ_DESCRIPTION,
	SEL_READ_HINT,
	SEL_PROPOSAL_DESCRIPTION,
	SEL_PROPOSAL_HINT,
	SEL_TENANT_ENV,
	SEL_PRINCIPAL_ENV,
	SEL_ROLE,
	SEL_WRITEBACK,
	SEL_EXECUTOR_NAME,
	SEL_HANDLER_URL_ENV,
	SEL_HANDLER_TOKEN_ENV,
	SEL_HANDLER_SECRET_ENV,
	SEL_HANDLER_COMMAND_ENV,
	SEL_HANDLER_TIMEOUT,
	SEL_RESULT_FORMAT,
	SEL_STATEMENT_TIMEOUT,
	SELECTION_TEXTS
};

struct selected_patch {
	const char *column;
	const char *from_arg; /* NULL: `fixed` */
	struct scalar fixed;
};

/* Numbers as texts; empty: no limit on that side. */
struct selected_bound {
	const char *column;
	struct span minimum, maximum;
};

struct selected_state {
	const char *from;
	struct names to;
};

struct selected_guard {
	const char *column;
	const char *from_column; /* NULL: the column itself */
	struct selected_state *states;
	size_t count;
};

/* One member of an argument that somebody wrote down: it stands above what is
 * inferred. */
struct selected_arg {
	const char *arg, *key;
	struct span raw; /* JSON, compact or not */
};

#define SELECTION_MAX 64 /* patches, bounds, guards each */
#define ARG_FACTS_MAX 256

struct selection {
	const char *text[SELECTION_TEXTS]; /* NULL: not given */
	bool single_tenant_dev;
	bool is_spec; /* names follow the generator's rule */
	struct names visible, allowed;
	struct selected_patch patch[SELECTION_MAX];
	size_t patch_count;
	struct selected_bound bounds[SELECTION_MAX];
	size_t bound_count;
	struct selected_guard guards[SELECTION_MAX];
	size_t guard_count;
	struct selected_arg facts[ARG_FACTS_MAX];
	size_t fact_count;
	struct arena *arena; /* where all of it lives */
};

/* A text that will do as "this one": never NULL. */
const char *selection_text(
    const struct selection *s, enum selection_text which);
bool selection_is(
    const struct selection *s, enum selection_text which, const char *value);

/* Is the mode another one than read_only, and is there a patch? */
bool selection_proposes(const struct selection *s);
bool selection_has_handler(const struct selection *s);

/* Word of a text in spec and answers, with its second spelling. */
struct selection_word {
	const char *name, *alias;
};
extern const struct selection_word selection_words[SELECTION_TEXTS];

/*
 * Take a spec or an answers document (one object, untrusted, must stay). Both
 * spellings of both are understood. CS_E_INVALID with SELECTION_INVALID, also
 * for a member that nothing is known about: a guard with a typing error must
 * not vanish.
 */
int selection_from_json(
    struct selection *s, struct span document, struct err *e);

/* Take every flag that is given, over what is there. */
int selection_from_flags(
    struct selection *s, const struct args *a, struct err *e);

/* The texts of flags, answers and the wizard: "col=fixed:v", "col=arg:n";
 * "col=min:max"; "col=from:to|to;from:to". Lists of the first two may be
 * separated by commas. */
int selection_add_patch(struct selection *s, const char *text, struct err *e);
int selection_add_bound(struct selection *s, const char *text, struct err *e);
int selection_add_guard(struct selection *s, const char *text, struct err *e);

/* Fill what was not given from the table: names, key, tenant, conflict and
 * visible columns, types of arguments. Warnings are lines in *warnings. */
int selection_from_table(struct selection *s, const struct inspection *in,
    struct buf *warnings, struct err *e);

/* Are all columns there, and may the patched ones change? */
int selection_check_columns(
    const struct selection *s, const struct inspected_table *t, struct err *e);

/* Ask for numbers and booleans as such, where the columns are. */
void selection_type_arguments(
    struct selection *s, const struct inspected_table *t);

/* Fill what still lacks with the defaults of `mode` and of 0.1.1. */
void selection_complete(struct selection *s, const char *mode);

/* Check it; the first thing that is wrong is told (SELECTION_INVALID). */
int selection_check(const struct selection *s, struct err *e);

int selection_wrong(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
