// An aggregate's groups: a number per row, and what is often computed by them.

import { numbersOf } from './column.js';

export class Groups {
  constructor(bytes, count) {
    /** each row's group */
    this.ids = numbersOf(Uint32Array, bytes);
    /** how many groups; some may have no rows */
    this.count = count;
  }

  /** Calls `each(group, value)` for each value that is not null, in the order of the rows. */
  each(column, each) {
    const { ids } = this;
    let row = 0;
    for (const value of column) {
      if (value !== null) each(ids[row], value);
      row++;
    }
  }

  /** Per group the sum of a column of floats, added in the order of the rows; 0 where there is no value. */
  sum(column) {
    const sums = new Float64Array(this.count);
    this.each(column, (group, value) => {
      sums[group] += value;
    });
    return sums;
  }

  /** Per group the sum of a column of 64-bit integers, as a column of `decimal(38, 0)` takes it: it cannot overflow. */
  total(column) {
    const sums = new Array(this.count).fill(0n);
    this.each(column, (group, value) => {
      sums[group] += BigInt(value);
    });
    return sums;
  }

  /** Per group how many values are not null. */
  counts(column) {
    const counts = new Float64Array(this.count);
    this.each(column, (group) => {
      counts[group] += 1;
    });
    return BigInt64Array.from(counts, BigInt);
  }

  /** Per group the least value, null where there is none. */
  min(column) {
    return this.#extreme(column, (value, least) => value < least);
  }

  /** Per group the greatest value, null where there is none. */
  max(column) {
    return this.#extreme(column, (value, most) => value > most);
  }

  #extreme(column, isBeyond) {
    const extremes = new Array(this.count).fill(null);
    this.each(column, (group, value) => {
      if (extremes[group] === null || isBeyond(value, extremes[group])) extremes[group] = value;
    });
    return extremes;
  }
}
