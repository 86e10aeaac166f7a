/*
 * What people ask for and decide over the control socket; the other messages
 * are in messages.h.
 */
#ifndef CS_PROTO_MESSAGES_CONTROL_H
#define CS_PROTO_MESSAGES_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

enum query_kind {
	QUERY_PROPOSALS,
	QUERY_EVENTS,
	QUERY_RECEIPTS,
	QUERY_EVIDENCE,
	QUERY_AUDIT,
	QUERY_REPLAYS,
	QUERY_REPORT, /* one signed document instead of a list */
	QUERY_KINDS
};

struct msg_filter {
	struct span key; /* "tenant", "state", "from" … */
	struct span value;
};

struct filter_list {
	struct msg_filter *items;
	uint32_t count;
};

/* A list, newest first. `limit` 0 asks for the default; filters are joined
 * by AND. */
struct msg_query {
	uint32_t kind; /* enum query_kind */
	uint32_t limit;
	struct filter_list filters;
};

enum show_kind {
	SHOW_PROPOSAL,
	SHOW_REPLAY,
	SHOW_EVIDENCE,
	SHOW_RECEIPT,
	SHOW_AUDIT,
	SHOW_JOB,
	SHOW_VERIFY,
	SHOW_HEALTH,
	SHOW_METRICS, /* OpenMetrics text */
	SHOW_STATS,
	SHOW_FREEZES,
	SHOW_KINDS
};

struct msg_show {
	uint32_t kind;  /* enum show_kind */
	struct span id; /* "latest" where it makes sense */
};

enum decision_action {
	DECISION_APPROVE,
	DECISION_REJECT,
	DECISION_APPLY, /* by somebody who has not approved */
	DECISION_ACTIONS
};

/* A person's decision. Who the person is comes from the socket, never from
 * here; hash and version tie the decision to what was on the screen. */
struct msg_decide {
	struct span proposal_id;
	struct span proposal_hash; /* what the reviewer saw */
	uint32_t proposal_version;
	uint32_t action; /* enum decision_action */
	struct span reason;
};

/* A decision that the reviewer signed: the statement that PREPARE answered
 * with, unchanged, and OpenSSH's signature over it in binary form. */
struct msg_signed {
	struct span statement;
	struct span ssh_signature;
};

enum freeze_scope {
	FREEZE_ALL,
	FREEZE_TENANT,
	FREEZE_CAPABILITY,
	FREEZE_SCOPES
};

/* Stop, or allow again, whatever the scope covers. */
struct msg_freeze {
	uint32_t scope;   /* enum freeze_scope */
	struct span name; /* tenant or capability; empty for all */
	bool frozen;
	struct span reason;
};

/* Erase the values that the ledger holds about an object of a tenant. */
struct msg_erase {
	struct span tenant;
	struct span object_id;
	struct span reason;
	bool dry_run; /* only count */
};

/* Release an approved proposal and wait up to `wait_ms` for its receipt. A
 * dry run does all but the COMMIT. */
struct msg_apply {
	struct span proposal_id;
	bool dry_run;
	uint32_t wait_ms;
};

/* Let a writer look at the row of an unknown outcome; changes nothing. */
struct msg_inspect {
	struct span proposal_id;
	uint32_t wait_ms;
};

enum resolution {
	RESOLUTION_APPLIED,
	RESOLUTION_CONFLICT,
	RESOLUTION_FAILED,
	RESOLUTIONS
};

/* A person's word about an unknown outcome. */
struct msg_resolve {
	struct span proposal_id;
	uint32_t resolution; /* enum resolution */
	struct span reason;
};

enum keeping {
	KEEP_VACUUM,
	KEEP_PRUNE,
	KEEP_BACKUP,
	KEEPINGS
};

/* Care for the ledger file, by the store's owner. */
struct msg_keep {
	uint32_t action;       /* enum keeping */
	uint32_t older_than_s; /* prune: age of what may go */
	bool dry_run;          /* prune: only count */
	bool forced;           /* vacuum: although others are connected */
};

/* What a person did instead of a shadow proposal. */
struct msg_shadow {
	struct span proposal_id;
	struct span patch; /* a JSON object of columns and values */
	struct span notes;
};

#endif
