-- The application's database of the quick start: SQLite, three invoices of one
-- tenant and one of another.
PRAGMA journal_mode = WAL;
CREATE TABLE invoices (
	id TEXT PRIMARY KEY,
	tenant_id TEXT NOT NULL,
	customer_name TEXT NOT NULL,
	status TEXT NOT NULL,
	late_fee_cents INTEGER NOT NULL,
	waiver_reason TEXT,
	updated_at TEXT NOT NULL
);
INSERT INTO invoices VALUES
	('INV-3001', 'acme', 'Ada Ltd', 'overdue', 5500, NULL, '2026-06-20T14:31:08Z'),
	('INV-3002', 'acme', 'Bolt & Sons', 'overdue', 1200, NULL, '2026-06-20T14:31:08Z'),
	('INV-3003', 'acme', 'Cedar GmbH', 'overdue', 2500, NULL, '2026-06-20T14:31:08Z'),
	('INV-9001', 'other', 'Delta Inc', 'overdue', 900, NULL, '2026-06-20T14:31:08Z');
