// The input's columns as `bind` sees them. Asking for one by type is what makes the host hand it over.

import { Problem } from './errors.js';
import { Field, Type, flatten, unflatten } from './types.js';
import { viewsOf, withValidity } from './view.js';

/** A column that was asked for, or a part of one: `batch.get` takes it. */
export class Input {
  constructor(place, path) {
    this.place = place;
    this.path = path;
  }
}

/** The input's columns, where the operator is used, and what the host is told in return. */
export class Schema {
  constructor(input, site) {
    this.told = input.map(({ fields, constant, readable }) => ({ field: unflatten(fields)[0], constant, readable, seen: false }));
    /** where the operator is used: for messages only */
    this.site = site;
    this.reads = [];
    this.hints = { skipNulls: false, rowsPerCall: undefined, deterministic: true };
  }

  /** The column of this name. */
  column(name) {
    const index = this.told.findIndex(({ field }) => field.name === name);
    if (index >= 0) return this.#look(index);
    const names = this.told.map(({ field }) => `\`${field.name}\``).join(', ');
    throw new Problem(`the input has no column \`${name}\`; it has ${names || 'no columns'}`);
  }

  /** The column at this place, from 0: in a call from SQL, that argument. */
  argument(index) {
    if (index < this.told.length) return this.#look(index);
    const what = this.isSqlCall ? 'argument' : 'column';
    throw new Problem(`${what} ${index + 1} is needed; there are ${this.told.length}`);
  }

  /** The column `given`; without one the column `usual`, or in a call from SQL the first argument. */
  columnOr(given, usual) {
    if ((given === undefined || given === null) && this.isSqlCall) return this.argument(0);
    return this.column(given ?? usual);
  }

  get columns() {
    return this.told.map((_, index) => this.#look(index));
  }

  get isSqlCall() {
    return this.told.length > 0 && this.told.every(({ field }, index) => field.name === `arg${index}`);
  }

  /** Rows with a null in a column that is read need not be handed over. */
  skipNulls() {
    this.hints.skipNulls = true;
  }

  /** At most so many rows a call, where a row takes long. */
  rowsPerCall(rows) {
    this.hints.rowsPerCall = rows;
  }

  /** Equal arguments do not always give equal results: calls are never repeated to compare them. */
  notDeterministic() {
    this.hints.deterministic = false;
  }

  #look(index) {
    this.told[index].seen = true;
    return new InputColumn(this, index, this.told[index].field, []);
  }

  refuseUnusedArguments() {
    const used = this.told.findLastIndex(({ seen }) => seen) + 1;
    if (this.isSqlCall && used < this.told.length) {
      throw new Problem(`called with ${this.told.length} arguments; the plugin takes ${used}`);
    }
  }

  read(index, path, type) {
    let place = this.reads.findIndex((read) => read.index === index);
    if (place < 0) place = this.reads.push({ index, type: this.told[index].field.type, parts: [] }) - 1;
    const read = this.reads[place];
    const covers = (one, other) => other.every((step, at) => one[at] === step || at >= one.length);
    for (const part of read.parts) {
      const clash = covers(part.path, path) && !typeAt(read.type, path)?.equals(type);
      if (clash) {
        const name = this.told[index].field.name;
        throw new Problem(`column \`${name}\` is asked for as ${typeAt(read.type, path)} and as ${type}; it is handed over once`);
      }
    }
    read.parts.push({ path, type });
    read.type = typePut(read.type, path, type);
    return new Input(place, path);
  }

  /** What `bind` answers with, and the fields as they will be handed over. */
  asked() {
    const fields = [];
    const reads = this.reads.map(({ index, type }) => {
      const told = this.told[index].field;
      const field = new Field(told.name, type, told.nullable);
      fields.push(field);
      return { column: index, shape: type.equals(told.type) ? [] : flatten([field]) };
    });
    return { reads, fields };
  }
}

// A map's children are its keys and its values: the struct between is passed over.
function partsOf(type) {
  return type.format === '+m' ? type.children[0].type.children : type.children;
}

function typeAt(type, path) {
  return path.reduce((type, step) => type && partsOf(type)[step]?.type, type);
}

function typePut(type, path, part) {
  if (path.length === 0) return part;
  const [step, ...rest] = path;
  const put = (children) =>
    children.map((child, at) => (at === step ? new Field(child.name, typePut(child.type, rest, part), child.nullable) : child));
  if (type.format !== '+m') return new Type(type.format, put(type.children));
  const entries = type.children[0];
  return new Type('+m', [new Field(entries.name, new Type('+s', put(entries.type.children)), entries.nullable)]);
}

const isNumber = (type) => type.isNumber;
const isTimestamp = (type) => type.format.startsWith('ts');
// What the host makes text of. Bytes need not be any.
const isFlat = (type) => type.children.length === 0 && type.format !== 'z' && !type.format.startsWith('w:');

/** A column of the input, or a part of one: look at it, then say as what it is to be read. */
export class InputColumn {
  #schema;
  #index;
  #path;

  constructor(schema, index, field, path) {
    this.#schema = schema;
    this.#index = index;
    this.#path = path;
    this.name = field.name;
    this.type = field.type;
    this.nullable = field.nullable;
  }

