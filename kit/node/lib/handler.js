// One request, one transaction, one receipt (kit/vectors/README.md,
// docs/handler-kit.md).
import { ALLOW, MAX_BODY, Refusal, lowerHeaders, verify, verifyCommand } from './request.js';
import { serve } from './server.js';
import { OutcomeUnknown } from './storage.js';
import { ROW_HASH, asText, isScalar, rowHash, versionEqual } from './values.js';

export const TOKEN_ENV = 'SYNAPSOR_APP_WRITEBACK_TOKEN';
export const SECRET_ENV = 'SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET';
const MIN_SECRET = 16;
const VERSION_MAX = 1024; // what writerd-handler takes
const ROWS_MAX = 1000000;
const TRIES = 3; // of claim and lock, at deadlocks

/** Thrown by a business function: nothing is done, and the receipt says `code`. */
export class Refuse extends Error {
	constructor(code) {
		if (typeof code !== 'string' || !/^[A-Z0-9_]{1,64}$/.test(code)) {
			throw new TypeError('a code is 1 to 64 capitals, digits and underscores');
		}
		super(code);
		this.code = code;
	}
}

/** The business function's error, told apart from the kit's own. */
class Failed extends Error {}

/** The database's own trouble under the business function. */
class Passing extends Error {}

/** A version as a receipt may hold it, exactly: numbers that are no small integer as text. */
function shown(value) {
	if (value === null || value === undefined || typeof value === 'boolean' || Number.isSafeInteger(value)) {
		return value ?? undefined;
	}
	const text = asText(value);
	return Buffer.byteLength(text) <= VERSION_MAX ? text : undefined;
}

function receiptOf(status, { code = null, rows = 0, previous, next } = {}) {
	return { status, rows_affected: rows, source_database_mutated: status === 'applied' && rows > 0,
		safe_error_code: code, previous_version: shown(previous), new_version: shown(next) };
}

function versionOf(job, row) {
	const { column } = job.expected_version;
	try {
		return column === ROW_HASH ? rowHash(row, job.hashed_columns) : column in row ? row[column] : undefined;
	} catch {
		return undefined;
	}
}

function known(job, existing) {
	if (existing.proposal_hash !== null && existing.proposal_hash !== job.proposal_hash) {
		throw new Refusal(409, 'IDEMPOTENCY_KEY_REUSED');
	}
	const { previous_version: previous, new_version: next, safe_error_code: code } = existing.receipt;
	switch (existing.status) {
	case 'applied':
	case 'already_applied':
		return receiptOf('already_applied', { previous, next });
	case 'conflict':
		return receiptOf('conflict', { code, previous });
	default:
		throw new OutcomeUnknown('a receipt row with another status');
	}
}

function logDefault(code, key, error) {
	console.error(`${code} (idempotency key ${key})`, error ?? '');
}

/** The part that needs no transport: a job in, a receipt out. */
class Kit {
	constructor({ capabilities, storage, log = logDefault }) {
		const entries = Object.entries(capabilities ?? {});
		if (entries.length === 0 || !entries.every(([, call]) => typeof call === 'function')) {
			throw new TypeError('capabilities: at least one action with its function');
		}
		if (typeof storage?.withTransaction !== 'function') {
			throw new TypeError('storage: where receipts and rows are, such as postgres(pool)');
		}
		this.actions = new Map(entries);
		this.storage = storage;
		this.logHook = log;
	}

	log(code, key, error) {
		try {
			this.logHook(code, key, error);
		} catch {
			// A log that fails does not change what happened.
		}
	}

	/** { http, receipt } */
	async run(job) {
		let http = 503;
		let code = 'HANDLER_DATABASE_UNAVAILABLE';
		let cause;
		try {
			return { http: 200, receipt: await this.#transaction(job) };
		} catch (error) {
			cause = error;
			if (error instanceof Refusal) {
				({ http, code } = error);
			} else if (error instanceof Failed) {
				[http, code, cause] = [422, error.message, error.cause];
			} else if (error instanceof OutcomeUnknown) {
				[http, code] = [500, 'HANDLER_OUTCOME_UNKNOWN'];
			} else if (error instanceof Passing) {
				cause = error.cause;
			}
		}
		this.log(code, job.idempotency_key, cause);
		// With 500 there is no receipt: whether something was changed is what nobody knows.
		return { http, receipt: http === 500 ? { status: 'unknown', safe_error_code: code } : receiptOf('failed', { code }) };
	}

	/** Once more at a deadlock, as long as the function was not called. */
	async #transaction(job) {
		for (let left = TRIES - 1; ; left--) {
			const state = { called: false };
			try {
				return await this.storage.withTransaction((session) => this.#work(job, session, state));
			} catch (error) {
				if (state.called || left === 0 || !this.storage.isDeadlock?.(error)) {
					throw error;
				}
			}
		}
	}

	async #work(job, session, state) {
		const existing = await session.claim(job);
		if (existing !== null) {
			return { answer: known(job, existing), keep: false };
		}
		const row = await session.lockTarget(job);
		if (row === null) {
			return this.#conflict(job, session, { code: 'ROW_NOT_FOUND_OR_WRONG_TENANT' });
		}
		const previous = versionOf(job, row);
		if (previous === undefined || !versionEqual(previous, job.expected_version.value)) {
			return this.#conflict(job, session, { code: 'ROW_CHANGED_AFTER_PROPOSAL', previous });
		}
		if (job.dry_run) {
			return { answer: receiptOf('applied', { previous }), keep: false };
		}
		state.called = true;
		const receipt = await this.#business({ ...job, row }, session, previous);
		await session.record(job, 'applied', receipt);
		return { answer: receipt, keep: true };
	}

