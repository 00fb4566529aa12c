// Types of columns: how the contract writes them, how a job file does, and what their values are in JavaScript.

const PLAIN = [
  // format, name, array of the values, bigint?
  ['b', 'boolean'],
  ['c', 'int8', Int8Array],
  ['s', 'int16', Int16Array],
  ['i', 'int32', Int32Array],
  ['l', 'int64', BigInt64Array],
  ['C', 'uint8', Uint8Array],
  ['S', 'uint16', Uint16Array],
  ['I', 'uint32', Uint32Array],
  ['L', 'uint64', BigUint64Array],
  ['f', 'float32', Float32Array],
  ['g', 'float64', Float64Array],
  ['u', 'utf8'],
  ['z', 'binary'],
  ['tdD', 'date', Int32Array],
  ['tsu:UTC', 'timestamp', BigInt64Array],
  // Types that a job file has no name for go by their formats.
  ['tts', 'tts', Int32Array],
  ['ttm', 'ttm', Int32Array],
  ['ttu', 'ttu', BigInt64Array],
  ['ttn', 'ttn', BigInt64Array],
  ['tDs', 'tDs', BigInt64Array],
  ['tDm', 'tDm', BigInt64Array],
  ['tDu', 'tDu', BigInt64Array],
  ['tDn', 'tDn', BigInt64Array],
  ['tiM', 'tiM', Int32Array],
];
const BY_FORMAT = new Map(PLAIN.map(([format, name, Values]) => [format, { name, Values }]));
const BY_NAME = new Map(PLAIN.map(([format, name]) => [name, format]));
BY_NAME.set('bool', 'b').set('string', 'u');

/** A column's type. */
export class Type {
  constructor(format, children = [], dictionary = false) {
    this.format = format;
    this.children = children;
    this.dictionary = dictionary;
    const plain = dictionary ? undefined : BY_FORMAT.get(format);
    /** the typed array of its values, if they are numbers of a fixed width */
    this.Values = plain?.Values ?? (format.startsWith('ts') && !dictionary ? BigInt64Array : undefined);
    const decimal = /^d:(\d+),(-?\d+)$/.exec(format);
    this.precision = decimal ? Number(decimal[1]) : undefined;
    this.scale = decimal ? Number(decimal[2]) : undefined;
  }

  /** In words, as the host's messages have it. */
  get name() {
    if (this.dictionary) return `dictionary of ${this.children[0].type.name}`;
    const plain = BY_FORMAT.get(this.format);
    if (plain) return plain.name;
    if (this.precision !== undefined) return `decimal(${this.precision}, ${this.scale})`;
    if (this.format === '+l') return `list of ${this.children[0].type.name}`;
    if (this.format.startsWith('+w:')) return `list of ${this.format.slice(3)} ${this.children[0].type.name}`;
    if (this.format === '+s') return `struct(${this.children.map(({ name, type }) => `${name} ${type.name}`).join(', ')})`;
    if (this.format === '+m') {
      const [key, value] = this.children[0].type.children;
      return `map of ${key.type.name} to ${value.type.name}`;
    }
    return this.format;
  }

  toString() {
    return this.name;
  }

  get isBigInt() {
    return this.Values === BigInt64Array || this.Values === BigUint64Array;
  }

  get isInteger() {
    return !this.dictionary && 'csilCSIL'.includes(this.format) && this.format.length === 1;
  }

  get isNumber() {
    return this.isInteger || (!this.dictionary && ['e', 'f', 'g'].includes(this.format)) || this.precision !== undefined;
  }

  equals(other) {
    return (
      this.format === other.format &&
      this.dictionary === other.dictionary &&
      this.children.length === other.children.length &&
      this.children.every((child, at) => child.type.equals(other.children[at].type))
    );
  }

  static of(what) {
    if (what instanceof Type) return what;
    if (what instanceof Field) return what.type;
    const format = BY_NAME.get(what);
    if (format !== undefined) return new Type(format);
    const decimal = /^decimal\(\s*(\d+)\s*,\s*(-?\d+)\s*\)$/.exec(what);
    if (decimal) return new Type(`d:${decimal[1]},${decimal[2]}`);
    const list = /^list<(.+)>$/.exec(what);
    if (list) return Type.list(list[1]);
    throw new TypeError(`there is no type \`${what}\`; there are ${[...BY_NAME.keys()].slice(0, 15).join(', ')}, decimal(P, S), list<TYPE>`);
  }

  static list(item) {
    return new Type('+l', [Field.of('item', item)]);
  }

  static fixedList(item, size) {
    return new Type(`+w:${size}`, [Field.of('item', notNull(item))]);
  }

  static struct(fields) {
    return new Type('+s', fieldsOf(fields));
  }

  static map(key, value) {
    const entries = new Type('+s', [Field.of('key', notNull(key)), Field.of('value', value)]);
    return new Type('+m', [new Field('entries', entries, false)]);
  }
}

/** A column's, or a child's, name and type. */
export class Field {
  constructor(name, type, nullable = true, metadata = []) {
    this.name = name;
    this.type = type;
    this.nullable = nullable;
    this.metadata = metadata;
  }

  static of(name, what) {
    if (what instanceof Field) return new Field(name, what.type, what.nullable, what.metadata);
    if (what instanceof NotNull) return new Field(name, what.type, false);
    return new Field(name, Type.of(what));
  }

  /** As the contract has it: itself, then its children. */
  flat(into = []) {
    const { format, children, dictionary } = this.type;
    into.push({
      name: this.name,
      format,
      nullable: this.nullable,
      children: children.length,
      dictionary,
      metadata: this.metadata,
    });
    for (const child of children) child.flat(into);
    return into;
  }
}

class NotNull {
  constructor(type) {
    this.type = type;
  }
}

/** A type whose column promises that it has no nulls. */
export function notNull(type) {
  return new NotNull(Type.of(type instanceof NotNull ? type.type : type));
}

/** `{ name: type }`, or `[[name, type]]` where names are numbers, as fields. */
export function fieldsOf(what) {
  if (Array.isArray(what)) return what.map((entry) => (entry instanceof Field ? entry : Field.of(...entry)));
  return Object.entries(what ?? {}).map(([name, type]) => Field.of(name, type));
}

export function flatten(fields) {
  const flat = [];
  for (const field of fields) field.flat(flat);
  return flat;
}

/** The contract's flat fields as trees. */
export function unflatten(flat) {
  let at = 0;
  const next = () => {
    const { name, format, nullable, children, dictionary, metadata } = flat[at++];
    const parts = [];
    for (let child = 0; child < children; child++) parts.push(next());
    return new Field(name, new Type(format, parts, dictionary), nullable, metadata ?? []);
  };
  const fields = [];
  while (at < flat.length) fields.push(next());
  return fields;
}
