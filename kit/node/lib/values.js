// Values as Countersign reads them (docs/values.md), their texts, versions and row
// hashes. A value is null, a boolean, a number (an integer, or a float of a float
// column), a bigint, a Decimal (of a request) or a string.
import { createHash } from 'node:crypto';
import { Decimal, integer } from './json.js';

export const ROW_HASH = '__row_hash';
const TIME = new RegExp('^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})' +
	'(?:\\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?$');
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A scalar of a request: containers and numbers beyond a double are none. */
export function isScalar(value) {
	if (value instanceof Decimal) {
		return Number.isFinite(Number(value.text));
	}
	return value === null || ['boolean', 'number', 'bigint', 'string'].includes(typeof value);
}

/** The exact text of a scalar. */
export function asText(value) {
	return value instanceof Decimal ? String(Number(value.text)) : String(value);
}

function kind(value) {
	return value === null ? 'null' : value instanceof Decimal || typeof value === 'bigint' ? 'number' : typeof value;
}

/** Same kind and same value: 1 and "1" differ, 1 and 1.0 do not. */
export function same(a, b) {
	return kind(a) === kind(b) && asText(a) === asText(b);
}

/** For the application: a decimal as its text. */
export function given(value) {
	return value instanceof Decimal ? asText(value) : value;
}

function daysBefore(year, month, day, leap) {
	const before = year - 1;
	const ofMonths = DAYS.slice(0, month - 1).reduce((sum, days) => sum + days, 0);
	return before * 365 + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) + ofMonths +
		(month > 2 && leap ? 1 : 0) + day;
}

/** Microseconds since year 0, a bigint; null if the text is no timestamp that exists. Without offset: UTC. */
export function moment(text) {
	const found = TIME.exec(text);
	if (found === null) {
		return null;
	}
	const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
	const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
	if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 || day < 1 ||
		day > DAYS[month - 1] + (month === 2 && leap ? 1 : 0)) {
		return null;
	}
	const offset = (Number(found[9] ?? 0) * 3600 + Number(found[10] ?? 0) * 60) * (found[8] === '-' ? -1 : 1);
	const seconds = daysBefore(year, month, day, leap) * 86400 + hour * 3600 + minute * 60 + second - offset;
	return BigInt(seconds) * 1000000n + BigInt((found[7] ?? '').padEnd(6, '0').slice(0, 6));
}

/** Do two values name one version of a row? Never through doubles or Date. */
export function versionEqual(a, b) {
	if (a === null || b === null) {
		return a === b;
	}
	const [x, y] = [asText(a).trim(), asText(b).trim()];
	const [first, second] = [moment(x), moment(y)];
	return first === null || second === null ? x === y : first === second;
}

/** The text that is hashed. */
export function rowText(row, columns) {
	const members = columns.map((name) => {
		if (!(name in row)) {
			throw new Error('the row lacks a column');
		}
		const value = row[name];
		return JSON.stringify(name) + ':' + (typeof value === 'string' ? JSON.stringify(value) : asText(value));
	});
	return '{' + members.join(',') + '}';
}

export function rowHash(row, columns) {
	return 'sha256:' + createHash('sha256').update(rowText(row, columns)).digest('hex');
}

/** "2026-06-20 14:31:08[.12]ZONE" with a T, six fraction digits or none; all else stays. */
function iso(text, zone, suffix) {
	const body = zone !== '' && text.endsWith(zone) ? text.slice(0, -zone.length) : zone === '' ? text : '';
	const found = /^([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6}))?$/.exec(body);
	return found === null ? text
		: `${found[1]}T${found[2]}${found[3] ? '.' + found[3].padEnd(6, '0') : ''}${suffix}`;
}

function float(text) {
	const value = Number(text);
	return Number.isFinite(value) && text !== '' ? (value === 0 ? 0 : value) : text;
}

const POSTGRES = new Map([
	[16, (text) => text === 't'], [21, Number], [23, Number], [26, Number], [700, float], [701, float],
	[1114, (text) => iso(text, '', '')], [1184, (text) => iso(text, '+00', 'Z')]]);

/** From the text format of a session in UTC with ISO dates. */
export function postgresValue(oid, text) {
	return text === null ? null : (POSTGRES.get(oid) ?? String)(text);
}

function shortestSingle(value) {
	for (let digits = 6; digits < 9; digits++) {
		const text = value.toPrecision(digits);
		if (Math.fround(Number(text)) === value) {
			return Number(text);
		}
	}
	return Number(value.toPrecision(9));
}

function time(text) {
	const [whole, fraction = ''] = text.split('.');
	return /[1-9]/.test(fraction) ? whole + '.' + fraction.padEnd(6, '0') : whole;
}

function mysqlInteger(value) {
	const exact = BigInt(value);
	return exact >= 2n ** 63n ? String(exact) : integer(exact);
}

// Numbers of the protocol's types.
const MYSQL = new Map([
	...[1, 2, 3, 8, 9, 13].map((type) => [type, mysqlInteger]), [4, shortestSingle], [5, Number], [11, time],
	[7, (text) => time(text).replace(' ', 'T') + 'Z'], [12, (text) => time(text).replace(' ', 'T')]]);

/** From mysql2 with dateStrings and bigNumberStrings, in a session with time_zone '+00:00'. */
export function mysqlValue(type, value) {
	if (value === null) {
		return null;
	}
	if (Buffer.isBuffer(value)) {
		return '\\x' + value.toString('hex');
	}
	return (MYSQL.get(type) ?? ((other) => typeof other === 'object' ? JSON.stringify(other) : String(other)))(value);
}
