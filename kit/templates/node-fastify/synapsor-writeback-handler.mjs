// IMPORTANT: your app handler owns the final business write.
// The kit checks the request (token, signature, time, schema, tenant and version)
// and keeps the receipt, against lost updates, duplicate writes and cross-tenant
// writes. Yours is what happens in between, in the same transaction/rollback and
// under the same idempotency key.
// Needs: npm install fastify pg; DATABASE_URL and the two variables below.
import Fastify from 'fastify';
import pg from 'pg';
import { MAX_BODY, Refuse, createHandler, postgres } from '@KIT@/node/index.js';

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

// MySQL, MariaDB: mysql(createPool(...)) with createPool of mysql2/promise.
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 5000 });
pool.on('error', () => {}); // a connection that waits and ends is opened again
const storage = postgres(pool);
const handler = createHandler({
	capabilities: { '@ACTION@': propose },
	storage,
	tokenEnv: @TOKEN_ENV@,
	signingSecretEnv: @SECRET_ENV@,
});
await storage.check(); // the receipt table: node @KIT@/node/print-ddl.js postgres

const app = Fastify({ bodyLimit: MAX_BODY });
// The signature is over the raw bytes: nothing may parse them before.
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
app.route({
	method: ['POST', 'PUT', 'PATCH', 'OPTIONS'],
	url: '/synapsor/writeback',
	handler: async (request, reply) => {
		const body = request.body ?? Buffer.alloc(0);
		const answer = await handler.handle(request.method, request.raw.rawHeaders, body);
		return reply.code(answer.status).headers(answer.headers).send(answer.body);
	},
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8787) });
console.log(`http://127.0.0.1:${app.server.address().port}/synapsor/writeback`);
