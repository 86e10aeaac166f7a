-- As an administrator of the server.
DROP DATABASE IF EXISTS countersign_support;
CREATE DATABASE countersign_support CHARACTER SET utf8mb4;
USE countersign_support;
CREATE TABLE support_tickets (
    id varchar(64) PRIMARY KEY,
    tenant_id varchar(64) NOT NULL,
    subject varchar(200) NOT NULL,
    status varchar(40) NOT NULL,
    resolution_note varchar(1000),
    updated_at timestamp(6) NOT NULL DEFAULT current_timestamp(6)
        ON UPDATE current_timestamp(6)
);
INSERT INTO support_tickets VALUES
    ('T-1042', 'acme', 'Cannot log in', 'open', NULL, '2026-06-20 12:00:00'),
    ('T-9001', 'otherco', 'Printer on fire', 'open', NULL, '2026-06-20 12:00:00');

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
GRANT SELECT ON countersign_support.support_tickets TO countersign_reader@'%';
GRANT SELECT, UPDATE (status, resolution_note) ON countersign_support.support_tickets TO countersign_writer@'%';
GRANT SELECT, INSERT, UPDATE ON countersign_support.synapsor_writeback_receipts TO countersign_writer@'%';
