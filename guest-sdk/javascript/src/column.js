// Columns: typed views of the bytes that cross. Nothing is copied or converted before it is asked for.

import { Mask } from './mask.js';

/** `count` numbers over the bytes; a copy only where they do not lie as the array needs them. */
export function numbersOf(Values, bytes, count = bytes.length / Values.BYTES_PER_ELEMENT) {
  if (bytes.byteOffset % Values.BYTES_PER_ELEMENT === 0) return new Values(bytes.buffer, bytes.byteOffset, count);
  const copy = bytes.slice(0, count * Values.BYTES_PER_ELEMENT);
  return new Values(copy.buffer, 0, count);
}

export function bytesOf(values) {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A column: so many rows, of which some may be null. */
export class Column {
  constructor(type, length, validity) {
    this.type = type;
    this.length = length;
    /** which rows are there; null: all */
    this.validity = validity ?? null;
  }

  isValid(row) {
    return this.validity === null || (this.validity[row >> 3] & (1 << (row & 7))) !== 0;
  }

  /** The rows that are there, as a mask. */
  get valid() {
    return this.validity === null ? Mask.all(this.length) : Mask.from(this.length, this.validity);
  }

  get nullCount() {
    return this.validity === null ? 0 : this.length - this.valid.count;
  }

  /** A row's value; null where there is none. */
  get(row) {
    return this.isValid(row) ? this.at(row) : null;
  }

  /** All values, nulls among them. */
  toArray() {
    const values = new Array(this.length);
    for (let row = 0; row < this.length; row++) values[row] = this.get(row);
    return values;
  }

  [Symbol.iterator]() {
    return this.toArray()[Symbol.iterator]();
  }

  /** The rows for which `test(value)` holds; never of a null. */
  where(test) {
    const mask = new Mask(this.length);
    let row = 0;
    for (const value of this) {
      if (value !== null && test(value)) mask.bytes[row >> 3] |= 1 << (row & 7);
      row++;
    }
    return mask;
  }

  /** These rows of the validity. */
  validityOf(rows) {
    if (this.validity === null) return null;
    const taken = new Mask(rows.length);
    let at = 0;
    for (const row of rows) {
      if (this.isValid(row)) taken.set(at);
      at++;
    }
    return taken.bytes;
  }

  /** The rows of a mask, in their order. */
  filter(mask) {
    return this.take(mask.indices());
  }

  /** What crosses: the column's arrays, its children's behind it. */
  arrays() {
    return [{ rows: this.length, validity: this.validity ?? undefined, buffers: this.buffers() }];
  }
}

/** Numbers: integers, floats, dates, times. Those of 64 bits are BigInts. */
export class NumberColumn extends Column {
  constructor(type, length, validity, values) {
    super(type, length, validity);
    /** all values, without a copy; what stands in a null's place means nothing */
    this.values = values;
  }

  at(row) {
    return this.values[row];
  }

  toArray() {
    return this.validity === null ? Array.from(this.values) : super.toArray();
  }

  [Symbol.iterator]() {
    return this.validity === null ? this.values[Symbol.iterator]() : super[Symbol.iterator]();
  }

  /** A column of the same type: `change` of each value. It is called for what stands in nulls' places too. */
  map(change) {
    return new NumberColumn(this.type, this.length, this.validity, this.values.map(change));
  }

  take(rows) {
    const { values } = this;
    const taken = new this.type.Values(rows.length);
    let at = 0;
    for (const row of rows) taken[at++] = values[row];
    return new NumberColumn(this.type, rows.length, this.validityOf(rows), taken);
  }

  /** A point in time as a Date, which knows milliseconds only. */
  date(row) {
    const value = this.get(row);
    if (value === null) return null;
    return new Date(this.type.format === 'tdD' ? value * 86_400_000 : Number(value / 1000n));
  }

  buffers() {
    return [bytesOf(this.values)];
  }
}

/** True or false. */
export class BooleanColumn extends Column {
  constructor(type, length, validity, bits) {
    super(type, length, validity);
    this.bits = bits;
  }

  at(row) {
    return (this.bits[row >> 3] & (1 << (row & 7))) !== 0;
  }

  /** The rows that are true, and not null. */
  get mask() {
    const mask = Mask.from(this.length, this.bits);
    return this.validity === null ? mask : mask.and(this.valid);
  }

  take(rows) {
    const taken = new Mask(rows.length);
    let at = 0;
    for (const row of rows) taken.set(at++, this.at(row));
    return new BooleanColumn(this.type, rows.length, this.validityOf(rows), taken.bytes);
  }

  buffers() {
    return [this.bits];
  }
}

/** N bytes a row. */
export class FixedBinaryColumn extends Column {
  constructor(type, length, validity, data) {
    super(type, length, validity);
    this.data = data;
    this.size = Number(type.format.slice(2));
  }

  at(row) {
    return this.data.subarray(row * this.size, (row + 1) * this.size);
  }

  take(rows) {
    const data = new Uint8Array(rows.length * this.size);
    let at = 0;
    for (const row of rows) {
      data.set(this.at(row), at);
      at += this.size;
    }
    return new FixedBinaryColumn(this.type, rows.length, this.validityOf(rows), data);
  }

  buffers() {
    return [this.data];
  }
}

/** Decimals: BigInts in units of the last place. */
export class DecimalColumn extends Column {
  constructor(type, length, validity, data) {
    super(type, length, validity);
    this.data = data;
    this.words = numbersOf(BigInt64Array, data, 2 * length);
  }

  at(row) {
    return (this.words[2 * row + 1] << 64n) | BigInt.asUintN(64, this.words[2 * row]);
  }

  /** A row as it is written: `12.50`. */
  text(row) {
    const value = this.get(row);
    return value === null ? null : decimalText(value, this.type.scale);
  }

  take(rows) {
    const words = new BigInt64Array(2 * rows.length);
    let at = 0;
    for (const row of rows) {
      words[at++] = this.words[2 * row];
      words[at++] = this.words[2 * row + 1];
    }
    return new DecimalColumn(this.type, rows.length, this.validityOf(rows), bytesOf(words));
  }

  buffers() {
    return [this.data];
  }
}

export function decimalText(units, scale) {
  if (scale <= 0) return String(units * 10n ** BigInt(-scale));
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Columns of types that have no view of their own, as they cross. */
export class RawColumn extends Column {
  constructor(type, length, validity, raw) {
    super(type, length, validity);
    /** the column's arrays, its children's behind it: the contract's, with their buffers */
    this.raw = raw;
  }

  at() {
    throw new TypeError(`values of type ${this.type} have no view; the buffers are in \`raw\``);
  }

  take() {
    throw new TypeError(`rows of type ${this.type} cannot be taken`);
  }

  arrays() {
    return this.raw;
  }
}
