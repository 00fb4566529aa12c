// JSON whose integers are exact: those beyond 2^53 are BigInts, which JSON.parse would round.

/** The value of a JSON text. */
export function parseJson(text) {
  // Sixteen digits and more: only then can an integer be beyond 2^53.
  return /\d{16}/.test(text) ? new Parser(text).whole() : JSON.parse(text);
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y;
const SPACE = /[ \t\r\n]*/y;

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  whole() {
    const value = this.value();
    if (this.next() !== undefined) this.fail();
    return value;
  }

  fail() {
    throw new SyntaxError(`this is no JSON at character ${this.at + 1}`);
  }

  read(pattern) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match === null) this.fail();
    this.at = pattern.lastIndex;
    return match;
  }

  next() {
    this.read(SPACE);
    return this.text[this.at];
  }

  take(expected) {
    if (this.next() !== expected) this.fail();
    this.at++;
  }

  value() {
    switch (this.next()) {
      case '{':
        return this.object();
      case '[':
        return this.list();
      case '"':
        return JSON.parse(this.read(STRING)[0]);
    }
    for (const [word, value] of [['true', true], ['false', false], ['null', null]]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    const [digits, fraction, exponent] = this.read(NUMBER);
    const number = Number(digits);
    const isInteger = fraction === undefined && exponent === undefined;
    return isInteger && !Number.isSafeInteger(number) ? BigInt(digits) : number;
  }

  list() {
    const list = [];
    this.take('[');
    if (this.next() !== ']') {
      do list.push(this.value());
      while (this.next() === ',' && ++this.at);
    }
    this.take(']');
    return list;
  }

  object() {
    const object = {};
    this.take('{');
    if (this.next() !== '}') {
      do {
        this.next();
        const key = JSON.parse(this.read(STRING)[0]);
        this.take(':');
        const value = this.value();
        Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
      } while (this.next() === ',' && ++this.at);
    }
    this.take('}');
    return object;
  }
}

/** A value as it is shown in messages; BigInts too. */
export function toJson(value) {
  if (typeof value === 'bigint') return String(value);
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part)) ?? String(value);
}
