// From bytes to a job: every check that needs no database, in one order
// (kit/vectors/README.md). Pure: no input or output, no clock of its own.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { parse } from './json.js';
import { ROW_HASH, asText, given, isScalar, moment, same } from './values.js';

export const MAX_BODY = 1 << 20;
export const ALLOW = 'POST, PUT, PATCH, OPTIONS';
const METHODS = ['POST', 'PUT', 'PATCH'];
const PROTOCOL = '1.0';
const SCHEMA = 'synapsor.handler-writeback.v1';
const ISSUED_AT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$/;
const MAX_TEXT = 512;
const EPOCH_US = moment('1970-01-01T00:00:00Z');

/** The request is refused; nothing was done. */
export class Refusal extends Error {
	constructor(http, code) {
		super(code);
		this.http = http;
		this.code = code;
	}
}

export function isName(value) {
	return typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value);
}

/** Names in small letters, from an object or from rawHeaders; one that came twice is joined, as HTTP says. */
export function lowerHeaders(headers) {
	const pairs = Array.isArray(headers)
		? headers.flatMap((name, i) => i % 2 === 0 ? [[name, headers[i + 1]]] : [])
		: Object.entries(headers).filter(([, value]) => value !== undefined);
	const found = Object.create(null);
	for (const [name, value] of pairs) {
		const low = name.toLowerCase();
		const text = Array.isArray(value) ? value.join(', ') : String(value);
		found[low] = low in found ? found[low] + ', ' + text : text;
	}
	return found;
}

/** Of digests, so that the time says nothing about lengths either. */
function isEqual(a, b) {
	const digest = (bytes) => createHash('sha256').update(bytes).digest();
	return timingSafeEqual(digest(a), digest(b));
}

function checkToken(rules, headers) {
	if (rules.token === null) {
		return;
	}
	const text = headers.authorization ?? '';
	const blank = text.indexOf(' ');
	const good = isEqual(Buffer.from(text.slice(blank + 1), 'latin1'), rules.token);
	if (!good || blank < 0 || text.slice(0, blank).toLowerCase() !== 'bearer') {
		throw new Refusal(401, 'UNAUTHORIZED');
	}
}

function checkSignature(rules, headers, body) {
	if (rules.secret === null) {
		return;
	}
	const wanted = createHmac('sha256', rules.secret).update(body).digest('hex');
	const text = headers['x-synapsor-signature'] ?? '';
	const good = isEqual(Buffer.from(text.slice(7).toLowerCase(), 'latin1'), Buffer.from(wanted));
	if (!good || text.slice(0, 7) !== 'sha256=') {
		throw new Refusal(401, 'INVALID_SIGNATURE');
	}
}

function checkIssuedAt(rules, headers, nowUs) {
	const text = headers['x-synapsor-issued-at'] ?? '';
	const at = ISSUED_AT.test(text) ? moment(text) : null;
	const away = at === null ? null : at - EPOCH_US - nowUs;
	if (away === null || (away < 0n ? -away : away) > BigInt(rules.skewMs) * 1000n) {
		throw new Refusal(401, 'INVALID_ISSUED_AT');
	}
	return text;
}

function need(isGood) {
	if (!isGood) {
		throw new Refusal(400, 'BAD_WRITEBACK_REQUEST');
	}
}

const isObject = (value) => typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null;

function object(value) {
	need(isObject(value));
	return value;
}

function text(value) {
	need(typeof value === 'string' && value !== '' && [...value].length <= MAX_TEXT);
	return value;
}

function name(value) {
	need(isName(value));
	return value;
}

/** A column and a value that a row is found by. */
function keyed(value) {
	const key = { column: name(object(value).column), value: value.value };
	need(typeof key.value === 'number' || typeof key.value === 'bigint' ||
		(typeof key.value === 'string' && key.value !== ''));
	return key;
}

function version(value) {
	need('value' in object(value) && isScalar(value.value));
	return { column: name(value.column), value: value.value };
}

function target(value) {
	return { schema: name(object(value).schema), table: name(value.table), primary_key: keyed(value.primary_key) };
}

function patch(value) {
	const entries = Object.entries(object(value));
	need(entries.length > 0 && entries.every(([column, member]) => isName(column) && isScalar(member)));
	return value;
}

const sameKey = (a, b) => a.column === b.column && same(a.value, b.value);
const sameTarget = (a, b) => a.schema === b.schema && a.table === b.table && sameKey(a.primary_key, b.primary_key);
const samePatch = (a, b) => Object.keys(a).length === Object.keys(b).length &&
	Object.keys(a).every((column) => column in b && same(a[column], b[column]));

const all = (member, ...halves) => halves.filter((half) => member in half).map((half) => half[member]);

/** Read in every place where it is said, at least in one, and the same everywhere. */
function one(values, read, isSame) {
	const found = values.map(read);
	need(found.length > 0 && found.every((other) => isSame(found[0], other)));
	return found[0];
}

/** scope.tenant_id or scope.object_id, which is the text of the guard's value. */
function identity(scope, member, key) {
	need(!(member in scope) || scope[member] === asText(key.value));
	return asText(key.value);
}

