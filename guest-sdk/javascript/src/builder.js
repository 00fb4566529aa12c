// Builders: values to columns, with a check that each fits.

import { BooleanColumn, Column, DecimalColumn, FixedBinaryColumn, NumberColumn, RawColumn, bytesOf } from './column.js';
import { Mask } from './mask.js';
import { ListColumn, MapColumn, StructColumn } from './nested.js';
import { platform } from './platform.js';
import { BinaryColumn, TextColumn } from './text.js';
import { Type } from './types.js';
import { wellFormed } from './utf8.js';
import { withValidity } from './view.js';

const LIMITS = {
  c: [-(2 ** 7), 2 ** 7 - 1],
  s: [-(2 ** 15), 2 ** 15 - 1],
  i: [-(2 ** 31), 2 ** 31 - 1],
  C: [0, 2 ** 8 - 1],
  S: [0, 2 ** 16 - 1],
  I: [0, 2 ** 32 - 1],
};
const INT32 = LIMITS.i;
/** A text column has 32-bit offsets. */
const MOST_BYTES = 2 ** 31 - 1;

function shown(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  return String(value);
}

export function misfit(value, type) {
  return new TypeError(`${shown(value)} does not fit ${type}`);
}

/** Counts rows, and knows which are null. */
class Builder {
  constructor(type) {
    this.type = type;
    this.length = 0;
    this.nulls = null;
  }

  /** Adds a value; null, and undefined, for none. */
  push(value) {
    if (value === null || value === undefined) this.pushNull();
    else {
      this.add(value);
      this.length++;
    }
    return this;
  }

  pushNull() {
    this.nulls ??= [];
    this.nulls.push(this.length);
    this.addNull();
    this.length++;
    return this;
  }

  validity() {
    if (this.nulls === null) return null;
    const mask = Mask.all(this.length);
    for (const row of this.nulls) mask.bytes[row >> 3] &= ~(1 << (row & 7));
    return mask.bytes;
  }
}

class NumberBuilder extends Builder {
  constructor(type) {
    super(type);
    this.values = new type.Values(64);
    const { format } = type;
    if (type.isBigInt) this.checked = format === 'L' ? asUint64 : asInt64;
    else if (format === 'f' || format === 'g') this.checked = asFloat;
    else {
      const [least, most] = LIMITS[format] ?? INT32;
      this.checked = (value) => {
        const number = typeof value === 'bigint' ? Number(value) : value;
        if (!Number.isInteger(number) || number < least || number > most) throw misfit(value, type);
        return number;
      };
    }
  }

  add(value) {
    const checked = this.checked(value, this.type);
    if (this.length === this.values.length) this.grow();
    this.values[this.length] = checked;
  }

  addNull() {
    if (this.length === this.values.length) this.grow();
  }

  grow() {
    const grown = new this.type.Values(2 * this.values.length);
    grown.set(this.values);
    this.values = grown;
  }

  finish() {
    return new NumberColumn(this.type, this.length, this.validity(), this.values.slice(0, this.length));
  }
}

function asFloat(value, type) {
  if (typeof value !== 'number') throw misfit(value, type);
  return value;
}

function asInteger(value, type) {
  if (typeof value === 'bigint') return value;
  if (value instanceof Date && type.format === 'tsu:UTC') return BigInt(value.getTime()) * 1000n;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw misfit(value, type);
  if (!Number.isSafeInteger(value)) {
    throw new TypeError(`${value} is a number beyond 2^53, which is not exact: give ${type} a BigInt`);
  }
  return BigInt(value);
}

function asInt64(value, type) {
  const integer = asInteger(value, type);
  if (BigInt.asIntN(64, integer) !== integer) throw misfit(value, type);
  return integer;
}

function asUint64(value, type) {
  const integer = asInteger(value, type);
  if (BigInt.asUintN(64, integer) !== integer) throw misfit(value, type);
  return integer;
}

class BooleanBuilder extends Builder {
  values = [];

  add(value) {
    if (typeof value !== 'boolean') throw misfit(value, this.type);
    this.values.push(value);
  }

  addNull() {
    this.values.push(false);
  }

  finish() {
    return new BooleanColumn(this.type, this.length, this.validity(), Mask.of(this.values).bytes);
  }
}

/** Bytes, and where each row's end. */
class BytesBuilder extends Builder {
  data = new Uint8Array(256);
  end = 0;
  ends = [];

