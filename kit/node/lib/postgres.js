// Receipts and locks in PostgreSQL, through the application's own pool of pg.
import { isName } from './request.js';
import { OutcomeUnknown, SqlTx, TABLE, keyValues, targetSql, theRow, transact } from './storage.js';
import { postgresValue } from './values.js';

const MISSING = ['42P01', '42703', '42501'];
const mark = (n) => '$' + n;
const nothing = () => {};

function qualified(schema, table) {
	if (!isName(schema) || !isName(table)) {
		throw new TypeError('the receipt table needs a plain name');
	}
	return `"${schema}"."${table}"`;
}

/** For whoever owns the schema, once. It also brings a table of 0.1.1 up to date. */
export function postgresDdl({ table = TABLE, schema = 'public' } = {}) {
	const name = qualified(schema, table);
	return `CREATE TABLE IF NOT EXISTS ${name} (
  idempotency_key text PRIMARY KEY,
  proposal_id text NOT NULL,
  proposal_hash text,
  action text NOT NULL,
  status text NOT NULL,
  receipt_json jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz
);
ALTER TABLE ${name} ADD COLUMN IF NOT EXISTS proposal_hash text;
-- The application's role: GRANT SELECT, INSERT, UPDATE ON ${name} TO <role>;
`;
}

class Session {
	constructor(client, table, settings) {
		this.client = client;
		this.table = table;
		this.settings = settings;
		this.broken = false;
		this.tx = new SqlTx((sql, values) => this.#result(sql, values), '"', mark, false);
	}

	async begin() {
		await this.client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE');
		const calls = this.settings.map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, true)`);
		await this.client.query('SELECT ' + calls.join(', '), this.settings.flat());
	}

	async commit() {
		let done;
		try {
			done = await this.client.query('COMMIT');
		} catch (error) {
			this.broken = true;
			throw new OutcomeUnknown('no answer to COMMIT', { cause: error });
		}
		if (done.command !== 'COMMIT') { // the server rolled back a transaction that had failed
			throw new Error('the transaction had failed before its COMMIT');
		}
	}

	async rollback() {
		try {
			await this.client.query('ROLLBACK');
		} catch {
			this.broken = true; // its connection is closed, which rolls back as well
		}
	}

	/** Rows from the server's own text, whatever the pool converts. */
	async #raw(text, values) {
		const { fields, rows } = await this.client.query({
			text, values, rowMode: 'array', types: { getTypeParser: () => (value) => value } });
		return rows.map((row) => {
			const value = Object.create(null);
			fields.forEach((field, i) => {
				value[field.name] = postgresValue(field.dataTypeID, row[i]);
			});
			return value;
		});
	}

	async #result(sql, values) {
		const { rows, rowCount } = await this.client.query(sql, values);
		return { rows, rowCount: rowCount ?? 0 };
	}

	async claim(job) {
		const made = await this.client.query(
			`INSERT INTO ${this.table} (idempotency_key, proposal_id, proposal_hash, action, status, receipt_json)` +
			' VALUES ($1, $2, $3, $4, \'claimed\', \'{}\') ON CONFLICT (idempotency_key) DO NOTHING',
			[job.idempotency_key, job.proposal_id, job.proposal_hash, job.action]);
		if (made.rowCount === 1) {
			return null;
		}
		const [row] = await this.#raw(
			`SELECT status, proposal_hash, receipt_json::text FROM ${this.table} WHERE idempotency_key = $1 FOR UPDATE`,
			[job.idempotency_key]);
		return { status: row.status, proposal_hash: row.proposal_hash, receipt: JSON.parse(row.receipt_json) };
	}

	async lockTarget(job) {
		return theRow(await this.#raw(targetSql(job, '"', mark), keyValues(job)), job);
	}

	async record(job, status, receipt) {
		const done = await this.client.query(
			`UPDATE ${this.table} SET status = $1, receipt_json = $2::jsonb, completed_at = now()` +
			' WHERE idempotency_key = $3 AND status = \'claimed\'', [status, JSON.stringify(receipt), job.idempotency_key]);
		if (done.rowCount !== 1) {
			throw new Error('the claimed receipt row is gone');
		}
	}
}

/** `pool` is a Pool of pg. */
export function postgres(pool, { table = TABLE, schema = 'public', lockTimeoutMs = 5000,
	statementTimeoutMs = 10000 } = {}) {
	const name = qualified(schema, table);
	const settings = Object.entries({
		TimeZone: 'UTC', DateStyle: 'ISO, YMD', IntervalStyle: 'postgres', bytea_output: 'hex', extra_float_digits: '1',
		lock_timeout: String(Number(lockTimeoutMs)), statement_timeout: String(Number(statementTimeoutMs)) });
	return {
		/** Rejects, with what to run, unless the receipt table is there as the kit wants it. */
		async check() {
			try {
				await pool.query(`SELECT idempotency_key, proposal_hash, receipt_json FROM ${name} LIMIT 0`);
			} catch (error) {
				throw MISSING.includes(error.code)
					? new Error(`${name} cannot be used; as its owner run:\n${postgresDdl({ table, schema })}`) : error;
			}
		},

		isDeadlock: (error) => ['40001', '40P01'].includes(error?.code),

		/** The server went away or ends; the driver's own errors have no state. */
		isLost: (error) => error?.severity === undefined ? error instanceof Error && !(error instanceof TypeError)
			: /^(08|57P|53)/.test(error.code ?? ''),

		async withTransaction(work) {
			const client = await pool.connect();
			const session = new Session(client, name, settings);
			client.on('error', nothing); // its queries fail, which is enough
			try {
				return await transact(session, work);
			} finally {
				client.off('error', nothing);
				client.release(session.broken);
			}
		},
	};
}
