/*
 * Asking before something that cannot be taken back (cli-config.md §0.6).
 */
#ifndef CS_CLI_CONFIRM_H
#define CS_CLI_CONFIRM_H

struct err;

/*
 * Ask on the terminal, never on a pipe: 0 for yes. CONFIRMATION_REQUIRED when
 * there is nobody to ask, CONFIRMATION_DECLINED (both CS_E_DENIED). `what` is
 * what needs --yes then.
 */
int confirm(const char *what, const char *question, struct err *e);

#endif
