/// <reference types="node" />
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';

/** Integers are numbers, or bigints beyond 2^53; decimals of a request are their text. */
export type Scalar = null | boolean | number | bigint | string;
export interface Key { column: string; value: Scalar }

/** One approved change. `row` is the target row as it is now, locked. */
export interface Job {
	protocol_version: string;
	proposal_id: string;
	proposal_hash: string;
	idempotency_key: string;
	issued_at: string | null;
	action: string;
	tenant_id: string;
	object_id: string;
	/** Who proposed. */
	principal: string | null;
	target: { schema: string; table: string; primary_key: Key };
	tenant_guard: Key;
	expected_version: Key;
	patch: Record<string, Scalar>;
	dry_run: boolean;
	row: Record<string, Scalar>;
	hashed_columns: string[];
}

export interface Result { rows: any[]; rowCount: number }

/** The transaction of the receipt. Names are checked and quoted, values bound. */
export interface Tx {
	/** The first statement that failed: none follows, and nothing is kept. */
	readonly failure?: unknown;
	/** Placeholders are the driver's: $1 in PostgreSQL, ? in MySQL. */
	query(sql: string, values?: unknown[]): Promise<Result>;
	insert(table: string, values: Record<string, unknown>): Promise<number>;
	/** Rows that matched; rejects if they are not as many as `expect`. */
	update(table: string, where: Record<string, unknown>, values: Record<string, unknown>,
		options?: { expect?: number }): Promise<number>;
}

export interface Done { rows_affected?: number; new_version?: Scalar }
export type BusinessFunction = (job: Job, tx: Tx) => Promise<Done | void> | Done | void;

export interface Existing { status: string; proposal_hash: string | null; receipt: Record<string, any> }

/** A store of the application's own implements this. */
export interface Session {
	tx: Tx;
	/** Insert the receipt row ('claimed') first; when the key is there, lock that row and return it. */
	claim(job: Job): Promise<Existing | null>;
	/** The row of key and tenant, under lock, values as docs/values.md. */
	lockTarget(job: Job): Promise<Record<string, Scalar> | null>;
	/** Complete the claimed row; rejects if it is not there. */
	record(job: Job, status: string, receipt: object): Promise<void>;
}
export interface Storage {
	/** COMMIT if keep, else ROLLBACK; whatever work rejects with: ROLLBACK. OutcomeUnknown if COMMIT was not answered. */
	withTransaction<T>(work: (session: Session) => Promise<{ answer: T; keep: boolean }>): Promise<T>;
}
export interface Storage {
	/** May go well when it is run again; is then, before the function. */
	isDeadlock?(error: unknown): boolean;
	/** The connection is gone. */
	isLost?(error: unknown): boolean;
}
export interface CheckedStorage extends Storage {
	/** Rejects, with what to run, unless the receipt table can be used. */
	check(): Promise<void>;
}

export interface KitOptions {
	capabilities: Record<string, BusinessFunction>;
	storage: Storage;
	/** For the application's own log; the error may hold what no answer may. */
	log?: (code: string, idempotencyKey: string | null, error?: unknown) => void;
}
export interface HandlerOptions extends KitOptions {
	/** Name of the variable; null: no token is asked for. */
	tokenEnv?: string | null;
	signingSecretEnv?: string | null;
	env?: Record<string, string | undefined>;
	issuedAtSkewMs?: number;
	/** For loopback only. */
	allowUnauthenticated?: boolean;
	nowUs?: () => bigint;
}

export interface Answer { status: number; headers: Record<string, string>; body: Buffer }
export type Headers = string[] | Record<string, string | string[] | undefined>;

export interface Handler {
	/** `headers`: rawHeaders or an object. `body`: the raw bytes; null when there were more than MAX_BODY. */
	handle(method: string, headers: Headers, body: Buffer | null): Promise<Answer>;
	/** Serve with node:http and print the address. */
	serve(options?: { port?: number; host?: string; path?: string }): Promise<Server>;
	log(code: string, idempotencyKey: string | null, error?: unknown): void;
}
export interface CommandHandler {
	answer(line: Buffer): Promise<Record<string, unknown>>;
	/** The exit status. */
	main(stdin?: Readable, stdout?: Writable): Promise<number>;
}

/** Throws at once for what could not be safe. */
export function createHandler(options: HandlerOptions): Handler;
export function createCommandHandler(options: KitOptions): CommandHandler;
export function listener(handler: Handler): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
export function readBody(request: IncomingMessage): Promise<Buffer | null>;

interface PgPool { connect(): Promise<any>; query(sql: string): Promise<any> }
interface MysqlPool { getConnection(): Promise<any> }
export function postgres(pool: PgPool, options?: { table?: string; schema?: string; lockTimeoutMs?: number;
	statementTimeoutMs?: number }): CheckedStorage;
export function mysql(pool: MysqlPool, options?: { table?: string; lockTimeoutMs?: number }): CheckedStorage;
export function postgresDdl(options?: { table?: string; schema?: string }): string;
export function mysqlDdl(options?: { table?: string }): string;

/** Thrown by a business function: nothing is done, and the receipt says `code` (capitals, digits, _; at most 64). */
export class Refuse extends Error { constructor(code: string); readonly code: string }
export class Refusal extends Error { readonly http: number; readonly code: string }
export class OutcomeUnknown extends Error {}

export const MAX_BODY: number;
export interface Rules { actions: Map<string, unknown>; token: Buffer | null; secret: Buffer | null; skewMs: number }
export function lowerHeaders(headers: Headers): Record<string, string>;
export function verify(rules: Rules, method: string, headers: Record<string, string>, body: Buffer | null,
	nowUs: bigint): Job;
export function verifyCommand(rules: Pick<Rules, 'actions'>, line: Buffer): Job;
export function rowHash(row: Record<string, Scalar>, columns: string[]): string;
export function versionEqual(a: Scalar, b: Scalar): boolean;
