-- As the owner of an empty database.
DROP TABLE IF EXISTS tickets;
CREATE TABLE tickets (
    id text PRIMARY KEY,
    tenant_id text NOT NULL,
    customer_name text NOT NULL,
    status text NOT NULL,
    resolution_note text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tickets VALUES
    ('T-1042', 'acme', 'Acme Industries', 'open', NULL, '2026-06-20T12:00:00Z'),
    ('T-9001', 'otherco', 'Other Company', 'open', NULL, '2026-06-20T12:00:00Z');

-- What tells a stale proposal from a fresh one.
CREATE OR REPLACE FUNCTION touch_tickets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION touch_tickets();

-- Receipts make a second application impossible.
DROP TABLE IF EXISTS synapsor_writeback_receipts;
CREATE TABLE synapsor_writeback_receipts (
    idempotency_key text PRIMARY KEY,
    job_id text UNIQUE NOT NULL,
    proposal_id text NOT NULL,
    status text NOT NULL,
    result_hash text,
    created_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    ledger_head text
);

-- One role reads, one changes what reviewers may approve.
DO $$ BEGIN
    CREATE ROLE countersign_reader LOGIN PASSWORD 'reader_password';
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN
    CREATE ROLE countersign_writer LOGIN PASSWORD 'writer_password';
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA public TO countersign_reader, countersign_writer;
GRANT SELECT ON tickets TO countersign_reader, countersign_writer;
GRANT UPDATE (status, resolution_note) ON tickets TO countersign_writer;
GRANT SELECT, INSERT, UPDATE ON synapsor_writeback_receipts TO countersign_writer;