  #fullName() {
    let { name, type } = this.#schema.told[this.#index].field;
    for (const step of this.#path) {
      const part = partsOf(type)[step];
      name += `.${part.name}`;
      type = part.type;
    }
    return name;
  }

  #refused(wanted) {
    const { readable } = this.#schema.told[this.#index];
    const unreadable = readable ? '' : ', which plugins cannot read';
    return new Problem(`column \`${this.#fullName()}\` is ${this.type}${unreadable}; this plugin needs ${wanted}`);
  }

  #read(wanted, type, can) {
    const { readable } = this.#schema.told[this.#index];
    if (!readable || !(this.type.equals(type) || can(this.type))) throw this.#refused(wanted);
    return this.#schema.read(this.#index, this.#path, type);
  }

  #plain(name, can = () => false) {
    return this.#read(name, Type.of(name), can);
  }

  /** Whether it is of this type by itself. */
  is(what) {
    return this.type.equals(Type.of(what));
  }

  utf8() {
    return this.#plain('utf8', isFlat);
  }
  binary() {
    return this.#plain('binary');
  }
  boolean() {
    return this.#plain('boolean');
  }
  int8() {
    return this.#plain('int8', isNumber);
  }
  int16() {
    return this.#plain('int16', isNumber);
  }
  int32() {
    return this.#plain('int32', isNumber);
  }
  int64() {
    return this.#plain('int64', (type) => type.isNumber || isTimestamp(type));
  }
  uint8() {
    return this.#plain('uint8', isNumber);
  }
  uint16() {
    return this.#plain('uint16', isNumber);
  }
  uint32() {
    return this.#plain('uint32', isNumber);
  }
  uint64() {
    return this.#plain('uint64', isNumber);
  }
  float32() {
    return this.#plain('float32', isNumber);
  }
  float64() {
    return this.#plain('float64', isNumber);
  }
  /** Microseconds since 1970, UTC. */
  timestamp() {
    return this.#plain('timestamp');
  }
  /** Days since 1970. */
  date() {
    return this.#plain('date');
  }
  /** In units of the last place; of the digits that the column has. */
  decimal() {
    if (this.type.precision === undefined) throw this.#refused('decimal');
    return this.#read('decimal', this.type, () => true);
  }
  /** Any integers, as int64. */
  integer() {
    return this.#read('an integer', Type.of('int64'), (type) => type.isInteger);
  }
  /** Any numbers, as float64. */
  number() {
    return this.#read('a number', Type.of('float64'), isNumber);
  }
  /** Lists; their items as `item`, which is a type, or as they are. */
  list(item) {
    if (this.type.format !== '+l' && !this.type.format.startsWith('+w:')) throw this.#refused('a list');
    const child = this.type.children[0];
    const type = new Type('+l', [new Field(child.name, item === undefined ? child.type : Type.of(item), child.nullable)]);
    return this.#read(type.name, type, () => true);
  }
  /** As it is: lists of a fixed length, structs, maps, and what has no method of its own. */
  asIs() {
    return this.#read('another type', this.type, () => true);
  }

  /** A struct's field, to be looked at and asked for like a column. */
  child(name) {
    if (this.type.format !== '+s') throw this.#refused('struct');
    const at = this.type.children.findIndex((child) => child.name === name);
    if (at >= 0) return this.#part(at);
    const names = this.type.children.map((child) => `\`${child.name}\``).join(', ');
    throw new Problem(`column \`${this.#fullName()}\` has no field \`${name}\`; it has ${names}`);
  }

  /** A list's items, with a row for each. */
  items() {
    if (this.type.format !== '+l' && !this.type.format.startsWith('+w:')) throw this.#refused('a list');
    return this.#part(0);
  }

  /** A map's keys, with a row for each entry. */
  keys() {
    if (this.type.format !== '+m') throw this.#refused('a map');
    return this.#part(0);
  }

  /** A map's values, with a row for each entry. */
  values() {
    if (this.type.format !== '+m') throw this.#refused('a map');
    return this.#part(1);
  }

  #part(at) {
    return new InputColumn(this.#schema, this.#index, partsOf(this.type)[at], [...this.#path, at]);
  }

  /** The value, where it is the same for all rows (a literal in SQL); undefined where it is not. */
  get constant() {
    const { constant, field } = this.#schema.told[this.#index];
    if (!constant || this.#path.length > 0) return undefined;
    return viewsOf([field], constant)[0].get(0);
  }
}

/** The columns of one call. */
export class Batch {
  constructor(fields, { rows, arrays }) {
    this.rows = rows;
    this.fields = fields;
    this.columns = viewsOf(fields, arrays);
  }

  /** The column that `bind` asked for. */
  get({ place, path }) {
    let column = this.columns[place];
    for (const step of path) {
      if (column.type.format === '+m') column = column.items.children[step];
      else if (column.type.format === '+s') column = nullWhere(column, column.children[step]);
      else column = column.items;
    }
    return column;
  }
}

// A field is null also where its struct is.
function nullWhere(struct, child) {
  if (struct.validity === null) return child;
  const validity = child.validity === null ? struct.valid : struct.valid.and(child.valid);
  return withValidity(child, validity.bytes);
}
