// What the handler wants of a database, and the parts that the two SQL engines
// share. An application with a store of its own implements Storage and Session of
// index.d.ts.
import { isName } from './request.js';
import { asText } from './values.js';

export const TABLE = 'synapsor_handler_receipts';
// The kit begins and ends the transaction; what ends it early (MySQL: also every
// change of a table's shape) would leave the effect without its receipt.
const FORBIDDEN = /^\s*(?:begin|start|commit|end|rollback|abort|prepare\s+transaction|lock\s+tables|unlock)\b/i;
const COMMITS = /^\s*(?:create|alter|drop|truncate|rename|lock|analyze|grant|revoke|set\s+autocommit)\b/i;

/** COMMIT was sent and no answer came: it may be there or not. */
export class OutcomeUnknown extends Error {}

function columns(values) {
	const names = Object.keys(values);
	if (names.length === 0 || !names.every(isName)) {
		throw new TypeError('no columns, or one that is no plain name');
	}
	return names;
}

/**
 * What a business function gets. `run(sql, values)` is the engine's; `mark(n)` its n-th placeholder. After a
 * statement that failed there is no other: MySQL has rolled back everything at a deadlock, the claim too, and
 * would keep what comes then.
 */
export class SqlTx {
	#execute;
	#quote;
	#mark;
	#ddlCommits;

	constructor(run, quote, mark, ddlCommits) {
		this.#execute = run;
		this.failure = null;
		this.#quote = quote;
		this.#mark = mark;
		this.#ddlCommits = ddlCommits;
	}

	async #run(sql, values) {
		if (this.failure !== null) {
			throw new Error('a statement before this one has failed: nothing can be kept');
		}
		try {
			return await this.#execute(sql, values);
		} catch (error) {
			this.failure = error;
			throw error;
		}
	}

	#quoted(name) {
		return this.#quote + name + this.#quote;
	}

	#table(table) {
		const parts = table.split('.');
		if (parts.length > 2 || !parts.every(isName)) {
			throw new TypeError('no plain table name');
		}
		return parts.map((part) => this.#quoted(part)).join('.');
	}

	async query(sql, values = []) {
		if (FORBIDDEN.test(sql) || (this.#ddlCommits && COMMITS.test(sql))) {
			throw new TypeError('the transaction is the kit\'s: no statement that begins or ends one');
		}
		return this.#run(sql, values);
	}

	async insert(table, values) {
		const names = columns(values);
		const marks = names.map((_, i) => this.#mark(i + 1)).join(', ');
		const sql = `INSERT INTO ${this.#table(table)} (${names.map((n) => this.#quoted(n)).join(', ')}) VALUES (${marks})`;
		return (await this.#run(sql, Object.values(values))).rowCount;
	}

	async update(table, where, values, { expect } = {}) {
		const sets = columns(values).map((n, i) => `${this.#quoted(n)} = ${this.#mark(i + 1)}`);
		const wheres = columns(where).map((n, i) => `${this.#quoted(n)} = ${this.#mark(sets.length + i + 1)}`);
		const sql = `UPDATE ${this.#table(table)} SET ${sets.join(', ')} WHERE ${wheres.join(' AND ')}`;
		const { rowCount } = await this.#run(sql, [...Object.values(values), ...Object.values(where)]);
		if (expect !== undefined && rowCount !== expect) {
			throw new Error(`UPDATE matched ${rowCount} rows instead of ${expect}`);
		}
		return rowCount;
	}
}

/** A collation may have found another row than the one that was meant. */
export function spelledExactly(row, ...keys) {
	return keys.every((key) => (row[key.column] ?? null) !== null && asText(row[key.column]) === asText(key.value));
}

export function targetSql(job, quote, mark) {
	const q = (name) => quote + name + quote;
	const { target, tenant_guard: tenant } = job;
	return `SELECT * FROM ${q(target.schema)}.${q(target.table)} WHERE ${q(target.primary_key.column)} = ${mark(1)}` +
		` AND ${q(tenant.column)} = ${mark(2)} LIMIT 2 FOR UPDATE`;
}

export function keyValues(job) {
	return [asText(job.target.primary_key.value), asText(job.tenant_guard.value)];
}

export function theRow(rows, job) {
	return rows.length === 1 && spelledExactly(rows[0], job.target.primary_key, job.tenant_guard) ? rows[0] : null;
}

/**
 * One transaction on one connection: begin, work, and COMMIT or ROLLBACK. `session` has begin(),
 * commit() (which throws OutcomeUnknown) and rollback() (which never throws).
 */
export async function transact(session, work) {
	let done;
	try {
		await session.begin();
		done = await work(session);
	} catch (error) {
		await session.rollback();
		throw error;
	}
	if (done.keep) {
		await session.commit();
	} else {
		await session.rollback();
	}
	return done.answer;
}
