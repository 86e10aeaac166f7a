/*
 * Deciding with the reviewer's own key. The statement is compared with what was
 * on the screen before it is signed; signing is OpenSSH's (`ssh-keygen -Y
 * sign`), so that keys in files, in the agent and on hardware all work and no
 * private key is ever in this process.
 */
#ifndef CS_CLI_LEDGER_REVIEWER_KEY_H
#define CS_CLI_LEDGER_REVIEWER_KEY_H

#include "cli/control_client.h"
#include "cli/render.h"

/* --key, else COUNTERSIGN_SIGNING_KEY, else NULL: decide without a key. */
const char *reviewer_key(const struct args *a);

/*
 * Have the statement for this decision about the shown proposal made, compare
 * it with the shown bytes, sign it, send it. *answer as for DECIDE.
 * STATEMENT_MISMATCH when ledgerd wants something else signed than what was
 * shown, SIGNING_FAILED with ssh-keygen's words; nothing is recorded then.
 */
int reviewer_decide(struct control *c, const struct view *shown,
    const struct msg_decide *m, const char *key, struct span *answer,
    struct err *e);

#endif
