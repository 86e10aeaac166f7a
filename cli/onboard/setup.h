/*
 * From a selection to files: what init, recipes, onboard and the wizard do at
 * their end.
 */
#ifndef CS_CLI_ONBOARD_SETUP_H
#define CS_CLI_ONBOARD_SETUP_H

#include "cli/onboard/selection.h"

struct args;

#define SMOKE_INPUT    "./.countersign/smoke-input.json"
#define PROPOSAL_INPUT "./.countersign/propose-input.json"

/* Where things go, from the flags. */
struct setup {
	const char *output;   /* --output, --out or countersign.json */
	const char *store;    /* --store or the default */
	const char *smoke_id; /* NULL, or a row for the first call */
	bool force, dry_run;
	bool emits_handler;           /* a starter beside the contract */
	const char *handler_template; /* NULL: what suits the executor */
	const char *handler_output;   /* NULL: its default */
	bool inspected; /* the selection was compared with a database */
};

void setup_take(const struct args *a, struct setup *out);

/*
 * Check the selection, generate, validate what came out and write all files or
 * none; with --dry-run print the contract instead. The lines that tell so go to
 * standard output.
 */
int setup_write(
    const struct setup *u, const struct selection *s, struct err *e);

/* One file, the contract, by the same rules. */
int setup_write_contract(
    const struct setup *u, struct span contract, struct err *e);

/* "Next:" and commands that run as they are printed. */
void setup_print_next(
    const struct setup *u, const struct selection *s, struct buf *out);

/* The commands of a first call and a first proposal, a line each. */
const char *setup_smoke_command(
    const struct setup *u, const struct selection *s);

/* " --config X" where the default would not find it, else ""; in the arena. */
const char *setup_config_flag(const struct setup *u, struct arena *a);

/* Names of needed variables that are not set. */
struct names setup_missing(const struct selection *s);

/* Print and forget. */
void setup_flush(struct buf *out);

#endif
