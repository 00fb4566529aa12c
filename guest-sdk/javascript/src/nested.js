// Columns of lists, structs and maps: columns again, of which a row has a range or a value each.

import { Column, bytesOf } from './column.js';

/** Lists: of each row the items from `range(row)[0]` up to `range(row)[1]`. */
export class ListColumn extends Column {
  constructor(type, length, validity, offsets, items) {
    super(type, length, validity);
    this.offsets = offsets;
    this.size = offsets === null ? Number(type.format.slice(3)) : undefined;
    /** the items of all rows, one after the other */
    this.items = items;
  }

  /** Where a row's items are among `items`. */
  range(row) {
    if (this.offsets === null) return [row * this.size, (row + 1) * this.size];
    return [this.offsets[row], this.offsets[row + 1]];
  }

  at(row) {
    const [from, to] = this.range(row);
    const items = new Array(to - from);
    for (let at = from; at < to; at++) items[at - from] = this.items.get(at);
    return items;
  }

  /** A row's numbers without a copy; null where the row is null, or one of its items. */
  slice(row) {
    if (!this.isValid(row)) return null;
    const [from, to] = this.range(row);
    for (let at = from; at < to && this.items.validity !== null; at++) if (!this.items.isValid(at)) return null;
    return this.items.values.subarray(from, to);
  }

  take(rows) {
    const items = [];
    const offsets = new Int32Array(rows.length + 1);
    let at = 1;
    for (const row of rows) {
      const [from, to] = this.range(row);
      for (let item = from; item < to; item++) items.push(item);
      offsets[at++] = items.length;
    }
    const taken = this.offsets === null ? null : offsets;
    return new ListColumn(this.type, rows.length, this.validityOf(rows), taken, this.items.take(items));
  }

  buffers() {
    return this.offsets === null ? [] : [bytesOf(this.offsets)];
  }

  arrays() {
    return [...super.arrays(), ...this.items.arrays()];
  }
}

/** Structs. */
export class StructColumn extends Column {
  constructor(type, length, validity, children) {
    super(type, length, validity);
    this.children = children;
  }

  /** The column of a field. */
  child(name) {
    const at = this.type.children.findIndex((child) => child.name === name);
    if (at < 0) throw new RangeError(`there is no field \`${name}\` in ${this.type}`);
    return this.children[at];
  }

  at(row) {
    const value = {};
    this.type.children.forEach(({ name }, at) => {
      value[name] = this.children[at].get(row);
    });
    return value;
  }

  take(rows) {
    const children = this.children.map((child) => child.take(rows));
    return new StructColumn(this.type, rows.length, this.validityOf(rows), children);
  }

  buffers() {
    return [];
  }

  arrays() {
    return [...super.arrays(), ...this.children.flatMap((child) => child.arrays())];
  }
}

/** Maps: as lists, of entries with a key and a value. */
export class MapColumn extends ListColumn {
  get keys() {
    return this.items.children[0];
  }

  get mapValues() {
    return this.items.children[1];
  }

  at(row) {
    const [from, to] = this.range(row);
    const map = new Map();
    for (let at = from; at < to; at++) map.set(this.keys.get(at), this.mapValues.get(at));
    return map;
  }

  take(rows) {
    const { validity, offsets, items, length } = super.take(rows);
    return new MapColumn(this.type, length, validity, offsets, items);
  }
}