  /** Adds the bytes of another column as they are: quicker than a string. */
  pushBytes(bytes) {
    this.append(bytes);
    this.close();
    this.length++;
    return this;
  }

  append(bytes) {
    const end = this.end + bytes.length;
    if (end > MOST_BYTES) throw new RangeError('a column of more than 2 GiB of text');
    if (end > this.data.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.data.length));
      grown.set(this.data.subarray(0, this.end));
      this.data = grown;
    }
    this.data.set(bytes, this.end);
    this.end = end;
  }

  close() {
    this.ends.push(this.end);
  }

  add(value) {
    if (!(value instanceof Uint8Array)) throw misfit(value, this.type);
    this.append(value);
    this.close();
  }

  addNull() {
    this.close();
  }

  offsets() {
    const offsets = new Int32Array(this.length + 1);
    offsets.set(this.ends, 1);
    return offsets;
  }

  get byteLength() {
    return this.end;
  }

  finish() {
    return new BinaryColumn(this.type, this.length, this.validity(), this.offsets(), this.data.slice(0, this.end));
  }
}

class TextBuilder extends BytesBuilder {
  /** strings that are not bytes yet: the host encodes many at once */
  pending = [];
  units = 0;

  add(value) {
    if (typeof value !== 'string') throw misfit(value, this.type);
    this.pending.push(value);
    this.units += value.length;
  }

  addNull() {
    this.pending.push('');
  }

  pushBytes(bytes) {
    this.flush();
    return super.pushBytes(bytes);
  }

  flush() {
    if (this.pending.length === 0) return;
    const [offsets, data] = encodeTexts(this.pending);
    const from = this.end;
    this.append(data);
    for (let row = 1; row < offsets.length; row++) this.ends.push(from + offsets[row]);
    this.pending = [];
    this.units = 0;
  }

  get byteLength() {
    return this.end + this.units;
  }

  finish() {
    if (this.ends.length === 0) {
      const [offsets, data] = encodeTexts(this.pending);
      return new TextColumn(this.type, this.length, this.validity(), offsets, data);
    }
    this.flush();
    return new TextColumn(this.type, this.length, this.validity(), this.offsets(), this.data.slice(0, this.end));
  }
}

/** Strings to offsets and bytes. A string with half a surrogate pair would end the instance: it becomes U+FFFD. */
export function encodeTexts(strings) {
  return platform.encode(strings.join('').isWellFormed() ? evenAtSeams(strings) : strings.map(wellFormed));
}

// Halves of a pair at the end of one string and the start of the next look well-formed when they are joined.
function evenAtSeams(strings) {
  let cut = false;
  for (const text of strings) {
    const first = text.charCodeAt(0);
    if (first >= 0xdc00 && first < 0xe000) cut = true;
  }
  return cut ? strings.map(wellFormed) : strings;
}

class FixedBinaryBuilder extends Builder {
  parts = [];

  add(value) {
    const size = Number(this.type.format.slice(2));
    if (!(value instanceof Uint8Array) || value.length !== size) throw misfit(value, this.type);
    this.parts.push(value);
  }

  addNull() {
    this.parts.push(null);
  }

  finish() {
    const size = Number(this.type.format.slice(2));
    const data = new Uint8Array(size * this.length);
    this.parts.forEach((part, row) => part && data.set(part, row * size));
    return new FixedBinaryColumn(this.type, this.length, this.validity(), data);
  }
}

class DecimalBuilder extends Builder {
  values = [];

  add(value) {
    const units = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof units !== 'bigint') throw misfit(value, this.type);
    const most = 10n ** BigInt(this.type.precision);
    if (units >= most || units <= -most) throw misfit(value, this.type);
    this.values.push(units);
  }

  addNull() {
    this.values.push(0n);
  }

  finish() {
    const words = new BigInt64Array(2 * this.length);
    this.values.forEach((units, row) => {
      words[2 * row] = BigInt.asIntN(64, units);
      words[2 * row + 1] = units >> 64n;
    });
    return new DecimalColumn(this.type, this.length, this.validity(), bytesOf(words));
  }
}

class ListBuilder extends Builder {
  constructor(type) {
    super(type);
    /** the items of the row under way: add them here and end the row with `close()` */
    this.items = builder(type.children[0].type);
    this.size = type.format === '+l' || type.format === '+m' ? null : Number(type.format.slice(3));
    this.ends = [];
  }

