/*
 * Asking a person, step by step (cli-config.md §4.5).
 */
#ifndef CS_CLI_ONBOARD_WIZARD_H
#define CS_CLI_ONBOARD_WIZARD_H

#include "cli/onboard/selection.h"

struct inspect_request;

/*
 * Ask everything, preview, and write all files or none. Needs a terminal:
 * CS_E_DENIED (TERMINAL_REQUIRED) without one. Flags are the defaults.
 */
int wizard_run(const struct args *a, struct inspect_request *request,
    struct selection *s, struct err *e);

#endif
