// What the calls of a flat-map give: any number of rows for each.

import { builder } from './builder.js';
import { bytesOf } from './column.js';
import { Failure, Reject, messageOf } from './errors.js';
import { Rejects, columnsOf, crossing } from './outcome.js';

/** So much output, and the rest comes with the next call. */
const MOST_ROWS = 1_000_000;
const MOST_BYTES = 8 * 1024 * 1024;

export class FlatOut {
  #parents = [];

  constructor(rows, fields) {
    this.rows = rows;
    this.fields = fields;
    this.made = fields.map(({ name, type }) => [name, builder(type)]);
    this.rejects = new Rejects(rows);
    this.consumed = rows;
    this.resume = undefined;
  }

  /** Refuses an input row. */
  reject(row, reason) {
    this.rejects.add(row, reason);
  }

  /** Adds an output row of the input row `parent`: an object with a value per column. Parents never go down. */
  push(parent, values) {
    if (parent < (this.#parents[this.#parents.length - 1] ?? 0) || parent >= this.rows) {
      throw new RangeError(`an output row of row ${parent} behind one of row ${this.#parents[this.#parents.length - 1]}, of ${this.rows}`);
    }
    for (const [name, part] of this.made) {
      try {
        part.push(values[name]);
      } catch (error) {
        throw new TypeError(`output column \`${name}\`: ${error.message}`, { cause: error });
      }
    }
    this.#parents.push(parent);
  }

  /** Calls `row(i, push)` for each input row, and stops where the output grows too large: the host calls again with the
   * rest. `throw new Reject(reason)` refuses the row, with what it has given; any other error is about it. */
  each(row) {
    for (let at = 0; at < this.rows; at++) {
      const given = [];
      try {
        row(at, (values) => given.push(values));
        for (const values of given) this.push(at, values);
      } catch (error) {
        if (!(error instanceof Reject)) {
          throw error instanceof Failure ? error : new Failure(messageOf(error), { row: at }, { cause: error });
        }
        this.reject(at, error.message);
      }
      if (this.isFull) return this.stop(at + 1);
    }
    return undefined;
  }

  /** Whether the output has grown so large that the rest is better left to the next call. */
  get isFull() {
    const bytes = this.made.reduce((sum, [, part]) => sum + (part.byteLength ?? 0) + 8 * part.length, 0);
    return this.#parents.length > MOST_ROWS || bytes > MOST_BYTES;
  }

  /** Input rows dealt with, and where to go on inside of the next one: a number that the next call is handed. */
  stop(consumed, resume) {
    this.consumed = consumed;
    this.resume = resume;
  }

  crossing(returned) {
    let parents = this.#parents;
    let columns;
    if (returned !== undefined) {
      ({ parents, columns } = returned);
      columns = columnsOf(this.fields, columns, parents.length);
    } else {
      columns = columnsOf(this.fields, Object.fromEntries(this.made.map(([name, part]) => [name, part.finish()])), parents.length);
    }
    return {
      parents: bytesOf(parents instanceof Uint32Array ? parents : Uint32Array.from(parents)),
      output: crossing(parents.length, columns),
      rejects: this.rejects.crossing(),
      consumed: this.consumed,
      resume: this.resume,
    };
  }
}
