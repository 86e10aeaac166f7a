// JSON as it is defined, and nothing more: RFC 8259 in valid UTF-8, no member
// twice, no half surrogate pair, no NUL in a string, at most 64 levels. JSON.parse
// takes the last of two members and rounds numbers.

const MAX_DEPTH = 64;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const BLANKS = /[ \t\r\n]*/y;
const ESCAPES = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

export class BadJson extends Error {}

/** A number that is no integer of 64 bits: its text, since a double would round it. */
export class Decimal {
	constructor(text) {
		this.text = text;
	}
}

class Reader {
	constructor(text) {
		this.text = text;
		this.at = 0;
		this.depth = 0;
	}

	fail() {
		throw new BadJson('no JSON');
	}

	match(pattern) {
		pattern.lastIndex = this.at;
		const found = pattern.exec(this.text);
		if (found === null) {
			this.fail();
		}
		this.at = pattern.lastIndex;
		return found;
	}

	blanks() {
		this.match(BLANKS);
	}

	/** The next character, if it is this one. */
	take(character) {
		const is = this.text[this.at] === character;
		this.at += is ? 1 : 0;
		return is;
	}

	expect(characters) {
		if (!this.text.startsWith(characters, this.at)) {
			this.fail();
		}
		this.at += characters.length;
	}

	value() {
		switch (this.text[this.at]) {
		case '{':
			return this.nested(() => this.object());
		case '[':
			return this.nested(() => this.array());
		case '"':
			return this.string();
		case 't':
			this.expect('true');
			return true;
		case 'f':
			this.expect('false');
			return false;
		case 'n':
			this.expect('null');
			return null;
		default:
			return this.number();
		}
	}

	nested(read) {
		this.at += 1;
		this.depth += 1;
		if (this.depth > MAX_DEPTH) {
			this.fail();
		}
		const value = read();
		this.depth -= 1;
		return value;
	}

	/** Without a prototype: "__proto__" is a name as any other. */
	object() {
		const value = Object.create(null);
		this.blanks();
		if (this.take('}')) {
			return value;
		}
		do {
			this.blanks();
			const key = this.string();
			if (key in value) {
				this.fail();
			}
			this.blanks();
			this.expect(':');
			this.blanks();
			value[key] = this.value();
			this.blanks();
		} while (this.take(','));
		this.expect('}');
		return value;
	}

	array() {
		const value = [];
		this.blanks();
		if (this.take(']')) {
			return value;
		}
		do {
			this.blanks();
			value.push(this.value());
			this.blanks();
		} while (this.take(','));
		this.expect(']');
		return value;
	}

	string() {
		this.expect('"');
		const parts = [];
		for (;;) {
			parts.push(this.match(PLAIN)[0]);
			if (this.take('"')) {
				break;
			}
			this.expect('\\');
			parts.push(this.escaped());
		}
		const value = parts.join('');
		if (value.includes('\0') || /\p{Surrogate}/u.test(value)) {
			this.fail();
		}
		return value;
	}

	escaped() {
		const letter = this.text[this.at];
		this.at += 1;
		if (letter === 'u') {
			return String.fromCharCode(parseInt(this.match(/[0-9a-fA-F]{4}/y)[0], 16));
		}
		return Object.hasOwn(ESCAPES, letter ?? '') ? ESCAPES[letter] : this.fail();
	}

	number() {
		const [text, fraction, exponent] = this.match(NUMBER);
		if (fraction !== undefined || exponent !== undefined || text.length > 20) {
			return new Decimal(text);
		}
		const value = BigInt(text);
		return value < INT64_MIN || value > INT64_MAX ? new Decimal(text) : integer(value);
	}
}

/** A number where it is exact, else a bigint. */
export function integer(value) {
	return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** `body`, bytes that are not trusted, as a value; BadJson. */
export function parse(body) {
	let text;
	try {
		text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
	} catch {
		throw new BadJson('not UTF-8');
	}
	const reader = new Reader(text);
	reader.blanks();
	const value = reader.value();
	reader.blanks();
	if (reader.at !== text.length) {
		reader.fail();
	}
	return value;
}
