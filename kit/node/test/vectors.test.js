// kit/vectors, against this kit: node --test kit/node/test/
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Refuse, createCommandHandler, createHandler, lowerHeaders, rowHash, verify, verifyCommand,
	versionEqual } from '../index.js';
import { parse } from '../lib/json.js';
import { asText, given, moment, mysqlValue, postgresValue, rowText } from '../lib/values.js';

const bytes = (name) => readFileSync(new URL('../../vectors/' + name, import.meta.url));
const vectors = JSON.parse(bytes('requests.json'));
// Parsed by the kit's own parser: JSON.parse would round what is expected.
const exact = parse(bytes('requests.json'));
const nowUs = moment(vectors.clock) - moment('1970-01-01T00:00:00Z');
const actions = new Map(vectors.actions.map((action) => [action, () => {}]));
const noStorage = { withTransaction: () => assert.fail('a refused request reached the database') };
const options = { capabilities: Object.fromEntries(actions), storage: noStorage, log: () => {} };
const env = { SYNAPSOR_APP_WRITEBACK_TOKEN: vectors.token, SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET: vectors.secret };

function bodyOf(body) {
	if (typeof body === 'string') {
		return Buffer.from(body);
	}
	return 'hex' in body ? Buffer.from(body.hex, 'hex')
		: Buffer.from(body.prefix + body.repeat.repeat(body.times) + body.suffix);
}

/** Numbers by their text, objects as plain ones. */
function plain(value) {
	if (typeof value === 'number' || typeof value === 'bigint') {
		return { number: asText(value) };
	}
	if (Array.isArray(value)) {
		return value.map(plain);
	}
	const one = given(value);
	return typeof one !== 'object' || one === null ? one
		: Object.entries(one).map(([key, member]) => [key, plain(member)]).sort(([a], [b]) => a < b ? -1 : 1);
}

test('there are cases', () => assert.ok(vectors.cases.length > 200));

vectors.cases.forEach((one, i) => test('request: ' + one.name, async () => {
	const body = bodyOf(one.body);
	const headers = Object.fromEntries(Object.entries(one.headers ?? {}).map(
		([name, value]) => [name, Buffer.from(value).toString('latin1')]));
	if ('job' in one.expect) {
		const rules = { actions, token: Buffer.from(vectors.token), secret: Buffer.from(vectors.secret),
			skewMs: vectors.skew_ms };
		const job = one.mode === 'command' ? verifyCommand(rules, body)
			: verify(rules, one.method, lowerHeaders(headers), body, nowUs);
		for (const [name, value] of Object.entries(exact.cases[i].expect.job)) {
			assert.deepEqual(plain(job[name]), plain(value), name);
		}
	} else if (one.mode === 'command') {
		const receipt = await createCommandHandler(options).answer(body);
		assert.equal(receipt.safe_error_code, one.expect.safe_error_code);
	} else {
		const answer = await createHandler({ ...options, env, nowUs: () => nowUs }).handle(one.method, headers, body);
		assert.equal(answer.status, one.expect.http);
		if ('allow' in one.expect) {
			assert.equal(answer.headers.allow, one.expect.allow);
		} else {
			assert.deepEqual(JSON.parse(answer.body), { status: 'failed', rows_affected: 0,
				source_database_mutated: false, safe_error_code: one.expect.safe_error_code });
		}
	}
}));

test('versions', () => {
	const { cases } = parse(bytes('versions.json'));
	assert.ok(cases.length > 30);
	for (const { a, b, equal } of cases) {
		assert.equal(versionEqual(a, b), equal, `${asText(a)} ${asText(b)}`);
		assert.equal(versionEqual(b, a), equal, `${asText(b)} ${asText(a)}`);
	}
});

test('row hashes', () => {
	for (const { row, canonical, hash } of parse(bytes('row_hash.json')).cases) {
		assert.equal(rowText(row, Object.keys(row)), canonical);
		assert.equal(rowHash(row, Object.keys(row)), hash);
	}
});

test('values of PostgreSQL', () => {
	for (const { oid, text, value } of JSON.parse(bytes('row_hash.json')).postgres_values) {
		const got = postgresValue(oid, text);
		assert.deepEqual(plain(got), plain(value === 0 ? 0 : value), `${oid} ${text}`);
	}
});

test('values of MySQL', () => {
	for (const [type, raw, value] of [
		[3, 5500, 5500], [8, '9007199254740993', 9007199254740993n], [8, '18446744073709551615', '18446744073709551615'],
		[246, '12.50', '12.50'], [5, 0.1, 0.1], [4, Math.fround(0.1), 0.1], [4, Math.fround(16777217.25), 16777217.25],
		[7, '2026-06-20 14:31:08.120000', '2026-06-20T14:31:08.120000Z'],
		[7, '2026-06-20 14:31:08', '2026-06-20T14:31:08Z'], [12, '2026-06-20 14:31:08.000', '2026-06-20T14:31:08'],
		[10, '2026-06-20', '2026-06-20'], [11, '-34:00:01.5', '-34:00:01.500000'], [253, 'ä', 'ä'],
		[252, Buffer.from([0, 255]), '\\x00ff'], [253, null, null]]) {
		assert.equal(mysqlValue(type, raw), type === 4 && raw > 1 ? Number(Math.fround(value).toPrecision(8)) : value);
	}
});

test('what could not be safe is refused when it is made', () => {
	const [token, secret] = ['SYNAPSOR_APP_WRITEBACK_TOKEN', 'SYNAPSOR_APP_WRITEBACK_SIGNING_SECRET'];
	const good = { [token]: 'x'.repeat(16), [secret]: 'y'.repeat(16) };
	const make = (more) => createHandler({ ...options, env: good, ...more });
	make({});
	make({ env: { [token]: good[token] }, signingSecretEnv: null });
	make({ env: {}, tokenEnv: null, signingSecretEnv: null, allowUnauthenticated: true });
	for (const more of [
		{ env: {} }, { env: { [token]: good[token] } }, { env: { [secret]: good[secret] } },
		{ env: { ...good, [token]: 'x'.repeat(15) } }, { env: { ...good, [secret]: '' } },
		{ tokenEnv: null, signingSecretEnv: null }, { env: {}, allowUnauthenticated: true }, { capabilities: {} },
		{ capabilities: { a: 'b' } }, { storage: undefined }, { issuedAtSkewMs: 0 }]) {
		assert.throws(() => make(more), (error) => error instanceof TypeError && !error.message.includes('x'.repeat(15)));
	}
	for (const code of ['', 'a', 'A B', 'X'.repeat(65), 'A\n', 7]) {
		assert.throws(() => new Refuse(code), TypeError);
	}
});
