// An application's own storage, in memory, and what the handler makes of errors.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Refuse, createCommandHandler } from '../index.js';
import { SqlTx } from '../lib/storage.js';

const { cases } = JSON.parse(readFileSync(new URL('../../vectors/requests.json', import.meta.url)));
const request = Buffer.from(cases.find((one) => one.name === 'command').body);

/** Statements are kept as text until the end; one with "bad" in its values fails. `deadlocks` claims fail at first. */
function own(deadlocks = 0) {
	const state = { done: [], receipts: new Map(), claims: 0 };
	const storage = {
		state,
		isDeadlock: (error) => error.message === 'deadlock',
		isLost: (error) => error.message === 'lost',
		async withTransaction(work) {
			const done = [];
			const receipts = new Map(state.receipts);
			const run = async (sql, values) => {
				if (values.includes('bad') || values.includes('lost') || values.includes('deadlock')) {
					throw new Error(values.find((value) => ['bad', 'lost', 'deadlock'].includes(value)));
				}
				done.push(sql);
				return { rows: [], rowCount: 1 };
			};
			const session = {
				tx: new SqlTx(run, '"', (n) => '$' + n, false),
				async claim(job) {
					state.claims += 1;
					if (state.claims <= deadlocks) {
						throw new Error('deadlock');
					}
					const existing = receipts.get(job.idempotency_key) ?? null;
					receipts.set(job.idempotency_key, existing ?? { status: 'claimed', proposal_hash: job.proposal_hash });
					return existing;
				},
				lockTarget: async () => ({ id: 'INV-3001', tenant_id: 'acme', updated_at: '2026-06-20T14:31:08Z' }),
				async record(job, status, receipt) {
					receipts.set(job.idempotency_key, { status, proposal_hash: job.proposal_hash, receipt });
				},
			};
			const { answer, keep } = await work(session);
			if (keep) {
				state.done.push(...done);
				state.receipts = receipts;
			}
			return answer;
		},
	};
	return storage;
}

const answer = (call, storage) => createCommandHandler({
	capabilities: { 'billing.propose_late_fee_waiver': call }, storage, log: () => {} }).answer(request);

async function refused(call, code, storage = own()) {
	const receipt = JSON.parse(JSON.stringify(await answer(call, storage)));
	assert.deepEqual(receipt, { status: 'failed', rows_affected: 0, source_database_mutated: false,
		safe_error_code: code });
	assert.deepEqual([storage.state.done, storage.state.receipts.size], [[], 0]);
}

const waive = (job, tx) => tx.update('invoices', { id: job.object_id }, { late_fee_cents: 0 }, { expect: 1 })
	.then(() => undefined);

test('applied once', async () => {
	const storage = own();
	assert.equal((await answer(waive, storage)).status, 'applied');
	assert.deepEqual(storage.state.done, ['UPDATE "invoices" SET "late_fee_cents" = $1 WHERE "id" = $2']);
	assert.equal((await answer(waive, storage)).status, 'already_applied');
});

test('a statement that failed counts, whatever the function makes of it', async () => {
	const swallow = (job, tx) => tx.insert('a', { b: 'bad' }).catch(() => undefined);
	for (const call of [
		swallow,
		async (job, tx) => { await swallow(job, tx); await waive(job, tx).catch(() => {}); },
		async (job, tx) => { await swallow(job, tx); throw new Refuse('MINE'); }]) {
		await refused(call, 'HANDLER_BUSINESS_ERROR');
	}
	for (const word of ['lost', 'deadlock']) {
		await refused((job, tx) => tx.insert('a', { b: word }), 'HANDLER_DATABASE_UNAVAILABLE');
	}
});

test('what a function may not do', async () => {
	for (const sql of ['COMMIT', ' rollback', 'BEGIN', 'end']) {
		await refused((job, tx) => tx.query(sql), 'HANDLER_BUSINESS_ERROR');
	}
	for (const call of [
		(tx) => tx.insert('a b', { a: 1 }), (tx) => tx.insert('a', {}), (tx) => tx.update('a', {}, { a: 1 }),
		(tx) => tx.update('a', { id: 1 }, {}), (tx) => tx.insert('a', { 'x" ': 1 }), (tx) => tx.insert('a.b.c', { a: 1 }),
		(tx) => tx.update('a', { id: 1 }, { b: 1 }, { expect: 2 })]) {
		await refused((job, tx) => call(tx), 'HANDLER_BUSINESS_ERROR');
	}
	for (const said of [{ rows_affected: '3' }, { rows_affected: 1.5 }, { new_version: [] }]) {
		await refused(() => said, 'HANDLER_BUSINESS_ERROR');
	}
	await refused(() => { throw undefined; }, 'HANDLER_BUSINESS_ERROR');
	await refused(() => { throw new Refuse('MINE'); }, 'MINE');
});

test('deadlocks are tried again, and not for ever', async () => {
	const storage = own(2);
	assert.equal((await answer(waive, storage)).status, 'applied');
	assert.equal(storage.state.claims, 3);
	await refused(waive, 'HANDLER_DATABASE_UNAVAILABLE', own(3));
});
