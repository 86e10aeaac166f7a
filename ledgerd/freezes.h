/*
 * What must not be changed at present: everything, a tenant, or a capability.
 * Each freeze and each end of one is an event of the chain, found again at
 * start under the one proposal id that no proposal has; so it survives restarts
 * and cannot be taken out of the file without breaking the chain.
 */
#ifndef CS_LEDGERD_FREEZES_H
#define CS_LEDGERD_FREEZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/messages_control.h"

struct ledger;
struct person;
struct change_set;
struct buf;
struct err;

struct freeze {
	enum freeze_scope scope;
	char *name; /* "" for all */
	char *by;
	char *reason;
	int64_t at_us;
};

struct freezes {
	struct freeze *list;
	size_t count;
};

/* Read what is frozen. CS_E_INTEGRITY with FREEZE_DAMAGED for an event that is
 * not what was appended. After any failure everything counts as frozen. */
int freezes_load(struct ledger *l, struct err *e);

/* Forget the list, without thawing anything. */
void freezes_free(struct freezes *f);

/*
 * Freeze or thaw, as this person. Recorded with the turn; jobs in hand that
 * are covered are told to stop, released ones stay where they are. *out: a
 * document with what is frozen now and which proposals a writer has in hand.
 * FREEZE_REASON_REQUIRED, FREEZE_NAME_REQUIRED, FREEZE_NOT_FOUND,
 * REVIEWER_NOT_LISTED, REVIEWER_NOT_OWNER.
 */
int freezes_set(struct ledger *l, const struct person *person,
    const struct msg_freeze *m, struct buf *out, struct err *e);

/* The list, as a document. */
void freezes_put(struct ledger *l, struct buf *out);

/* The freeze that covers a change, or NULL. */
const struct freeze *freezes_cover(
    const struct ledger *l, struct span tenant, struct span capability);

/* 0, or FROZEN with who, when and why. */
int freezes_check(
    const struct ledger *l, const struct change_set *cs, struct err *e);

#endif
