// What calls give: refused rows, output columns.

import { builder, columnOf, encodeTexts } from './builder.js';
import { bytesOf } from './column.js';
import { Failure, Reject, messageOf } from './errors.js';
import { Mask } from './mask.js';
import { withValidity } from './view.js';

/** Input rows that are refused, with reasons. */
export class Rejects {
  #reasons = new Map();

  constructor(rows) {
    this.rows = rows;
  }

  /** Refuses a row; the first reason stands. */
  add(row, reason) {
    if (!Number.isInteger(row) || row < 0 || row >= this.rows) {
      throw new RangeError(`row ${row} is refused; there are ${this.rows} rows`);
    }
    if (!this.#reasons.has(row)) this.#reasons.set(row, String(reason));
  }

  has(row) {
    return this.#reasons.has(row);
  }

  get size() {
    return this.#reasons.size;
  }

  /** As the contract has it: none where no row is refused. */
  crossing(shift = 0) {
    if (this.#reasons.size === 0) return undefined;
    const sorted = [...this.#reasons].sort(([one], [other]) => one - other);
    const rows = new Uint32Array(sorted.map(([row]) => row + shift));
    const [offsets, reasons] = encodeTexts(sorted.map(([, reason]) => reason));
    return { rows: bytesOf(rows), offsets: bytesOf(offsets), reasons };
  }
}

/** Handed to the calls of filters and maps. */
export class Out {
  constructor(rows, fields = []) {
    this.rows = rows;
    this.fields = fields;
    this.rejects = new Rejects(rows);
  }

  /** Refuses an input row: it goes to the dead letters with the reason. */
  reject(row, reason) {
    this.rejects.add(row, reason);
  }

  /** Refuses all rows of a mask. */
  rejectAll(mask, reason) {
    for (const row of mask.indices()) this.rejects.add(row, reason);
  }

  /** The output columns, row by row: `row(i)` returns an object with a value per column, or null for nulls everywhere.
   * `throw new Reject(reason)` refuses the row; any other error is about it. */
  each(row) {
    const made = this.fields.map(({ name, type }) => [name, builder(type)]);
    for (let at = 0; at < this.rows; at++) {
      let values = null;
      try {
        values = row(at);
        for (const [name, part] of made) part.push(values === null ? null : values?.[name]);
        continue;
      } catch (error) {
        if (error instanceof Failure) throw error;
        if (!(error instanceof Reject)) throw new Failure(messageOf(error), { row: at }, { cause: error });
        this.rejects.add(at, error.message);
      }
      for (const [, part] of made) part.pushNull();
    }
    return Object.fromEntries(made.map(([name, part]) => [name, part.finish()]));
  }
}

/** The columns of the fields, of whatever an operator returned: an object by name, or for one field its column. */
export function columnsOf(fields, returned, rows, rejects) {
  const single = fields.length === 1 && !isByName(returned, fields[0].name);
  return fields.map((field) => {
    const what = single ? returned : returned?.[field.name];
    if (what === undefined) throw new TypeError(`the output has no column \`${field.name}\``);
    let column;
    try {
      column = columnOf(what, field.type);
    } catch (error) {
      throw new TypeError(`output column \`${field.name}\`: ${error.message}`, { cause: error });
    }
    if (column.length !== rows) {
      throw new RangeError(`output column \`${field.name}\` has ${column.length} rows; ${rows} are needed`);
    }
    if (!field.nullable && column.validity !== null) return allThere(field, column, rejects);
    return column;
  });
}

// What is returned for a refused row is ignored, so a null there breaks no promise.
function allThere(field, column, rejects) {
  const row = column.valid.not().indices().find((row) => !rejects?.has(row));
  if (row !== undefined) throw new TypeError(`output column \`${field.name}\` is null in row ${row}; it is promised to have no nulls`);
  return withValidity(column, null);
}

function isByName(returned, name) {
  return returned !== null && typeof returned === 'object' && Object.hasOwn(returned, name) && !(returned instanceof Mask);
}

/** As the contract has it. */
export function crossing(rows, columns) {
  return { rows, arrays: columns.flatMap((column) => column.arrays()) };
}
