// Receipts and locks in MySQL and MariaDB, through the application's own pool of
// mysql2/promise. All statements are prepared by the server.
import { randomBytes } from 'node:crypto';
import { isName } from './request.js';
import { OutcomeUnknown, SqlTx, TABLE, keyValues, targetSql, theRow, transact } from './storage.js';
import { mysqlValue } from './values.js';

const SQL_MODE = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';
const RAW = { rowsAsArray: true, dateStrings: true, supportBigNumbers: true, bigNumberStrings: true,
	decimalNumbers: false, jsonStrings: true, nestTables: false };
const mark = () => '?';

/** For whoever owns the database, once. A table without proposal_hash needs the ALTER. */
export function mysqlDdl({ table = TABLE } = {}) {
	if (!isName(table)) {
		throw new TypeError('the receipt table needs a plain name');
	}
	return `CREATE TABLE IF NOT EXISTS \`${table}\` (
  idempotency_key varchar(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY,
  proposal_id varchar(512) NOT NULL,
  proposal_hash varchar(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  action varchar(512) NOT NULL,
  status varchar(64) NOT NULL,
  receipt_json longtext NOT NULL,
  created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  completed_at timestamp(6) NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4;
-- If it is there without that column:
-- ALTER TABLE \`${table}\` ADD COLUMN proposal_hash varchar(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- The application's account: GRANT SELECT, INSERT, UPDATE ON \`${table}\` TO <account>;
`;
}

class Session {
	constructor(connection, table, lockSeconds) {
		this.connection = connection;
		this.table = '`' + table + '`';
		this.lockSeconds = lockSeconds;
		this.broken = false;
		this.before = null;
		this.claimed = '';
		this.tx = new SqlTx((sql, values) => this.#result(sql, values), '`', mark, true);
	}

	async #set(zone, mode, seconds) {
		await this.connection.execute(
			`SET SESSION time_zone = ?, sql_mode = ?, innodb_lock_wait_timeout = ${Number(seconds)}`, [zone, mode]);
	}

	async begin() {
		[this.before] = await this.raw('SELECT CAST(@@SESSION.time_zone AS CHAR) AS z, CAST(@@SESSION.sql_mode AS CHAR) AS m,' +
			' @@SESSION.innodb_lock_wait_timeout AS s', []);
		await this.#set('+00:00', SQL_MODE, this.lockSeconds);
		await this.connection.query('START TRANSACTION READ WRITE');
	}

	/** The session as the application had it; its connection ends if that fails. */
	async restore() {
		try {
			if (this.before !== null && !this.broken) {
				await this.#set(this.before.z, this.before.m, this.before.s);
			}
		} catch {
			this.broken = true;
		}
	}

	async commit() {
		try {
			await this.connection.query('COMMIT');
		} catch (error) {
			this.broken = true;
			throw new OutcomeUnknown('no answer to COMMIT', { cause: error });
		}
	}

	async rollback() {
		try {
			await this.connection.query('ROLLBACK');
		} catch {
			this.broken = true;
		}
	}

	/** Rows without what the pool converts. */
	async raw(sql, values) {
		const [rows, fields] = await this.connection.execute({ sql, values, ...RAW });
		return rows.map((row) => {
			const value = Object.create(null);
			fields.forEach((field, i) => {
				value[field.name] = mysqlValue(field.columnType ?? field.type, row[i]);
			});
			return value;
		});
	}

	async #result(sql, values) {
		const [done] = await this.connection.execute({ sql, rowsAsArray: false },
			values.map((value) => typeof value === 'bigint' ? String(value) : value));
		return Array.isArray(done) ? { rows: done, rowCount: done.length } : { rows: [], rowCount: done.affectedRows };
	}

	/** Drivers count the rows of such an INSERT differently, so the row tells whose it is. */
	async claim(job) {
		this.claimed = JSON.stringify({ claim: randomBytes(16).toString('hex') });
		await this.connection.execute(
			`INSERT INTO ${this.table} (idempotency_key, proposal_id, proposal_hash, action, status, receipt_json)` +
			' VALUES (?, ?, ?, ?, \'claimed\', ?) ON DUPLICATE KEY UPDATE idempotency_key = idempotency_key',
			[job.idempotency_key, job.proposal_id, job.proposal_hash, job.action, this.claimed]);
		const [row] = await this.raw(
			`SELECT status, proposal_hash, receipt_json FROM ${this.table} WHERE idempotency_key = ? FOR UPDATE`,
			[job.idempotency_key]);
		return row.receipt_json === this.claimed ? null
			: { status: row.status, proposal_hash: row.proposal_hash, receipt: JSON.parse(row.receipt_json) };
	}

	async lockTarget(job) {
		return theRow(await this.raw(targetSql(job, '`', mark), keyValues(job)), job);
	}

	async record(job, status, receipt) {
		const [done] = await this.connection.execute(
			`UPDATE ${this.table} SET status = ?, receipt_json = ?, completed_at = CURRENT_TIMESTAMP(6)` +
			' WHERE idempotency_key = ? AND status = \'claimed\' AND receipt_json = ?',
			[status, JSON.stringify(receipt), job.idempotency_key, this.claimed]);
		if (done.affectedRows !== 1) {
			throw new Error('the claimed receipt row is gone');
		}
	}
}

/**
 * `pool` is a pool of mysql2/promise. The session's time zone, SQL mode and lock timeout are the
 * kit's while a request is at work, and the application's own afterwards.
 */
export function mysql(pool, { table = TABLE, lockTimeoutMs = 5000 } = {}) {
	const ddl = mysqlDdl({ table });
	const seconds = Math.max(1, Math.ceil(Number(lockTimeoutMs) / 1000));

	async function borrowed(use) {
		const connection = await pool.getConnection();
		const session = new Session(connection, table, seconds);
		try {
			return await use(session);
		} finally {
			await session.restore();
			if (session.broken) {
				connection.destroy();
			} else {
				connection.release();
			}
		}
	}

	return {
		/** Rejects, with what to run, unless the receipt table is there as the kit wants it. */
		async check() {
			const [found] = await borrowed((session) => session.raw(
				'SELECT t.engine AS e, (SELECT count(*) FROM information_schema.columns c WHERE c.table_schema = DATABASE()' +
				' AND c.table_name = ? AND c.column_name = \'proposal_hash\') AS n FROM information_schema.tables t' +
				' WHERE t.table_schema = DATABASE() AND t.table_name = ?', [table, table]));
			if (found === undefined || found.e !== 'InnoDB' || found.n !== 1) {
				throw new Error(`\`${table}\` cannot be used; as its owner run:\n${ddl}`);
			}
		},

		isDeadlock: (error) => error?.errno === 1213,

		isLost: (error) => error?.fatal === true || [1053, 1927].includes(error?.errno),

		withTransaction: (work) => borrowed((session) => transact(session, work)),
	};
}
