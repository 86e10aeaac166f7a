-- As the owner of an empty database.
DROP TABLE IF EXISTS invoices;
CREATE TABLE invoices (
    id text PRIMARY KEY,
    tenant_id text NOT NULL,
    customer_name text NOT NULL,
    status text NOT NULL,
    late_fee_cents integer NOT NULL,
    waiver_reason text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO invoices VALUES
    ('INV-3001', 'acme', 'Acme Industries', 'overdue', 5500, NULL, '2026-06-20T14:31:08Z'),
    ('INV-9001', 'otherco', 'Other Company', 'overdue', 900, NULL, '2026-06-20T14:31:08Z');

-- What tells a stale proposal from a fresh one.
CREATE OR REPLACE FUNCTION touch_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION touch_invoices();

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
GRANT SELECT ON invoices TO countersign_reader, countersign_writer;
GRANT UPDATE (late_fee_cents, waiver_reason) ON invoices TO countersign_writer;
GRANT SELECT, INSERT, UPDATE ON synapsor_writeback_receipts TO countersign_writer;