	async #conflict(job, session, what) {
		const receipt = receiptOf('conflict', what);
		if (!job.dry_run) {
			await session.record(job, 'conflict', receipt);
		}
		return { answer: receipt, keep: !job.dry_run };
	}

	async #business(job, session, previous) {
		let rows;
		let next;
		let error = null;
		try {
			const said = (await this.actions.get(job.action)(job, session.tx)) ?? {};
			rows = said.rows_affected ?? 1;
			next = said.new_version ?? null;
			if (!Number.isSafeInteger(rows) || !isScalar(next)) {
				throw new TypeError('rows_affected is an integer, new_version a scalar');
			}
		} catch (thrown) {
			error = thrown ?? new Error('nothing was thrown');
		}
		this.#checkStatements(session, error);
		if (next === null) {
			const row = await session.lockTarget(job);
			next = row === null ? null : versionOf(job, row);
		}
		return receiptOf('applied', { rows: Math.min(Math.max(1, rows), ROWS_MAX), previous, next });
	}

	/** A statement that failed counts, whatever the function made of it. */
	#checkStatements(session, error) {
		const failure = session.tx.failure ?? null;
		if (failure !== null && (this.storage.isDeadlock?.(failure) || this.storage.isLost?.(failure))) {
			throw new Passing('the database', { cause: failure });
		}
		if (failure !== null || error !== null) {
			throw new Failed(failure === null && error instanceof Refuse ? error.code : 'HANDLER_BUSINESS_ERROR',
				{ cause: error ?? failure });
		}
	}
}

function secretOf(env, name) {
	if (name === null) {
		return null;
	}
	const value = Buffer.from(env[name] ?? '');
	if (value.length < MIN_SECRET) {
		throw new TypeError(`${name} is ${value.length === 0 ? 'not set' : 'too short'}: it needs at least ${MIN_SECRET} bytes`);
	}
	return value;
}

const bodyOf = (receipt) => Buffer.from(JSON.stringify(receipt) + '\n');

function answerOf(http, receipt, more = {}) {
	return { status: http, body: bodyOf(receipt),
		headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...more } };
}

class Handler extends Kit {
	#rules;
	#nowUs;

	constructor(options) {
		super(options);
		const { tokenEnv = TOKEN_ENV, signingSecretEnv = SECRET_ENV, env = process.env, issuedAtSkewMs = 300000,
			allowUnauthenticated = false, nowUs = () => BigInt(Date.now()) * 1000n } = options;
		const [token, secret] = [tokenEnv, signingSecretEnv].map((name) => secretOf(env, name));
		if (token === null && secret === null && !allowUnauthenticated) {
			throw new TypeError('neither token nor signing secret: anybody could write. For a handler that only this' +
				' machine reaches there is allowUnauthenticated');
		}
		if (!Number.isSafeInteger(issuedAtSkewMs) || issuedAtSkewMs <= 0) {
			throw new TypeError('issuedAtSkewMs is more than 0');
		}
		this.#rules = { actions: this.actions, token, secret, skewMs: issuedAtSkewMs };
		this.#nowUs = nowUs;
	}

	async handle(method, headers, body) {
		if (method === 'OPTIONS') {
			return { status: 204, headers: { allow: ALLOW }, body: Buffer.alloc(0) };
		}
		let job;
		try {
			job = verify(this.#rules, method, lowerHeaders(headers), body, this.#nowUs());
		} catch (error) {
			if (!(error instanceof Refusal)) {
				throw error;
			}
			this.log(error.code, null);
			return answerOf(error.http, receiptOf('failed', { code: error.code }), error.http === 405 ? { allow: ALLOW } : {});
		}
		const { http, receipt } = await this.run(job);
		return answerOf(http, receipt);
	}

	serve(options) {
		return serve(this, options);
	}
}

class CommandHandler extends Kit {
	async answer(line) {
		let job;
		try {
			job = verifyCommand({ actions: this.actions }, line);
		} catch (error) {
			if (!(error instanceof Refusal)) {
				throw error;
			}
			this.log(error.code, null);
			return receiptOf('failed', { code: error.code });
		}
		return (await this.run(job)).receipt;
	}

	/** The exit status: 0 with a receipt; 1 without one, when the outcome is not known. */
	async main(stdin = process.stdin, stdout = process.stdout) {
		const chunks = [];
		let length = 0;
		for await (const chunk of stdin) {
			chunks.push(chunk);
			length += chunk.length;
			if (length > MAX_BODY) {
				break;
			}
		}
		const receipt = await this.answer(Buffer.concat(chunks));
		if (receipt.status === 'unknown') {
			return 1;
		}
		await new Promise((resolve) => stdout.write(bodyOf(receipt), resolve));
		return 0;
	}
}

/** For HTTP. */
export const createHandler = (options) => new Handler(options);

/** For a command_handler: one request on standard input, the receipt on standard output. */
export const createCommandHandler = (options) => new CommandHandler(options);
