-- As the owner of an empty database. The receipt table is the kit's own (--print-ddl).
DROP TABLE IF EXISTS account_credits, invoices, customers;
CREATE TABLE customers (
    id text PRIMARY KEY,
    tenant_id text NOT NULL,
    balance_cents bigint NOT NULL DEFAULT 0
);
CREATE TABLE invoices (
    id text PRIMARY KEY,
    tenant_id text NOT NULL,
    customer_id text NOT NULL REFERENCES customers,
    status text NOT NULL,
    total_cents integer NOT NULL,
    credited_cents integer NOT NULL DEFAULT 0,
    credit_reason text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE account_credits (
    idempotency_key text PRIMARY KEY,
    tenant_id text NOT NULL,
    invoice_id text NOT NULL REFERENCES invoices,
    customer_id text NOT NULL REFERENCES customers,
    amount_cents integer NOT NULL CHECK (amount_cents BETWEEN 1 AND 10000),
    reason text NOT NULL,
    proposed_by text
);
INSERT INTO customers VALUES ('CUS-1', 'acme', 0), ('CUS-9', 'other', 0);
INSERT INTO invoices VALUES
    ('INV-1', 'acme', 'CUS-1', 'open', 12000, 0, NULL, '2026-06-20T14:31:08.123456Z'),
    ('INV-2', 'acme', 'CUS-1', 'open', 8000, 0, NULL, '2026-06-20T14:31:08.123456Z'),
    ('INV-3', 'acme', 'CUS-1', 'paid', 8000, 0, NULL, '2026-06-20T14:31:08.123456Z'),
    ('INV-9', 'other', 'CUS-9', 'open', 5000, 0, NULL, '2026-06-20T14:31:08.123456Z');

-- What tells a stale proposal from a fresh one.
CREATE OR REPLACE FUNCTION touch_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION touch_invoices();

-- Countersign reads; the application alone writes.
DO $$ BEGIN
    CREATE ROLE credit_reader LOGIN PASSWORD 'reader_password';
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN
    CREATE ROLE credit_app LOGIN PASSWORD 'app_password';
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA public TO credit_reader, credit_app;
GRANT SELECT ON invoices TO credit_reader;
GRANT SELECT, UPDATE ON invoices, customers TO credit_app;
GRANT SELECT, INSERT ON account_credits TO credit_app;
