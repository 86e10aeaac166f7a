#!/usr/bin/env node
// IMPORTANT: your app handler owns the final business write.
// The kit checks the request (token, signature, time, schema, tenant and version)
// and keeps the receipt, against lost updates, duplicate writes and cross-tenant
// writes. Yours is what happens in between, in the same transaction/rollback and
// under the same idempotency key.
// Needs: npm install pg. A command has no environment, so the database's URL is in
// a file that only the handler's user reads; the command of the contract is
//   /usr/bin/node /path/synapsor-command-handler.mjs /path/database-url
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { Refuse, createCommandHandler, postgres } from '@KIT@/node/index.js';

async function propose(job, tx) {
	// The app-owned transaction: everything goes through tx, or is not rolled back.
	// job.row is the locked row, job.patch what was approved, job.principal who
	// proposed. throw new Refuse('YOUR_CODE') to refuse.
	const rows = await tx.update(`${job.target.schema}.${job.target.table}`,
		{ [job.target.primary_key.column]: job.target.primary_key.value,
			[job.tenant_guard.column]: job.tenant_guard.value },
		job.patch, { expect: 1 });
	return { rows_affected: rows };
}

// The receipt table: node @KIT@/node/print-ddl.js postgres
const connectionString = readFileSync(process.argv[2], 'utf8').trim();
const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 5000 });
const handler = createCommandHandler({ capabilities: { '@ACTION@': propose }, storage: postgres(pool) });
process.exitCode = await handler.main();
await pool.end();
