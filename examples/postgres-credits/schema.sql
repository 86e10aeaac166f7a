-- As the owner of an empty database.
DROP TABLE IF EXISTS customers;
CREATE TABLE customers (
    id text PRIMARY KEY,
    tenant_id text NOT NULL,
    name text NOT NULL,
    email text,
    api_token text,
    plan text NOT NULL,
    plan_credit_cents integer NOT NULL DEFAULT 0,
    credit_reason text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO customers VALUES
    ('cust_acme_1', 'acme', 'Ada', 'ada@acme.example', 'not shown', 'pro', 0, NULL, '2026-06-20T12:00:00Z'),
    ('cust_other_1', 'otherco', 'Otto', 'otto@other.example', 'not shown', 'free', 0, NULL, '2026-06-20T12:00:00Z');

-- What tells a stale proposal from a fresh one.
CREATE OR REPLACE FUNCTION touch_customers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch_customers();

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
GRANT SELECT ON customers TO countersign_reader, countersign_writer;
GRANT UPDATE (plan_credit_cents, credit_reason) ON customers TO countersign_writer;
GRANT SELECT, INSERT, UPDATE ON synapsor_writeback_receipts TO countersign_writer;
