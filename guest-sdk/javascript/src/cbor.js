// Values as bytes, and back: CBOR (RFC 8949), as states in checkpoints are written by all SDKs.
//
// What is written comes back as what it was: a number is a float64 and comes back as a number, a bigint is an integer and
// comes back as a bigint. An object is a map with texts as keys. A Map comes back as a Map where it has other keys.

import { decodeUtf8, encodeUtf8, isUtf8 } from './utf8.js';

/** So deep may values be nested. */
const DEPTH = 128;
const UINT64 = 2n ** 64n;
const INT64 = -(2n ** 63n);

class Writer {
  bytes = new Uint8Array(64);
  view = new DataView(this.bytes.buffer);
  end = 0;

  room(more) {
    if (this.end + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.end + more, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  byte(value) {
    this.room(1);
    this.bytes[this.end++] = value;
  }

  /** An item's kind, and a number or how long it is, in as few bytes as it needs. */
  head(major, number) {
    const first = major << 5;
    this.room(9);
    if (number < 24) this.bytes[this.end++] = first | Number(number);
    else if (number < 0x100) {
      this.bytes[this.end++] = first | 24;
      this.bytes[this.end++] = Number(number);
    } else if (number < 0x10000) {
      this.bytes[this.end] = first | 25;
      this.view.setUint16(this.end + 1, Number(number));
      this.end += 3;
    } else if (number < 0x100000000) {
      this.bytes[this.end] = first | 26;
      this.view.setUint32(this.end + 1, Number(number));
      this.end += 5;
    } else {
      this.bytes[this.end] = first | 27;
      this.view.setBigUint64(this.end + 1, BigInt(number));
      this.end += 9;
    }
  }

  raw(bytes) {
    this.room(bytes.length);
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
  }

  text(text) {
    const bytes = encodeUtf8(text);
    this.head(3, bytes.length);
    this.raw(bytes);
  }

  value(value, depth) {
    if (depth > DEPTH) throw new RangeError(`the value is nested deeper than ${DEPTH}`);
    switch (typeof value) {
      case 'boolean':
        return this.byte(value ? 0xf5 : 0xf4);
      case 'number':
        this.byte(0xfb);
        this.room(8);
        this.view.setFloat64(this.end, value);
        this.end += 8;
        return;
      case 'bigint':
        return this.integer(value);
      case 'string':
        return this.text(value);
      case 'undefined':
        return this.byte(0xf6);
      case 'object':
        return value === null ? this.byte(0xf6) : this.object(value, depth);
      default:
        throw new TypeError(`a ${typeof value} cannot be stored`);
    }
  }

  integer(value) {
    if (value >= 0n && value < UINT64) this.head(0, value);
    else if (value < 0n && value >= INT64) this.head(1, -1n - value);
    else if (BigInt.asIntN(128, value) === value) {
      this.head(2, 16);
      this.room(16);
      this.view.setBigInt64(this.end, value >> 64n);
      this.view.setBigUint64(this.end + 8, BigInt.asUintN(64, value));
      this.end += 16;
    } else throw new RangeError(`${value} has more than 128 bits`);
  }

  object(value, depth) {
    if (value instanceof Uint8Array) {
      this.head(2, value.length);
      return this.raw(value);
    }
    if (Array.isArray(value)) {
      this.head(4, value.length);
      for (const item of value) this.value(item, depth + 1);
      return;
    }
    if (value instanceof Map) {
      this.head(5, value.size);
      for (const [key, item] of value) {
        this.value(key, depth + 1);
        this.value(item, depth + 1);
      }
      return;
    }
    const prototype = Object.getPrototypeOf(value);
    // What an instance of some class is made of is its own business: a Date or a Set would come back as an empty object.
    if (prototype !== Object.prototype && prototype !== null) {
      throw new TypeError(`a ${value.constructor?.name ?? 'value of this kind'} cannot be stored: store its parts, in a plain object`);
    }
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    this.head(5, entries.length);
    for (const [key, item] of entries) {
      this.text(key);
      this.value(item, depth + 1);
    }
  }
}

class Reader {
  constructor(bytes) {
    // A Buffer of Node's would share its memory with its slices.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = 0;
  }

  need(length) {
    if (this.at + length > this.bytes.length) throw new RangeError('the bytes end too early');
    const from = this.at;
    this.at += length;
    return from;
  }

  /** The number in an item's head; undefined for a length that is not known. */
  number(first) {
    const small = first & 0x1f;
    if (small < 24) return small;
    switch (small) {
      case 24:
        return this.bytes[this.need(1)];
      case 25:
        return this.view.getUint16(this.need(2));
      case 26:
        return this.view.getUint32(this.need(4));
      case 27: {
        const number = this.view.getBigUint64(this.need(8));
        return number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : number;
      }
      case 31:
        return undefined;
      default:
        throw new RangeError(`no value begins with 0x${first.toString(16)}`);
    }
  }

  value(depth) {
    if (depth > DEPTH) throw new RangeError(`the value is nested deeper than ${DEPTH}`);
    const first = this.bytes[this.need(1)];
    switch (first) {
      case 0xf4:
        return false;
      case 0xf5:
        return true;
      case 0xf6:
        return null;
      case 0xfa:
        return this.view.getFloat32(this.need(4));
      case 0xfb:
        return this.view.getFloat64(this.need(8));
    }
    const major = first >> 5;
    if (major > 5) throw new RangeError(`no value begins with 0x${first.toString(16)}`);
    const number = this.number(first);
    if (number === undefined && major < 4) throw new RangeError('a number or a text without its length');
    switch (major) {
      case 0:
        return BigInt(number);
      case 1:
        return -1n - BigInt(number);
      case 2: {
        const from = this.need(Number(number));
        return this.bytes.slice(from, this.at);
      }
      case 3:
        return this.text(Number(number));
      case 4: {
        const list = [];
        while (this.more(number, list.length)) list.push(this.value(depth + 1));
        return list;
      }
      default:
        return this.map(number, depth);
    }
  }

  text(length) {
    const from = this.need(length);
    const bytes = this.bytes.subarray(from, this.at);
    if (!isUtf8(bytes)) throw new RangeError('a text is not valid UTF-8');
    return decodeUtf8(bytes);
  }

  more(length, have) {
    if (length !== undefined) return have < length;
    if (this.bytes[this.need(1)] === 0xff) return false;
    this.at--;
    return true;
  }

  map(length, depth) {
    const entries = [];
    while (this.more(length, entries.length)) entries.push([this.value(depth + 1), this.value(depth + 1)]);
    if (!entries.every(([key]) => typeof key === 'string')) return new Map(entries);
    return Object.fromEntries(entries);
  }
}

/** A value's bytes. */
export function encode(value) {
  const writer = new Writer();
  writer.value(value, 0);
  return writer.bytes.slice(0, writer.end);
}

/** The value that the bytes are, all of them. */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  const left = bytes.length - reader.at;
  if (left > 0) throw new RangeError(`${left} bytes are left over`);
  return value;
}

/** An integer beyond 64 bits, which is written as 16 bytes; or one of any size. */
export function int128(value) {
  if (typeof value === 'bigint') return value;
  const view = new DataView(value.buffer, value.byteOffset, 16);
  return (view.getBigInt64(0) << 64n) | view.getBigUint64(8);
}
