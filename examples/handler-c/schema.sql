-- PostgreSQL, as the owner of an empty database.
DROP TABLE IF EXISTS account_credits, invoices, customers;
CREATE TABLE customers (
    id text PRIMARY KEY,
    tenant_id text NOT NULL,
    balance_cents integer NOT NULL
);
CREATE TABLE invoices (
    id text PRIMARY KEY,
    tenant_id text NOT NULL,
    customer_id text NOT NULL REFERENCES customers,
    amount_cents integer NOT NULL,
    credited_cents integer NOT NULL DEFAULT 0,
    credit_reason text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE account_credits (
    idempotency_key text PRIMARY KEY,
    tenant_id text NOT NULL,
    invoice_id text NOT NULL REFERENCES invoices,
    amount_cents integer NOT NULL,
    reason text NOT NULL,
    requested_by text,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO customers VALUES ('cust_1', 'acme', 25000), ('cust_2', 'otherco', 900);
INSERT INTO invoices (id, tenant_id, customer_id, amount_cents) VALUES
    ('INV-1', 'acme', 'cust_1', 25000), ('INV-9', 'otherco', 'cust_2', 900);

-- What tells a stale proposal from a fresh one.
CREATE OR REPLACE FUNCTION touch_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON invoices FOR EACH ROW EXECUTE FUNCTION touch_invoices();