function checkColumns(places, changed, keys) {
	const lists = all('allowed_columns', places.request, ...places.guards);
	need(lists.length > 0);
	for (const allowed of lists) {
		need(Array.isArray(allowed) && allowed.every(isName) &&
			Object.keys(changed).every((column) => allowed.includes(column)));
	}
	need(!keys.some((column) => column in changed));
}

function hashedColumns(request, expected) {
	if (expected.column !== ROW_HASH) {
		return [];
	}
	const entries = Object.entries(object(request.before));
	need(entries.length > 0 && entries.every(([column, value]) => isName(column) && isScalar(value)));
	return entries.map(([column]) => column);
}

function principalOf(request, changeSet) {
	if (!('principal' in changeSet)) {
		const hint = request.runner_hint ?? null;
		need(hint === null || typeof hint === 'string');
		return hint;
	}
	need(typeof object(changeSet.principal).id === 'string');
	return changeSet.principal.id;
}

function checkHeader(headers, header, value) {
	if (header in headers) {
		const trim = (said) => said.replace(/^[ \t]+|[ \t]+$/g, '');
		need(trim(headers[header]) === trim(Buffer.from(value).toString('latin1')));
	}
}

function protocol(request) {
	const hasVersion = 'protocol_version' in request;
	const hasSchema = 'schema_version' in request;
	if ((!hasVersion && !hasSchema) || (hasVersion && request.protocol_version !== PROTOCOL) ||
		(hasSchema && request.schema_version !== SCHEMA)) {
		throw new Refusal(400, 'UNSUPPORTED_PROTOCOL_VERSION');
	}
	return hasVersion ? PROTOCOL : SCHEMA;
}

/** Everything is said twice: in flat members, which 0.1.1 had alone, and in change_set. */
function placesOf(request) {
	const said = request.change_set ?? null;
	const changeSet = said === null ? Object.create(null) : object(said);
	const guards = all('guards', changeSet, request).map(object);
	return { request, changeSet, guards };
}

const givenKey = (key) => ({ column: key.column, value: given(key.value) });

function jobOf(rules, request, headers, issuedAt) {
	const [proposal_id, proposal_hash, idempotency_key] =
		['proposal_id', 'proposal_hash', 'idempotency_key'].map((member) => text(request[member]));
	const places = placesOf(request);
	const halves = [places.changeSet, request];
	const scope = 'scope' in places.changeSet ? object(places.changeSet.scope) : Object.create(null);
	const where = one(all('target', ...halves), target, sameTarget);
	const tenant = one([...all('tenant', ...places.guards), ...all('tenant_guard', request)], keyed, sameKey);
	const expected = one(all('expected_version', ...places.guards), version, sameKey);
	const changed = one(all('patch', ...halves), patch, samePatch);
	const action = one(all('action', ...halves), text, (a, b) => a === b);
	checkColumns(places, changed, [where.primary_key.column, tenant.column]);
	const dry_run = 'dry_run' in request ? request.dry_run : false;
	need(typeof dry_run === 'boolean');
	checkHeader(headers, 'idempotency-key', idempotency_key);
	checkHeader(headers, 'x-synapsor-proposal-id', proposal_id);
	const job = {
		protocol_version: '', proposal_id, proposal_hash, idempotency_key, issued_at: issuedAt, action,
		tenant_id: identity(scope, 'tenant_id', tenant), object_id: identity(scope, 'object_id', where.primary_key),
		principal: principalOf(request, places.changeSet), target: where, tenant_guard: tenant,
		expected_version: givenKey(expected), patch: Object.create(null), dry_run, row: Object.create(null),
		hashed_columns: hashedColumns(request, expected),
	};
	for (const [column, value] of Object.entries(changed)) {
		job.patch[column] = given(value);
	}
	job.protocol_version = protocol(request);
	if (!rules.actions.has(action)) {
		throw new Refusal(400, 'UNSUPPORTED_ACTION');
	}
	return job;
}

function parsed(body) {
	let request = null;
	try {
		request = parse(body);
	} catch {
		// Said below.
	}
	if (!isObject(request)) {
		throw new Refusal(400, 'BAD_JSON');
	}
	return request;
}

/**
 * A request over HTTP, untrusted; `headers` by small letters, `body` null when it was
 * longer than MAX_BODY, `nowUs` microseconds since 1970 as a bigint. The job, or Refusal.
 */
export function verify(rules, method, headers, body, nowUs) {
	if (!METHODS.includes(method)) {
		throw new Refusal(405, 'METHOD_NOT_ALLOWED');
	}
	if (body === null || body.length > MAX_BODY) {
		throw new Refusal(413, 'REQUEST_TOO_LARGE');
	}
	checkToken(rules, headers);
	checkSignature(rules, headers, body);
	const issuedAt = checkIssuedAt(rules, headers, nowUs);
	const request = parsed(body);
	if (request.issued_at !== issuedAt) {
		throw new Refusal(401, 'INVALID_ISSUED_AT');
	}
	return jobOf(rules, request, headers, issuedAt);
}

/** A request on standard input: who may start the command is who may ask. */
export function verifyCommand(rules, line) {
	if (line.length > MAX_BODY) {
		throw new Refusal(413, 'REQUEST_TOO_LARGE');
	}
	return jobOf(rules, parsed(line), Object.create(null), null);
}
