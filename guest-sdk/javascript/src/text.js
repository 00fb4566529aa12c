// Columns of text and of bytes, and the search in them.

import { Column, bytesOf } from './column.js';
import { Mask } from './mask.js';
import { platform } from './platform.js';
import { decodeUtf8, encodeUtf8, isUtf8, matches, matching } from './utf8.js';

/** How many bytes of a column are looked at to see which byte of a pattern is the rarest. */
const SAMPLE = 1024;

/** So many times the time that it takes to make a letter of a string takes a turn of a loop over bytes. */
const DEAR = 12;

/** Which byte of the needle is the rarest in the data, as far as a sample tells. */
function rarestIn(data, end, needle) {
  const counts = new Uint32Array(256);
  for (const byte of data.subarray(0, Math.min(end, SAMPLE))) counts[byte]++;
  let rarest = 0;
  for (let at = 1; at < needle.length; at++) if (counts[needle[at]] < counts[needle[rarest]]) rarest = at;
  return rarest;
}

/** Bytes: of each row those from one offset up to the next. */
export class BinaryColumn extends Column {
  #whole;

  constructor(type, length, validity, offsets, data) {
    super(type, length, validity);
    this.offsets = offsets;
    this.data = data;
  }

  /** A row's bytes, without a copy. */
  bytes(row) {
    return this.data.subarray(this.offsets[row], this.offsets[row + 1]);
  }

  at(row) {
    return this.bytes(row);
  }

  /** How many bytes each row has. */
  byteLengths() {
    const { offsets } = this;
    let last = 0;
    return offsets.subarray(1, this.length + 1).map((end) => {
      const length = end - last;
      last = end;
      return length;
    });
  }

  /** Whether any row that is there has no bytes, and which. */
  isEmpty() {
    const mask = new Mask(this.length);
    let last = -1;
    let row = -1;
    // Two equal offsets: a row of no bytes.
    for (const offset of this.offsets) {
      if (offset === last && row < this.length) mask.bytes[row >> 3] |= 1 << (row & 7);
      last = offset;
      row++;
    }
    return this.validity === null ? mask : mask.and(this.valid);
  }

  /** The rows that have `part` in them: the whole column is searched at once. Never a null. */
  contains(part) {
    const needle = asBytes(part);
    if (needle.length === 0) return this.valid;
    const { offsets, length } = this;
    const mask = new Mask(length);
    const next = this.#search(part, needle);
    const end = offsets[length];
    let row = 0;
    for (let from = next(0); from >= 0 && from < end; ) {
      row = rowAt(offsets, from, row, length);
      if (from + needle.length <= offsets[row + 1]) {
        mask.bytes[row >> 3] |= 1 << (row & 7);
        from = next(offsets[row + 1]);
      } else {
        from = next(from + 1);
      }
    }
    return this.validity === null ? mask : mask.and(this.valid);
  }

