#!/usr/bin/env node
// The account credit, as an application in Node applies it: a credit, its invoice
// and the customer's balance in one transaction.
import pg from 'pg';

const kit = process.env.COUNTERSIGN_KIT ?? '/usr/share/countersign/kit';
const { Refuse, createHandler, postgres } = await import(`${kit}/node/index.js`);

async function accountCredit(job, tx) {
	const { credited_cents: cents, credit_reason: reason } = job.patch;
	if (job.row.status !== 'open') {
		throw new Refuse('INVOICE_NOT_OPEN');
	}
	await tx.insert('account_credits', {
		idempotency_key: job.idempotency_key, tenant_id: job.tenant_id, invoice_id: job.object_id,
		customer_id: job.row.customer_id, amount_cents: cents, reason, proposed_by: job.principal });
	await tx.update('invoices', { id: job.object_id, tenant_id: job.tenant_id },
		{ credited_cents: cents, credit_reason: reason }, { expect: 1 });
	await tx.query('UPDATE customers SET balance_cents = balance_cents + $1 WHERE id = $2 AND tenant_id = $3',
		[cents, job.row.customer_id, job.tenant_id]);
	return { rows_affected: 3 };
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 5000 });
pool.on('error', () => {}); // a connection that waits and ends is opened again
const storage = postgres(pool);
try {
	const handler = createHandler({ capabilities: { 'billing.propose_account_credit': accountCredit }, storage });
	await storage.check();
	await handler.serve({ port: Number(process.env.PORT ?? 8787) });
} catch (error) {
	console.error(error.message);
	process.exit(1);
}
