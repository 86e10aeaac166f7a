/*
 * What every part of ledgerd shares: one event base, one contract, one store,
 * one signing key, and the connections.
 */
#ifndef CS_LEDGERD_LEDGER_H
#define CS_LEDGERD_LEDGER_H

#include <event2/event.h>
#include <sys/queue.h>

#include "common/base/arena.h"
#include "common/contract/contract.h"
#include "common/crypto/sign.h"
#include "common/crypto/signers.h"
#include "ledgerd/freezes.h"
#include "ledgerd/store/store.h"
#include "proto/messages.h"

struct conn;
struct verifier;
TAILQ_HEAD(conn_list, conn);

/* A reviewer with the uid that start-up found for the name. */
struct reviewer {
	const struct contract_reviewer *row;
	int64_t uid; /* -1: no such user here */
};

/* An account whose name is a person's in the file of allowed signers. */
struct signer_account {
	char user[64];
	int64_t uid;
};

/* One per process. Everything runs in one loop without threads, so nothing
 * in here needs a lock, and a handler sees no other at work. */
struct ledger {
	struct event_base *base;
	const struct contract *contract;
	int64_t contract_event; /* event that holds the contract's bytes */
	struct store store;
	struct sign_key *key;
	struct verifier *verifier; /* of tokens; NULL: there are none */
	char owner[64];            /* user name of the store's owner */
	int64_t owner_uid;
	struct reviewer *reviewers;
	size_t reviewer_count;
	struct signers signer_file;
	struct signers *signers; /* NULL: the contract names no file */
	struct signer_account *signer_accounts;
	size_t signer_account_count;
	struct freezes freezes;
	/* Trusted tenant and principal, when start-up knows them; else NULL. */
	const char *tenant;
	const char *principal;
	struct conn_list conns;
	unsigned conn_count;
	struct arena *scratch; /* of the message being handled */
	struct event *commit_event;
	struct event *idle_event;
	bool visible_only;       /* the document in hand is for a model */
	struct metrics *metrics; /* what it has seen; NULL: nobody counts */
	bool exit_idle;
	int lock_fd; /* says that we own the store; -1: nobody asks */
	bool stopping;
	bool verified;           /* --verify: there is nothing to serve … */
	int verdict;             /* … and this is the exit status */
	bool head_wanted;        /* sign the chain's end with this commit */
	int64_t signed_event_id; /* last head in the file */
};

#endif