  /** A function that finds the next place of a needle, whichever row it is in. It looks for the needle's rarest byte, which
   * costs next to nothing where there are few, and goes on in a string where there are many. */
  #search(part, needle) {
    const { data } = this;
    const end = this.offsets[this.length];
    const rarest = rarestIn(data, end, needle);
    const byte = needle[rarest];
    let whole = null;
    let text = '';
    let compared = 0;
    return (from) => {
      if (whole !== null) return whole.indexOf(text, from);
      for (let hit = data.indexOf(byte, from + rarest); hit >= 0; hit = data.indexOf(byte, hit + 1)) {
        const start = hit - rarest;
        if (start > SAMPLE && compared * DEAR > start && isUtf8(needle)) {
          whole = this.#ascii();
          text = typeof part === 'string' ? part : decodeUtf8(needle);
          if (whole !== null) return whole.indexOf(text, start);
          compared = -Infinity;
        }
        const length = matching(data, start, needle);
        compared += length + 6;
        if (length === needle.length) return start;
      }
      return -1;
    };
  }

  /** All of the column as one string, if it is text and each byte is a letter; null if not. */
  #ascii() {
    if (this.#whole === undefined) {
      const end = this.offsets[this.length];
      const [whole] = this.type.format === 'u' ? platform.decode(Int32Array.of(0, end), this.data) : [''];
      this.#whole = whole.length === end ? whole : null;
    }
    return this.#whole;
  }

  /** The rows that begin with `part`. */
  startsWith(part) {
    const needle = asBytes(part);
    return this.#whereBytes((from, to) => to - from >= needle.length && matches(this.data, from, needle));
  }

  /** The rows that end with `part`. */
  endsWith(part) {
    const needle = asBytes(part);
    return this.#whereBytes((from, to) => to - from >= needle.length && matches(this.data, to - needle.length, needle));
  }

  /** The rows that are `whole`. */
  equals(whole) {
    const needle = asBytes(whole);
    return this.#whereBytes((from, to) => to - from === needle.length && matches(this.data, from, needle));
  }

  #whereBytes(test) {
    const mask = new Mask(this.length);
    let from = 0;
    let row = -1;
    for (const to of this.offsets) {
      if (row >= 0 && row < this.length && test(from, to)) mask.bytes[row >> 3] |= 1 << (row & 7);
      from = to;
      row++;
    }
    return this.validity === null ? mask : mask.and(this.valid);
  }

  /** Where each `byte` in the column is, with the row that it is in: `found(row, at)`. */
  eachByte(byte, found) {
    const { offsets, data } = this;
    const end = offsets[this.length];
    let row = 0;
    for (let at = data.indexOf(byte, offsets[0]); at >= 0 && at < end; at = data.indexOf(byte, at + 1)) {
      row = rowAt(offsets, at, row, this.length);
      found(row, at);
    }
  }

  /** The pieces of each row between separators, which are one byte; empty ones are passed over, and rows that are null have
   * none. Each piece's row is in `parents`, and which piece of its row it is in `numbers`. */
  split(separator) {
    const byte = asBytes(separator)[0];
    const { offsets, data, length } = this;
    const end = offsets[length];
    // Pieces are moved together in a copy of the data: that takes one call for each.
    const moved = data.slice(0, end);
    const [ends, parents, low] = [[0], [], []];
    let space = -1;
    let filled = 0;
    for (let row = 0; row < length; row++) {
      let from = offsets[row];
      const to = offsets[row + 1];
      if (this.validity !== null && !this.isValid(row)) continue;
      for (let number = 0; from < to; from++) {
        if (space < from) {
          space = data.indexOf(byte, from);
          if (space < 0) space = end;
        }
        const stop = space < to ? space : to;
        if (stop > from) {
          moved.copyWithin(filled, from, stop);
          filled += stop - from;
          ends.push(filled);
          parents.push(row);
          low.push(number++, 0);
        }
        from = stop;
      }
    }
    const pieces = new this.constructor(this.type, parents.length, null, Int32Array.from(ends), moved.slice(0, filled));
    return { parents: Uint32Array.from(parents), pieces, numbers: new BigInt64Array(Int32Array.from(low).buffer) };
  }

  take(rows) {
    const { offsets } = this;
    const taken = new Int32Array(rows.length + 1);
    let end = 0;
    let at = 1;
    for (const row of rows) {
      end += offsets[row + 1] - offsets[row];
      taken[at++] = end;
    }
    const data = new Uint8Array(end);
    at = 0;
    for (const row of rows) data.set(this.bytes(row), taken[at++]);
    return new this.constructor(this.type, rows.length, this.validityOf(rows), taken, data);
  }

  buffers() {
    return [bytesOf(this.offsets), this.data];
  }
}

/** The row that the byte `at` is in, which is not before `row`. */
function rowAt(offsets, at, row, length) {
  if (offsets[row + 1] > at) return row;
  let step = 1;
  while (row + step < length && offsets[row + step + 1] <= at) step *= 2;
  let low = row + (step >> 1);
  let high = Math.min(row + step, length - 1);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle + 1] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function asBytes(part) {
  return typeof part === 'string' ? encodeUtf8(part) : part;
}

/** Text. `get` has strings, which are made for the whole column at once; what works on bytes is quicker. */
export class TextColumn extends BinaryColumn {
  #strings;

  at(row) {
    return this.#decoded()[row];
  }

  #decoded() {
    this.#strings ??= platform.decode(this.offsets, this.data);
    return this.#strings;
  }

  /** All texts as strings, null where there is none. */
  strings() {
    return this.validity === null ? this.#decoded() : this.toArray();
  }

  toArray() {
    return this.validity === null ? this.#decoded().slice() : super.toArray();
  }
}