  add(value) {
    if (typeof value !== 'object' || typeof value[Symbol.iterator] !== 'function') throw misfit(value, this.type);
    for (const item of value) this.items.push(item);
    this.closeRow();
  }

  /** Ends a row, of the items that were added since the last one. */
  close() {
    this.closeRow();
    this.length++;
    return this;
  }

  closeRow() {
    const from = this.ends.length > 0 ? this.ends[this.ends.length - 1] : 0;
    if (this.size !== null && this.items.length - from !== this.size) {
      throw new TypeError(`${this.items.length - from} items do not fit ${this.type}`);
    }
    this.ends.push(this.items.length);
  }

  addNull() {
    for (let item = 0; item < (this.size ?? 0); item++) this.items.pushNull();
    this.ends.push(this.items.length);
  }

  finish() {
    const offsets = new Int32Array(this.length + 1);
    offsets.set(this.ends, 1);
    let items = this.items.finish();
    // The items in a null row's place: the field promises that there are no nulls among them.
    if (this.size !== null && !this.type.children[0].nullable) items = withValidity(items, null);
    return new ListColumn(this.type, this.length, this.validity(), this.size === null ? offsets : null, items);
  }
}

class StructBuilder extends Builder {
  constructor(type) {
    super(type);
    this.fields = type.children.map(({ name, type }) => [name, builder(type)]);
  }

  add(value) {
    if (typeof value !== 'object') throw misfit(value, this.type);
    for (const [name, part] of this.fields) part.push(value[name]);
  }

  addNull() {
    for (const [, part] of this.fields) part.pushNull();
  }

  finish() {
    const parts = this.fields.map(([, part]) => part.finish());
    // As above: what stands in a null struct's place is ignored, but a field that has no nulls must show none.
    const shown = parts.map((part, at) => (this.type.children[at].nullable || this.nulls === null ? part : withValidity(part, null)));
    return new StructColumn(this.type, this.length, this.validity(), shown);
  }
}

class MapBuilder extends ListBuilder {
  add(value) {
    const entries = value instanceof Map ? value.entries() : Object.entries(value);
    for (const [key, item] of entries) this.items.push({ key, value: item });
    this.closeRow();
  }

  finish() {
    const { length, offsets, items } = super.finish();
    return new MapColumn(this.type, length, this.validity(), offsets, items);
  }
}

class NullBuilder extends Builder {
  add(value) {
    throw misfit(value, this.type);
  }

  addNull() {}

  finish() {
    return new RawColumn(this.type, this.length, null, [{ rows: this.length, validity: undefined, buffers: [] }]);
  }
}

/** A builder of a column of this type. */
export function builder(what) {
  const type = Type.of(what);
  if (type.Values) return new NumberBuilder(type);
  if (type.precision !== undefined) return new DecimalBuilder(type);
  if (type.format.startsWith('w:')) return new FixedBinaryBuilder(type);
  if (type.format.startsWith('+w:')) return new ListBuilder(type);
  const kinds = { b: BooleanBuilder, u: TextBuilder, z: BytesBuilder, '+l': ListBuilder, '+s': StructBuilder, '+m': MapBuilder, n: NullBuilder };
  const Kind = kinds[type.format];
  if (!Kind || type.dictionary) throw new TypeError(`there is no builder of ${type}; return a RawColumn`);
  return new Kind(type);
}

/** A column of `type` of whatever was returned for it: a column, a builder, a typed array or a list of values. */
export function columnOf(what, type, validity) {
  if (what instanceof Builder) return columnOf(what.finish(), type);
  if (what instanceof Column) {
    if (what.type.equals(type)) return what;
    throw new TypeError(`a column of ${what.type} where ${type} is promised`);
  }
  if (what instanceof Mask && type.format === 'b') return new BooleanColumn(type, what.length, null, what.bytes);
  if (type.Values && what instanceof type.Values) return new NumberColumn(type, what.length, validity ?? null, what);
  if (what === null || typeof what !== 'object' || typeof what[Symbol.iterator] !== 'function') {
    throw new TypeError(`${shown(what)} is no column of ${type}: return a column, a ${type.Values ? `${type.Values.name} or a list` : 'list'} of values`);
  }
  const made = builder(type);
  for (const value of what) made.push(value);
  return made.finish();
}
