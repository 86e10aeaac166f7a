/*
 * One ledgerd for one ledger, whoever started it: countersign-run keeps a lock
 * of its own, but a service manager does not, and two of them on one file would
 * write two chains.
 */
#ifndef CS_LEDGERD_STORE_LOCK_H
#define CS_LEDGERD_STORE_LOCK_H

struct err;

/*
 * Lock the ledger at `store` by its key file, which must exist, until this
 * process ends. Waits two seconds for a predecessor that is leaving;
 * CS_E_STATE with STORE_IN_USE when it stays.
 */
int store_lock(const char *store, struct err *e);

#endif
