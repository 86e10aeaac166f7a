// The account credit of examples/handler-node, on MariaDB.
import { createPool } from 'mysql2/promise';

const { Refuse, createHandler, mysql } = await import(`${process.env.COUNTERSIGN_KIT}/node/index.js`);

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
	await tx.query('UPDATE customers SET balance_cents = balance_cents + ? WHERE id = ? AND tenant_id = ?',
		[cents, job.row.customer_id, job.tenant_id]);
	return { rows_affected: 3 };
}

try {
	const storage = mysql(createPool({ uri: process.env.DATABASE_URL }));
	await storage.check();
	await createHandler({ capabilities: { 'billing.propose_account_credit': accountCredit }, storage })
		.serve({ port: Number(process.env.PORT) });
} catch (error) {
	console.error(error.message);
	process.exit(1);
}
