-- The ledger. `events` is the record: append-only, every row hashed together with
-- its predecessor. The other tables hold what changes (a proposal's state) and
-- documents that an event names; each can be checked against the events.
-- Times are microseconds since 1970 (UTC).

CREATE TABLE IF NOT EXISTS meta (
	key TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;

-- hash = SHA-256 over the previous hash and every column but `salt` and `body`,
-- which enter through body_digest = SHA-256(salt, body): a body can be erased
-- later without breaking the chain.
CREATE TABLE IF NOT EXISTS events (
	event_id INTEGER PRIMARY KEY,
	at_us INTEGER NOT NULL,
	kind TEXT NOT NULL,
	actor TEXT NOT NULL,
	tenant TEXT NOT NULL,
	capability TEXT NOT NULL,
	object_id TEXT NOT NULL,
	proposal_id TEXT,
	evidence_id TEXT,
	salt BLOB NOT NULL,
	body BLOB,
	body_digest BLOB NOT NULL,
	hash BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_proposal ON events (proposal_id)
	WHERE proposal_id IS NOT NULL;
-- Evidence needs no index: its id names its event (ev_, ten hexadecimal digits
-- of the event's number, ten of the hash), so a read costs one append.

CREATE TRIGGER IF NOT EXISTS events_are_never_changed
BEFORE UPDATE ON events
BEGIN
	SELECT RAISE(ABORT, 'events are append-only');
END;
CREATE TRIGGER IF NOT EXISTS events_are_never_deleted
BEFORE DELETE ON events
BEGIN
	SELECT RAISE(ABORT, 'events are append-only');
END;

-- Signed positions of the chain.
CREATE TABLE IF NOT EXISTS heads (
	event_id INTEGER PRIMARY KEY,
	statement BLOB NOT NULL,
	signature BLOB NOT NULL
);

-- Where a run of old events was pruned: signed, with the chain's hash before and
-- behind it, so that what is left still verifies.
CREATE TABLE IF NOT EXISTS tombstones (
	first_event_id INTEGER PRIMARY KEY,
	last_event_id INTEGER NOT NULL,
	statement BLOB NOT NULL,
	signature BLOB NOT NULL
);

CREATE TABLE IF NOT EXISTS proposals (
	seq INTEGER PRIMARY KEY,
	proposal_id TEXT NOT NULL UNIQUE,
	proposal_version INTEGER NOT NULL,
	proposal_hash TEXT NOT NULL,
	contract_digest TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('pending_review', 'approved',
		'rejected', 'canceled', 'pending_worker', 'applied', 'conflict',
		'failed', 'outcome_unknown')),
	retryable INTEGER NOT NULL DEFAULT 0,
	attempt INTEGER NOT NULL DEFAULT 0,
	tenant_id TEXT NOT NULL,
	principal TEXT NOT NULL,
	action TEXT NOT NULL,
	business_object TEXT NOT NULL,
	object_id TEXT NOT NULL,
	source_kind TEXT NOT NULL,
	source_id TEXT NOT NULL,
	source_schema TEXT NOT NULL,
	source_table TEXT NOT NULL,
	source_database_mutated INTEGER NOT NULL DEFAULT 0,
	evidence_id TEXT NOT NULL,
	change_set BLOB NOT NULL,
	created_us INTEGER NOT NULL,
	updated_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS proposals_by_object
	ON proposals (object_id, action, tenant_id);
CREATE INDEX IF NOT EXISTS proposals_by_state ON proposals (state, seq);

CREATE TABLE IF NOT EXISTS decisions (
	decision_id INTEGER PRIMARY KEY,
	proposal_id TEXT NOT NULL REFERENCES proposals (proposal_id),
	action TEXT NOT NULL,
	reviewer TEXT NOT NULL,
	uid INTEGER NOT NULL,
	statement BLOB NOT NULL,
	signature BLOB NOT NULL,
	at_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_by_proposal ON decisions (proposal_id);

-- The reviewer's own signature (OpenSSH's, binary) over a decision's statement.
CREATE TABLE IF NOT EXISTS decision_signatures (
	decision_id INTEGER PRIMARY KEY REFERENCES decisions (decision_id),
	ssh_signature BLOB NOT NULL
);
CREATE TRIGGER IF NOT EXISTS signatures_go_with_decisions
AFTER DELETE ON decisions
BEGIN
	DELETE FROM decision_signatures WHERE decision_id = OLD.decision_id;
END;

-- What was approved without a person, once for each limit that counts it.
CREATE TABLE IF NOT EXISTS automatic_approvals (
	capability TEXT NOT NULL,
	limit_index INTEGER NOT NULL,
	tenant_id TEXT NOT NULL,
	object_id TEXT NOT NULL,
	at_us INTEGER NOT NULL,
	amount INTEGER NOT NULL,
	proposal_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS automatic_approvals_in_window
	ON automatic_approvals (capability, tenant_id, limit_index, at_us);

-- One row per release of a proposal to a writer.
CREATE TABLE IF NOT EXISTS jobs (
	seq INTEGER PRIMARY KEY,
	job_id TEXT NOT NULL,
	proposal_id TEXT NOT NULL REFERENCES proposals (proposal_id),
	state TEXT NOT NULL CHECK (state IN ('released', 'leased', 'reported',
		'withdrawn', 'lost')),
	dry_run INTEGER NOT NULL,
	settle INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	payload BLOB NOT NULL,
	signature BLOB NOT NULL,
	expires_us INTEGER NOT NULL,
	created_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_released ON jobs (seq)
	WHERE state = 'released';
CREATE INDEX IF NOT EXISTS jobs_leased ON jobs (seq)
	WHERE state = 'leased';
CREATE INDEX IF NOT EXISTS jobs_by_proposal ON jobs (proposal_id);

CREATE TABLE IF NOT EXISTS receipts (
	receipt_id INTEGER PRIMARY KEY,
	job_id TEXT NOT NULL,
	proposal_id TEXT NOT NULL REFERENCES proposals (proposal_id),
	runner_id TEXT NOT NULL,
	status TEXT NOT NULL,
	idempotency_key TEXT NOT NULL,
	source_database_mutated INTEGER NOT NULL,
	dry_run INTEGER NOT NULL,
	receipt BLOB NOT NULL,
	created_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS receipts_by_proposal ON receipts (proposal_id);
