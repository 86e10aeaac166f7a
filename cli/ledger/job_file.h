/*
 * A job in a file: what `proposals writeback-job` exported, or 0.1.1's bare
 * writeback job. A file is a reference: what is applied is the ledger's own.
 */
#ifndef CS_CLI_LEDGER_JOB_FILE_H
#define CS_CLI_LEDGER_JOB_FILE_H

#include "cli/control_client.h"

/*
 * The proposal that the file's job (untrusted) is about; in the connection's
 * arena. CS_E_INVALID when the file holds no job, CS_E_INTEGRITY with
 * JOB_MISMATCH when the ledger's job of that proposal is another one.
 */
int job_file_proposal(
    struct control *c, const char *path, const char **id, struct err *e);

#endif
