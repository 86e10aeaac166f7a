/*
 * The messages as C structs, one field table each in messages.c. Every field is
 * always present, in this order. Texts and bytes are borrowed from the
 * payload; lists live in the arena given to msg_decode.
 */
#ifndef CS_PROTO_MESSAGES_H
#define CS_PROTO_MESSAGES_H

#include <stdint.h>

#include "common/base/scalar.h"
#include "common/crypto/verify.h"
#include "proto/authority.h"
#include "proto/frame.h"
#include "proto/messages_control.h"

struct arena;
struct err;

#define MSG_ID_MAX       200U    /* ids of proposals, jobs, evidence */
#define MSG_NAME_MAX     512U    /* tenants, principals, names */
#define MSG_TOKEN_MAX    16384U  /* a bearer token, "" without */
#define MSG_VALUE_MAX    262144U /* one column value */
#define MSG_COLUMNS_MAX  512U
#define MSG_DOCUMENT_MAX 524288U

/* Where tenant and principal came from; never the model. */
enum provenance {
	PROVENANCE_ENVIRONMENT,
	PROVENANCE_STATIC_DEV,
	PROVENANCE_TRUSTED_SESSION,
	PROVENANCES
};

/* The first message of each side. `contract` is the SHA-256 of the
 * contract's bytes; mcpd and writers must have the one that ledgerd has. */
struct msg_hello {
	uint32_t magic;
	uint32_t major;
	uint32_t minor;
	uint32_t role; /* enum proto_role */
	struct span build;
	uint8_t contract[32];
	/* ledgerd fills these in its answer; others send zeros and "". */
	uint8_t public_key[PUBLIC_KEY_LEN];
	struct span store_owner;
};

/* Why a request was not done. `retryable` means that the same request may
 * succeed later, not that it is safe to send it twice. */
struct msg_failure {
	struct span reason;  /* upper-case word */
	struct span message; /* for people */
	bool retryable;
};

/* A JSON document, cut where it falls: a chunk alone need not be valid. */
struct msg_document {
	bool more; /* another DOCUMENT with the same id follows */
	struct span bytes;
};

/* Before the DOCUMENT of something long: how far it is. */
struct msg_progress {
	struct span phase; /* a word or two for people */
	uint32_t percent;
};

struct scalar_list {
	struct named_scalar *items;
	uint32_t count;
};

/* READ and PROPOSE: what a tool call asked and what the source answered. */
struct msg_call {
	struct span capability;
	struct span tenant;
	struct span principal;
	uint32_t provenance;
	struct span token; /* http_claims: what tenant and principal rest on */
	struct scalar_list args;
	struct scalar_list row; /* read_columns, in contract order */
};

struct msg_recorded {
	struct span evidence_id; /* "" for a refusal */
};

struct msg_proposed {
	struct span proposal_id;
	uint32_t proposal_version;
	struct span proposal_hash; /* "sha256:…" */
	struct span evidence_id;
	struct span state; /* 0.1.1's, "pending_review" when new */
	bool created;      /* false: the identical pending one was returned */
	struct span created_at;
	struct scalar_list patch;
};

/* A call that mcpd refused by itself: recorded before it is answered. */
struct msg_refuse {
	struct span tool; /* as the model spelled it, cut to fit */
	struct span tenant;
	struct span principal;
	uint32_t provenance;
	struct span code;    /* ARGUMENT_TOO_LONG … */
	struct span message; /* the safe sentence that is answered */
};

enum resource_kind {
	RESOURCE_PROPOSAL,
	RESOURCE_EVIDENCE,
	RESOURCE_REPLAY,
	RESOURCE_KINDS
};

/* A resource that the model asked for. Tenant and principal are those of
 * mcpd's start; ledgerd answers not-found for anybody else's. */
struct msg_resource {
	uint32_t kind; /* enum resource_kind */
	struct span id;
	struct span tenant;
	struct span principal;
	struct span token;
};

/* STATUS and WITHDRAW: a proposal of this tenant and principal. */
struct msg_status {
	struct span proposal_id;
	struct span tenant;
	struct span principal;
	struct span token;
};

/* STOP: this job was revoked or frozen after it was handed out. */
struct msg_stop {
	struct span job_id;
	struct span reason; /* APPROVAL_REVOKED, FROZEN */
};

/* Where a proposal stands. */
struct msg_stated {
	struct span proposal_id;
	struct span action; /* the capability that proposed it */
	struct span target; /* "invoices:INV-3001" */
	struct span state;  /* 0.1.1's proposal state */
	struct span created_at;
	struct span updated_at;
	bool expired;   /* approved, but the approval counts no more */
	bool changed;   /* the source database was changed by it */
	bool retryable; /* failed, and may be applied again */
};

struct msg_claim {
	uint32_t wait_ms; /* IDLE after this long without a job */
};

struct msg_job {
	struct span job_id;
	struct span payload; /* countersign.job.v1, the signed bytes */
	uint8_t signature[SIGNATURE_LEN];
};

/* What became of a job. `receipt` is untrusted text until receipt_parse and
 * the comparison with the leased job. */
struct msg_report {
	struct span job_id;
	struct span receipt; /* synapsor.execution-receipt.v1 */
};

/* Before BEGIN, where only the ledger keeps receipts: the answer says that the
 * attempt is on disk, and without it nothing is begun. */
struct msg_applying {
	struct span job_id;
};

/* What an inspection found at the row (beyond.md D3). */
enum observation {
	OBSERVED_NOTHING, /* it could not be looked at: see the code */
	OBSERVED_MATCHES_PROPOSED,
	OBSERVED_MATCHES_BEFORE,
	OBSERVED_DRIFTED,
	OBSERVED_NO_ROW,
	OBSERVATIONS
};

/* The answer to a job that only looks at the row. */
struct msg_observed {
	struct span job_id;
	uint32_t observation; /* enum observation */
	struct span code;     /* "" when it was looked at */
	struct span explain;
	struct scalar_list row; /* as it is now */
};

/*
 * Append a whole frame: header and encoded payload of *message, whose type is
 * `type`. Violating a cap of our own tables is a bug for fixed fields and
 * CS_E_TOO_LARGE for texts, bytes and lists; then nothing is appended.
 */
int msg_encode(struct buf *out, uint16_t type, uint16_t flags, uint32_t id,
    const void *message);

/*
 * Decode an untrusted payload into *message (the struct of `type`). Every field
 * present, in order, in its cap, no trailing bytes; else CS_E_PROTOCOL. Texts
 * borrow from `payload`, so the payload must stay where it is while the message
 * is used; lists live in `a`.
 */
int msg_decode(
    uint16_t type, struct span payload, void *message, struct arena *a);

/* Encode a FAILURE with FRAME_REPLY | FRAME_ERROR. Long messages are cut. */
void msg_encode_failure(struct buf *out, uint32_t id, const char *reason,
    const char *message, bool retryable);

/* The names in documents; "unknown" for a number out of range. */
const char *provenance_name(enum provenance p);
/* "approve" or "reject": the words of the signed statement. */
const char *decision_name(enum decision_action action);
/* "matches_proposed" …, "not_inspected" for nothing. */
const char *observation_name(enum observation o);
/* "applied", "conflict", "failed". */
const char *resolution_name(enum resolution r);

#endif
