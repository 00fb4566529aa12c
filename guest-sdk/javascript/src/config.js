// A plugin's configuration: the job's `with` table, which arrives as JSON. A key that nobody asks for is refused, and
// problems name their key, so that the job's check can point at the line.

import { Problem } from './errors.js';
import { parseJson, toJson } from './json.js';

export class Config {
  #table;
  #known = new Set();
  #above;
  #takesAll = false;
  #parts = [];

  constructor(table, above = '') {
    this.#table = table;
    this.#above = above;
  }

  static parse(json) {
    let table;
    try {
      table = parseJson(json);
    } catch (error) {
      throw new Problem(`the configuration is not a JSON object: ${error.message}`);
    }
    if (kindOf(table) !== 'a table') throw new Problem('the configuration is not a JSON object');
    return new Config(table);
  }

  #key(key) {
    return this.#above + key;
  }

  /** Whether the key is there. */
  has(key) {
    this.#known.add(key);
    const value = Object.hasOwn(this.#table, key) ? this.#table[key] : undefined;
    return value !== undefined && value !== null;
  }

  /** The value of a key, whatever it is; integers beyond 2^53 are BigInts. */
  get(key, ...otherwise) {
    if (this.has(key)) return this.#table[key];
    if (otherwise.length > 0) return otherwise[0];
    throw new Problem(`is missing: the plugin needs \`${this.#key(key)}\` in its \`with\` table`, this.#key(key));
  }

  #as(key, otherwise, wanted, convert) {
    const value = this.get(key, ...otherwise);
    if (!this.has(key)) return value;
    const converted = convert(value);
    if (converted === undefined) {
      throw new Problem(`is ${toJson(value)}, ${kindOf(value)}; ${wanted} is needed`, this.#key(key));
    }
    return converted;
  }

  text(key, ...otherwise) {
    return this.#as(key, otherwise, 'a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  boolean(key, ...otherwise) {
    return this.#as(key, otherwise, 'true or false', (value) =>
      typeof value === 'boolean' ? value : undefined,
    );
  }

  /** Any number; an integer beyond 2^53 is rounded. */
  number(key, ...otherwise) {
    return this.#as(key, otherwise, 'a number', (value) =>
      typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined,
    );
  }

  /** An integer that a number can be: up to 2^53. */
  integer(key, ...otherwise) {
    return this.#as(key, otherwise, 'an integer up to 2^53', (value) =>
      Number.isSafeInteger(value) ? value : undefined,
    );
  }

  /** An integer of any size as a BigInt, exactly: a JSON integer, or a text of its digits. */
  bigint(key, ...otherwise) {
    return this.#as(key, otherwise, 'an integer, or a text of its digits,', (value) => {
      if (typeof value === 'bigint') return value;
      if (Number.isSafeInteger(value)) return BigInt(value);
      return typeof value === 'string' && /^[+-]?\d+$/.test(value) ? BigInt(value.replace('+', '')) : undefined;
    });
  }

  /** A list, of values of any kinds. */
  list(key, ...otherwise) {
    return this.#as(key, otherwise, 'a list', (value) => (Array.isArray(value) ? value : undefined));
  }

  /** A list of texts. */
  texts(key, ...otherwise) {
    return this.#as(key, otherwise, 'a list of texts', (value) =>
      Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined,
    );
  }

  /** A table within the table, whose keys are checked like these. */
  table(key, ...otherwise) {
    return this.#as(key, otherwise, 'a table', (value) => {
      if (kindOf(value) !== 'a table') return undefined;
      const part = new Config(value, `${this.#key(key)}.`);
      this.#parts.push(part);
      return part;
    });
  }

  /** One of these texts. */
  oneOf(key, choices, ...otherwise) {
    return this.#as(key, otherwise, `one of ${choices.join(', ')}`, (value) =>
      choices.includes(value) ? value : undefined,
    );
  }

  /** The whole table as an object; no key is refused then. */
  all() {
    this.#takesAll = true;
    return this.#table;
  }

  refuseUnknownKeys() {
    const unknown = Object.keys(this.#table).find((key) => !this.#known.has(key));
    if (unknown !== undefined && !this.#takesAll) {
      const known = [...this.#known].sort().map((key) => `\`${key}\``);
      const hint = known.length > 0 ? `it knows ${known.join(', ')}` : 'it takes no configuration';
      throw new Problem(`there is no such key; ${hint}`, this.#key(unknown));
    }
    this.#parts.forEach((part) => part.refuseUnknownKeys());
  }
}

function kindOf(value) {
  if (Array.isArray(value)) return 'a list';
  const kinds = { string: 'a text', number: 'a number', bigint: 'a number', boolean: 'a boolean', object: 'a table' };
  return value === null ? 'nothing' : kinds[typeof value];
}
