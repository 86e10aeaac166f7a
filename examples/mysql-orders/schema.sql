-- As an administrator of the server.
DROP DATABASE IF EXISTS countersign_orders;
CREATE DATABASE countersign_orders CHARACTER SET utf8mb4;
USE countersign_orders;
CREATE TABLE orders (
    id varchar(64) PRIMARY KEY,
    tenant_id varchar(64) NOT NULL,
    customer_name varchar(200) NOT NULL,
    status varchar(40) NOT NULL,
    status_change_reason varchar(500),
    updated_at timestamp(6) NOT NULL DEFAULT current_timestamp(6)
        ON UPDATE current_timestamp(6)
);
INSERT INTO orders VALUES
    ('O-1001', 'acme', 'Acme Industries', 'paid', NULL, '2026-06-20 12:00:00'),
    ('O-9001', 'otherco', 'Other Company', 'paid', NULL, '2026-06-20 12:00:00');

-- Receipts make a second application impossible.
CREATE TABLE synapsor_writeback_receipts (
    idempotency_key varchar(255) PRIMARY KEY,
    job_id varchar(255) UNIQUE NOT NULL,
    proposal_id varchar(512) NOT NULL,
    status varchar(64) NOT NULL,
    result_hash varchar(128),
    created_at timestamp NOT NULL DEFAULT current_timestamp,
    completed_at timestamp NULL,
    ledger_head varchar(128)
);

-- One account reads, one changes what reviewers may approve.
CREATE USER IF NOT EXISTS countersign_reader@'%' IDENTIFIED BY 'reader_password';
CREATE USER IF NOT EXISTS countersign_writer@'%' IDENTIFIED BY 'writer_password';
GRANT SELECT ON countersign_orders.orders TO countersign_reader@'%';
GRANT SELECT, UPDATE (status, status_change_reason) ON countersign_orders.orders TO countersign_writer@'%';
GRANT SELECT, INSERT, UPDATE ON countersign_orders.synapsor_writeback_receipts TO countersign_writer@'%';
