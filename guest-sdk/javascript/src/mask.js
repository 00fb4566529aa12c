// A bit a row, least significant first: which rows are kept, or are not null.

const ONES = new Uint8Array(256).map((_, byte) => {
  let count = 0;
  for (let bits = byte; bits > 0; bits >>= 1) count += bits & 1;
  return count;
});

/** Which rows of a batch. Bits past the last row are always zero. */
export class Mask {
  /** No row of so many; or those of these bytes, which are used and not copied. */
  constructor(length, bytes = new Uint8Array((length + 7) >> 3)) {
    this.length = length;
    this.bytes = bytes;
  }

  /** All rows of so many. */
  static all(length) {
    return new Mask(length, new Uint8Array((length + 7) >> 3).fill(0xff)).trimmed();
  }

  /** A row for each item that is truthy. */
  static of(items) {
    const mask = new Mask(items.length);
    let row = 0;
    for (const item of items) {
      if (item) mask.bytes[row >> 3] |= 1 << (row & 7);
      row++;
    }
    return mask;
  }

  /** A bitmap of the contract, with its padding and whatever stands past the last row. */
  static from(length, bytes) {
    return new Mask(length, bytes.slice(0, (length + 7) >> 3)).trimmed();
  }

  trimmed() {
    const over = this.length & 7;
    if (over > 0) this.bytes[this.length >> 3] &= (1 << over) - 1;
    return this;
  }

  get(row) {
    return (this.bytes[row >> 3] & (1 << (row & 7))) !== 0;
  }

  set(row, value = true) {
    if (value) this.bytes[row >> 3] |= 1 << (row & 7);
    else this.bytes[row >> 3] &= ~(1 << (row & 7));
    return this;
  }

  /** How many rows. */
  get count() {
    return this.bytes.reduce((count, byte) => count + ONES[byte], 0);
  }

  and(other) {
    const bytes = same(this, other);
    return new Mask(this.length, this.bytes.map((byte, at) => byte & bytes[at]));
  }

  or(other) {
    const bytes = same(this, other);
    return new Mask(this.length, this.bytes.map((byte, at) => byte | bytes[at]));
  }

  not() {
    return new Mask(this.length, this.bytes.map((byte) => ~byte)).trimmed();
  }

  /** The rows, ascending. */
  indices() {
    const rows = new Uint32Array(this.count);
    let count = 0;
    this.bytes.forEach((byte, at) => {
      for (let bits = byte; bits > 0; bits &= bits - 1) rows[count++] = at * 8 + 31 - Math.clz32(bits & -bits);
    });
    return rows;
  }

  [Symbol.iterator]() {
    return this.indices()[Symbol.iterator]();
  }
}

function same(one, other) {
  if (one.length !== other.length) throw new RangeError(`a mask of ${one.length} rows and one of ${other.length}`);
  return other.bytes;
}
