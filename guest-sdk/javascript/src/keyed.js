// State and timers of keyed operators, as a call has them in hand.

import * as cbor from './cbor.js';
import { builder } from './builder.js';
import { bytesOf, numbersOf } from './column.js';
import { Failure, messageOf } from './errors.js';
import { Rejects } from './outcome.js';

/** The own key of an entry that there never is: CBOR has no empty values. It is asked for beside all entries of a map, so
 * that the call can tell a map of which all was asked for, and nothing is there, from one of which nothing was. */
const ALL = new Uint8Array(0);

class Kept {
  constructor(isMap, codec) {
    this.isMap = isMap;
    this.codec = codec;
  }
}

/** One value per key: of any kind that CBOR knows, or bytes as another codec writes them. */
export const value = (codec = cbor) => new Kept(false, codec);
/** Many entries per key, fetched and stored singly. */
export const entries = (codec = cbor) => new Kept(true, codec);

/** `state` of a binding as `[name, kept]`; one value without a name is the usual. */
export function keptOf(spec) {
  if (spec === undefined) return { isOne: true, kept: [['state', value()]] };
  if (spec instanceof Kept) return { isOne: true, kept: [['state', spec]] };
  return { isOne: false, kept: Object.entries(spec) };
}

function same(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** Bytes as a key of a Map. */
const nameOf = (bytes) => String.fromCharCode.apply(null, bytes);

/** A value that is kept of a key: looked at, changed or removed. It is written if its bytes are others in the end. */
export class ValueState {
  #codec;
  #before;
  #value;
  #isRead = false;
  #isRemoved = false;

  constructor(codec, before, key) {
    this.#codec = codec;
    this.#before = before;
    this.key = key;
  }

  /** The value; undefined where there is none. What is changed within it is stored. */
  get() {
    if (!this.#isRead && this.#before !== null) {
      try {
        this.#value = this.#codec.decode(this.#before);
      } catch (error) {
        throw new Failure(`the stored state cannot be read: ${messageOf(error)}`, { state: this.key }, { cause: error });
      }
    }
    this.#isRead = true;
    return this.#value;
  }

  set(value) {
    this.#isRead = true;
    this.#value = value;
    return value;
  }

  /** Sets what `change` makes of the value, or of undefined where there is none. */
  update(change) {
    return this.set(change(this.get()));
  }

  remove() {
    this.#isRemoved = true;
    this.set(undefined);
  }

  get isRemoved() {
    return this.#isRemoved;
  }

  /** The bytes to be stored, null to be removed, undefined where nothing changes. */
  change(isAllRemoved) {
    const before = isAllRemoved ? null : this.#before;
    if (!this.#isRead) return undefined;
    if (this.#value === undefined || this.#value === null) return before === null ? undefined : null;
    const bytes = this.#codec.encode(this.#value);
    return before !== null && same(bytes, before) ? undefined : bytes;
  }
}

/** A map that is kept of a key, of which a call has the entries that `needs` asked for. */
export class MapState {
  #name;
  #codec;
  #entries = new Map();
  #hasAll = false;

  constructor(name, codec, number) {
    this.#name = name;
    this.#codec = codec;
    this.number = number;
  }

  fetched(own, bytes) {
    if (own.length === 0) this.#hasAll = true;
    else this.#entries.set(nameOf(own), { own, before: bytes, isRead: false, value: undefined });
  }

  #entry(key) {
    const own = this.#codec.encode(key);
    const entry = this.#entries.get(nameOf(own));
    if (entry === undefined) {
      if (this.#hasAll) return undefined;
      throw new Failure(`map \`${this.#name}\`: the entry ${key} is looked at, but \`needs\` did not ask for it`);
    }
    if (!entry.isRead && entry.before) entry.value = this.#codec.decode(entry.before);
    entry.isRead = true;
    return entry;
  }

  /** The value of an entry; undefined where there is none. */
  get(key) {
    return this.#entry(key)?.value;
  }

  has(key) {
    return this.get(key) !== undefined;
  }

  /** Needs no asking. */
  set(key, value) {
    const own = this.#codec.encode(key);
    const name = nameOf(own);
    const before = this.#entries.get(name)?.before;
    this.#entries.set(name, { own, before, isRead: true, value, isSet: true });
  }

  /** Needs no asking. */
  delete(key) {
    this.set(key, undefined);
  }

  #needAll() {
    if (!this.#hasAll) throw new Failure(`map \`${this.#name}\`: all entries are looked at, but \`needs\` did not ask for all`);
  }

  /** All entries, by the bytes of their keys. */
  *[Symbol.iterator]() {
    this.#needAll();
    for (const name of [...this.#entries.keys()].sort()) {
      const key = this.#codec.decode(this.#entries.get(name).own);
      const { value } = this.#entry(key);
      if (value !== undefined) yield [key, value];
    }
  }

  clear() {
    this.#needAll();
    for (const entry of this.#entries.values()) Object.assign(entry, { isRead: true, value: undefined, isSet: true });
  }

  /** `[own key, bytes or null]` of what has changed. */
  *changes(isAllRemoved) {
    for (const { own, before, isRead, value } of this.#entries.values()) {
      if (!isRead) continue;
      const was = isAllRemoved ? null : before;
      if (value === undefined || value === null) {
        if (was !== null) yield [own, null];
        continue;
      }
      const bytes = this.#codec.encode(value);
      if (!was || !same(was, bytes)) yield [own, bytes];
    }
  }
}

/** A key's columns. */
export class Key {
  constructor(fields, columns, row) {
    this.fields = fields;
    this.columns = columns;
    this.row = row;
  }

  /** The value of a column of the key, by its name or its place. */
  get(which = 0) {
    const at = typeof which === 'number' ? which : this.fields.findIndex(({ name }) => name === which);
    if (!this.columns[at]) throw new RangeError(`the key has no column \`${which}\``);
    return this.columns[at].get(this.row);
  }
}

/** A key's rows of one column. */
class Part {
  constructor(column, from, length) {
    this.column = column;
    this.from = from;
    this.length = length;
  }

  get(row) {
    return this.column.get(this.from + row);
  }

  toArray() {
    return Array.from({ length: this.length }, (_, row) => this.get(row));
  }

  [Symbol.iterator]() {
    return this.toArray()[Symbol.iterator]();
  }
}

/** A key's rows, numbered from 0. */
export class Rows {
  constructor(batch, from, to) {
    this.batch = batch;
    this.from = from;
    this.length = to - from;
  }

  get(input) {
    return new Part(this.batch.get(input), this.from, this.length);
  }
}

const DOMAINS = { 'event-time': 0, 'processing-time': 1 };
const CLOCKS = ['event-time', 'processing-time'];

/** Numbers of 64 bits cross as JavaScript's, which are rounded: the end of all times becomes 2^63. */
function microseconds(number) {
  if (number === null || number === undefined) return undefined;
  const exact = BigInt(number);
  return exact > 2n ** 63n - 1n ? 2n ** 63n - 1n : exact;
}

/** The clocks as they stand in this epoch, and the key's timers to be set and cleared. */
export class Timers {
  #changes = new Map();

  constructor({ now, watermark, previousWatermark }) {
    /** the epoch's processing time, in microseconds since 1970 */
    this.now = microseconds(now);
    /** the watermark; undefined where there is none yet */
    this.watermark = microseconds(watermark);
    this.previousWatermark = microseconds(previousWatermark);
  }

  begin(key) {
    this.key = key;
  }

  /** Sets a timer, or moves it: it is due when the clock reaches `at`, in microseconds since 1970. */
  set(tag, at, clock = 'event-time') {
    const time = typeof at === 'bigint' ? at : Number.isSafeInteger(at) ? BigInt(at) : undefined;
    if (time === undefined) throw new TypeError(`a timer is due at a BigInt of microseconds, not at ${at}`);
    this.#change(tag, clock, BigInt.asIntN(64, time) === time ? time : time < 0n ? -(2n ** 63n) : 2n ** 63n - 1n);
  }

  /** Takes a timer away, if it is set. */
  clear(tag, clock = 'event-time') {
    this.#change(tag, clock, undefined);
  }

  #change(tag, clock, at) {
    if (!Number.isInteger(tag) || tag < 0 || tag > 0xffffffff) throw new TypeError(`a timer's tag is an unsigned 32-bit number, not ${tag}`);
    const domain = DOMAINS[clock];
    if (domain === undefined) throw new TypeError(`there is no clock \`${clock}\`; there are event-time and processing-time`);
    this.#changes.set(`${this.key},${domain},${tag}`, { key: this.key, domain, tag, at });
  }

  /** What is to be set and what to be cleared. */
  crossing() {
    const sorted = [...this.#changes.values()].sort(
      (one, other) => one.key - other.key || one.domain - other.domain || one.tag - other.tag,
    );
    return [sorted.filter(({ at }) => at !== undefined), sorted.filter(({ at }) => at === undefined)].map(timersOf);
  }
}

export function timersOf(timers) {
  return {
    keys: bytesOf(Uint32Array.from(timers, ({ key }) => key)),
    domains: Uint8Array.from(timers, ({ domain }) => domain),
    tags: bytesOf(Uint32Array.from(timers, ({ tag }) => tag)),
    at: bytesOf(BigInt64Array.from(timers, ({ at }) => at ?? 0n)),
  };
}

/** The timers that are due. */
export function dueOf({ keys, domains, tags, at }) {
  const [tag, time] = [numbersOf(Uint32Array, tags), numbersOf(BigInt64Array, at)];
  return Array.from(numbersOf(Uint32Array, keys), (key, number) => ({
    key,
    number,
    timer: { tag: tag[number], at: time[number], clock: CLOCKS[domains[number]] },
  }));
}

/** What a keyed call gives: rows, refused rows, late rows. */
export class KeyedOut {
  constructor(fields, rows) {
    this.made = fields.map(({ name, type }) => [name, builder(type)]);
    this.rejects = new Rejects(rows);
    this.lateRows = new Set();
    /** what each output row belongs to, and its key */
    this.of = [];
    this.keys = [];
  }

  begin(key, number, from, length) {
    Object.assign(this, { key, number, from, length });
  }

  /** Adds an output row: an object with a value per column. The columns of the key come by themselves. */
  push(row) {
    for (const [name, part] of this.made) {
      try {
        part.push(row[name]);
      } catch (error) {
        throw new TypeError(`output column \`${name}\`: ${error.message}`, { cause: error });
      }
    }
    this.of.push(this.number);
    this.keys.push(this.key);
  }

  #row(row) {
    if (!Number.isInteger(row) || row < 0 || row >= this.length) throw new RangeError(`row ${row} of a key that has ${this.length} rows`);
    return this.from + row;
  }

  /** Refuses one of the key's rows: it goes to the dead letters with the reason. */
  reject(row, reason) {
    this.rejects.add(this.#row(row), reason);
  }

  /** Sends one of the key's rows to the late output. */
  late(row) {
    this.lateRows.add(this.#row(row));
  }
}

/** The states of a step's keys. */
export class States {
  constructor({ isOne, kept }, values, maps, keys) {
    this.isOne = isOne;
    this.kept = kept;
    this.values = values;
    this.byKey = new Map();
    // Entries of maps by key, since they come by map.
    this.fetched = kept.map(() => new Map());
    for (const { state, keys, entries } of maps) {
      numbersOf(Uint32Array, keys).forEach((key, at) => {
        const of = this.fetched[state];
        if (!of.has(key)) of.set(key, []);
        of.get(key).push([entries[0].at(at), entries[1].get(at)]);
      });
    }
  }

  /** What is kept of a key: the one value, or an object with all by their names. */
  of(key) {
    let state = this.byKey.get(key);
    if (state === undefined) {
      state = this.#read(key);
      this.byKey.set(key, state);
    }
    return state.shown;
  }

  #read(key) {
    let column = 0;
    const parts = this.kept.map(([name, { isMap, codec }], number) => {
      if (!isMap) return new ValueState(codec, this.values[column++].get(key), key);
      const map = new MapState(name, codec, number);
      for (const [own, bytes] of this.fetched[number].get(key) ?? []) map.fetched(own, bytes);
      return map;
    });
    const state = { parts, isAllRemoved: false };
    if (this.isOne) state.shown = parts[0];
    else {
      state.shown = Object.fromEntries(this.kept.map(([name], at) => [name, parts[at]]));
      // Not among the names, so that no value can be called so by chance.
      Object.defineProperty(state.shown, 'removeAll', {
        value: () => {
          for (const part of parts) if (part instanceof ValueState) part.remove();
          state.isAllRemoved = true;
        },
      });
    }
    return state;
  }

  /** The changes, as the contract has them. */
  crossing(crossing) {
    const values = this.kept.map(() => ({ keys: [], made: builder('binary') }));
    const maps = this.kept.map(() => ({ keys: [], own: builder('binary'), made: builder('binary') }));
    const removed = [];
    for (const key of [...this.byKey.keys()].sort((one, other) => one - other)) {
      const { parts, isAllRemoved } = this.byKey.get(key);
      const isGone = isAllRemoved || (this.isOne && parts[0] instanceof ValueState && parts[0].isRemoved);
      if (isGone) removed.push(key);
      parts.forEach((part, number) => {
        if (part instanceof ValueState) {
          const bytes = part.change(isGone);
          if (bytes === undefined) return;
          values[number].keys.push(key);
          values[number].made.push(bytes);
          return;
        }
        for (const [own, bytes] of part.changes(isGone)) {
          maps[number].keys.push(key);
          maps[number].own.push(own);
          maps[number].made.push(bytes);
        }
      });
    }
    const changed = (of) => of.map((change, state) => ({ ...change, state })).filter(({ keys }) => keys.length > 0);
    const keysOf = (keys) => bytesOf(Uint32Array.from(keys));
    return {
      values: changed(values).map(({ state, keys, made }) => ({
        state,
        keys: keysOf(keys),
        values: crossing(keys.length, [made.finish()]),
      })),
      entries: changed(maps).map(({ state, keys, own, made }) => ({
        state,
        keys: keysOf(keys),
        entries: crossing(keys.length, [own.finish(), made.finish()]),
      })),
      removed: keysOf(removed),
    };
  }
}

/** Takes note of the entries that a call will look at. */
export class Wanted {
  #entries = new Map();
  #all = new Map();

  constructor(kept) {
    this.kept = kept;
  }

  begin(key) {
    this.key = key;
  }

  #of(map) {
    if (!this.#entries.has(map.number)) this.#entries.set(map.number, new Map());
    return this.#entries.get(map.number);
  }

  #want(map, own) {
    const of = this.#of(map);
    of.set(`${this.key},${nameOf(own)}`, { key: this.key, own });
  }

  /** The entry of this own key will be looked at. */
  entry(map, key) {
    this.#want(map, this.kept[map.number][1].codec.encode(key));
  }

  /** All entries of the key will be looked at. */
  all(map) {
    this.#want(map, ALL);
    if (!this.#all.has(map.number)) this.#all.set(map.number, new Set());
    this.#all.get(map.number).add(this.key);
  }

  crossing(crossing) {
    const maps = [...this.#entries].sort(([one], [other]) => one - other);
    return {
      entries: maps.map(([state, wanted]) => {
        const sorted = [...wanted.values()].sort((one, other) => one.key - other.key);
        const [own, none] = [builder('binary'), builder('binary')];
        for (const entry of sorted) {
          own.push(entry.own);
          none.pushNull();
        }
        return {
          state,
          keys: bytesOf(Uint32Array.from(sorted, ({ key }) => key)),
          entries: crossing(sorted.length, [own.finish(), none.finish()]),
        };
      }),
      all: [...this.#all].sort(([one], [other]) => one - other).map(([state, keys]) => [
        state,
        bytesOf(Uint32Array.from([...keys].sort((one, other) => one - other))),
      ]),
    };
  }
}
