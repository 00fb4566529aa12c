// Runs operators under Node, without Wasm: a test or a debugger sees the plugin's own code. What comes back is checked as
// the host checks it, as far as that needs no host.

import { deepStrictEqual } from 'node:assert';

import { builder } from './builder.js';
import { bytesOf, numbersOf } from './column.js';
import { component } from './component.js';
import { toJson } from './json.js';
import { timersOf } from './keyed.js';
import { Mask } from './mask.js';
import { crossing } from './outcome.js';
import { Field, Type, fieldsOf, flatten, unflatten } from './types.js';
import { viewsOf } from './view.js';

/** Rows of named columns with types. */
export class Table {
  constructor(fields, columns, rows) {
    this.fields = fields;
    this.columns = columns;
    this.length = rows;
  }

  /** The rows as objects. */
  get rows() {
    return Array.from({ length: this.length }, (_, row) =>
      Object.fromEntries(this.fields.map(({ name }, at) => [name, this.columns[at].get(row)])),
    );
  }

  slice(from, to) {
    const rows = Array.from({ length: to - from }, (_, at) => from + at);
    return this.take(rows);
  }

  take(rows) {
    return new Table(this.fields, this.columns.map((column) => column.take(rows)), rows.length);
  }

  column(name) {
    return this.columns[this.fields.findIndex((field) => field.name === name)];
  }
}

/** Rows of these columns: `rows({ url: 'utf8', millis: 'int64' }, [{ url: '/a', millis: 20 }])`. What a row has no value
 * for is null. */
export function rows(types, values) {
  const fields = fieldsOf(types);
  const made = fields.map(({ type }) => builder(type));
  for (const row of values) fields.forEach(({ name }, at) => made[at].push(row[name]));
  return new Table(fields, made.map((part) => part.finish()), values.length);
}

/** What an operator said no with. */
export class Refused extends Error {
  constructor({ key, message, about, cause }) {
    super(key === undefined ? message : `${key}: ${message}`, { cause });
    this.name = 'Refused';
    this.key = key;
    this.about = about;
    // Where it was thrown in the operator, and not where the driver told of it.
    if (cause?.stack) this.stack = cause.stack;
  }
}

function asking(run) {
  try {
    return run();
  } catch (error) {
    // The contract's problems and failures are plain objects; an Error is a fault of the driver.
    throw error instanceof Error ? error : new Refused(error);
  }
}

const SITE = { node: 'test', sql: undefined, abilities: [] };

class Running {
  constructor(operator, config, table, key = []) {
    this.exported = component({ [operator.name ?? 'operator']: operator }, {});
    this.face = this.exported[operator.kind === 'flat-map' ? 'flatMap' : operator.kind];
    this.table = table;
    const input = table.fields.map((field) => ({ fields: field.flat(), constant: undefined, readable: true }));
    const [{ name }] = this.exported.catalog.operators();
    const request = { operator: name, config: typeof config === 'string' ? config : toJson(config ?? {}), input, site: SITE };
    this.bound = asking(() => this.face.bind(0, request, key));
    this.binding = this.bound.binding ?? this.bound;
    this.output = unflatten(this.binding.output);
  }

  /** The columns that are read, cast as the host does. */
  batch(table) {
    const columns = this.binding.reads.map(({ column, shape }) => {
      const wanted = shape.length > 0 ? unflatten(shape)[0].type : table.fields[column].type;
      return cast(table.columns[column], wanted);
    });
    return crossing(table.length, columns);
  }

  made({ rows, arrays }) {
    const columns = viewsOf(this.output, arrays);
    this.output.forEach(({ name, nullable }, at) => {
      if (columns[at].length !== rows) throw new Error(`column \`${name}\` has ${columns[at].length} rows of ${rows}`);
      if (!nullable && columns[at].nullCount > 0) throw new Error(`column \`${name}\` has nulls; it promises that it has none`);
    });
    return new Table(this.output, columns, rows);
  }
}

/** A column as another type: numbers to numbers, what is flat to text. */
function cast(column, type) {
  if (column.type.equals(type)) return column;
  const made = builder(type);
  for (const value of column) {
    if (value === null) made.pushNull();
    else if (type.format === 'u') made.push(String(value));
    else if (column.type.precision !== undefined) made.push(Number(value) / 10 ** column.type.scale);
    else if (type.isBigInt) made.push(BigInt(value));
    else made.push(type.children.length > 0 ? value : Number(value));
  }
  return made.finish();
}

function rejected(rejects) {
  if (!rejects) return [];
  const reasons = viewsOf([new Field('reason', Type.of('utf8'))], [
    { rows: rejects.rows.length / 4, validity: undefined, buffers: [rejects.offsets, rejects.reasons] },
  ])[0];
  return Array.from(numbersOf(Uint32Array, rejects.rows), (row, at) => ({ row, reason: reasons.get(at) }));
}

/** The rows that a filter keeps, and those that it refuses. */
export function filter(operator, config, table) {
  const running = new Running(operator, config, table);
  const { keep, rejects } = asking(() => running.face.call(0, running.batch(table)));
  const refused = rejected(rejects);
  const kept = [...Mask.from(table.length, keep)].filter((row) => !refused.some((reject) => reject.row === row));
  return { kept, rows: table.take(kept).rows, rejects: refused };
}

/** A map's new columns, of the rows that it does not refuse. */
export function map(operator, config, table) {
  const running = new Running(operator, config, table);
  const { output, rejects } = asking(() => running.face.call(0, running.batch(table)));
  const refused = rejected(rejects);
  const made = running.made(output);
  if (made.length !== table.length) throw new Error(`${made.length} rows come out of ${table.length}`);
  const kept = Array.from({ length: made.length }, (_, row) => row).filter((row) => !refused.some((reject) => reject.row === row));
  return { table: made, rows: made.take(kept).rows, kept, rejects: refused };
}

/** A flat-map's rows and the rows they are of; it is called until all rows are dealt with. */
export function flatMap(operator, config, table) {
  const running = new Running(operator, config, table);
  const [given, parents, rejects] = [[], [], []];
  let [from, resume] = [0, undefined];
  let calls = 0;
  while (from < table.length || calls === 0) {
    const part = table.slice(from, table.length);
    const answer = asking(() => running.face.call(0, running.batch(part), resume));
    const made = running.made(answer.output);
    if (made.length === 0 && answer.consumed === 0 && part.length > 0) throw new Error('a call brought neither rows nor output on');
    given.push(...made.rows);
    for (const parent of numbersOf(Uint32Array, answer.parents)) parents.push(from + parent);
    rejects.push(...rejected(answer.rejects).map(({ row, reason }) => ({ row: from + row, reason })));
    from += answer.consumed;
    resume = answer.resume;
    calls++;
  }
  return { rows: given, parents, rejects, calls };
}

class Aggregating extends Running {
  constructor(operator, config, table) {
    super(operator, config, table);
    this.state = unflatten(this.bound.state);
  }

  partial(table, groups, count) {
    return asking(() => this.face.partial(0, bytesOf(Uint32Array.from(groups)), count, this.batch(table)));
  }

  merge(states, groups, count) {
    const columns = this.state.map((_, at) => states.flatMap(({ arrays }) => viewsOf(this.state, arrays)[at].toArray()));
    const all = this.state.map(({ type }, at) => columns[at].reduce((made, value) => made.push(value), builder(type)).finish());
    return asking(() => this.face.merge(0, bytesOf(Uint32Array.from(groups)), count, crossing(groups.length, all)));
  }

  finish(states) {
    return this.made(asking(() => this.face.finish(0, states))).rows;
  }
}

/** An aggregate's rows, one for each group; `groups` has a group's number for each row, from 0. */
export function aggregate(operator, config, table, groups = new Array(table.length).fill(0)) {
  const running = new Aggregating(operator, config, table);
  const count = groups.length > 0 ? Math.max(...groups) + 1 : 1;
  return { rows: running.finish(running.partial(table, groups, count)), bound: running.bound };
}

/** Tries what must hold of every aggregate: cuts, nesting, the empty state and two instances change nothing. Floats are
 * compared but for rounding. */
export function laws(operator, config, table) {
  const [one, other] = [new Aggregating(operator, config, table), new Aggregating(operator, config, table)];
  const whole = (length) => new Array(length).fill(0);
  const at = (running, from, to) => running.partial(table.slice(from, to), whole(to - from), 1);
  const { length } = table;
  const once = one.finish(at(one, 0, length));
  const same = (rows, law) => {
    try {
      deepStrictEqual(rounded(rows), rounded(once));
    } catch {
      throw new Error(`${law} gives\n${toJson(rows)}\nand all rows at once\n${toJson(once)}`);
    }
  };
  same(other.finish(at(other, 0, length)), 'another instance');
  for (let cut = 0; cut <= length; cut += Math.max(1, length >> 3)) {
    same(one.finish(one.merge([at(one, 0, cut), at(one, cut, length)], [0, 0], 1)), `rows 0 to ${cut} and ${cut} to ${length}`);
    const further = Math.min(length, cut + Math.max(1, length >> 2));
    const [a, b, c] = [at(one, 0, cut), at(one, cut, further), at(one, further, length)];
    const cuts = `of rows 0 to ${cut}, ${cut} to ${further} and ${further} to ${length}`;
    same(one.finish(one.merge([one.merge([a, b], [0, 0], 1), c], [0, 0], 1)), `(a, b), c ${cuts}`);
    same(one.finish(one.merge([a, one.merge([b, c], [0, 0], 1)], [0, 0], 1)), `a, (b, c) ${cuts}`);
  }
  const empty = one.partial(table.slice(0, 0), [], 1);
  same(one.finish(one.merge([empty, at(one, 0, length), empty], [0, 0, 0], 1)), 'the state of no rows beside all');
  const groups = Array.from({ length: 2 * length }, (_, row) => row & 1);
  const doubled = table.take(groups.map((_, row) => row >> 1));
  const [first, second] = one.finish(one.partial(doubled, groups, 2));
  same([first], 'the first of two groups');
  same([second], 'the second of two groups');
}

function rounded(rows) {
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === 'number' ? Number(value.toPrecision(9)) : value])),
  );
}

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const LAST = 2n ** 63n - 1n;

/** A keyed operator that is taken through epochs by hand. */
class Job extends Running {
  /** of each key: values by name, maps by name, timers */
  #kept = new Map();

  constructor(operator, config, key, table, { eventTime } = {}) {
    const keyFields = key.map((name) => table.fields.find((field) => field.name === name));
    super(operator, config, table, flatten(keyFields));
    this.key = key;
    this.keyFields = keyFields;
    this.eventTime = eventTime;
    this.now = 0n;
    this.mark = undefined;
    this.before = undefined;
  }

  #of(name, columns) {
    if (!this.#kept.has(name)) this.#kept.set(name, { name, columns, values: new Map(), maps: new Map(), timers: new Map() });
    return this.#kept.get(name);
  }

  /** An epoch with rows; with a watermark in microseconds, also for the timers that are due by it. */
  epoch(table, watermark) {
    this.before = this.mark;
    if (watermark !== undefined && (this.mark === undefined || watermark > this.mark)) this.mark = BigInt(watermark);
    const result = { rows: [], rejects: [], late: [], failures: [] };
    this.#rows(table, result);
    this.#timers(result);
    return result;
  }

  /** An epoch without rows. */
  watermark(microseconds) {
    return this.epoch(this.table.slice(0, 0), microseconds);
  }

  /** Moves the clock of the machine on. */
  time(microseconds) {
    this.now = BigInt(microseconds);
    return this.epoch(this.table.slice(0, 0));
  }

  /** All timers by event time, to the end of an input that ends. */
  end() {
    return this.watermark(LAST);
  }

  #rows(table, result) {
    const keyColumns = this.key.map((name) => table.column(name));
    const byKey = new Map();
    for (let row = 0; row < table.length; row++) {
      const values = keyColumns.map((column) => column.get(row));
      const name = toJson(values);
      if (!byKey.has(name)) byKey.set(name, { values, rows: [] });
      const time = this.eventTime && table.column(this.eventTime).get(row);
      const isLate = typeof time === 'bigint' && this.before !== undefined && time <= this.before;
      if (isLate && this.bound.lateRows === 'set-aside') result.late.push(row);
      else byKey.get(name).rows.push(row);
    }
    const keys = [...byKey].filter(([, { rows }]) => rows.length > 0).map(([name, { values, rows }]) => ({ ...this.#of(name, values), rows }));
    if (this.bound.byEventTime && this.eventTime) {
      const times = table.column(this.eventTime);
      for (const key of keys) key.rows.sort((one, other) => Number((times.get(one) ?? 0n) - (times.get(other) ?? 0n)));
    }
    if (keys.length === 0) return;
    const order = keys.flatMap((key) => key.rows);
    this.#step('rows', keys, table.take(order), [], result, order);
  }

  #timers(result) {
    const due = [];
    for (const kept of this.#kept.values()) {
      for (const [id, timer] of kept.timers) {
        const clock = timer.domain === 0 ? this.mark : this.now;
        if (clock !== undefined && timer.at <= clock) {
          due.push({ ...timer, kept });
          kept.timers.delete(id);
        }
      }
    }
    if (due.length === 0) return;
    due.sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : one.kept.name < other.kept.name ? -1 : 1));
    const keys = [...new Set(due.map(({ kept }) => kept))].map((kept) => ({ ...kept, rows: [] }));
    const timers = due.map(({ kept, ...timer }) => ({ ...timer, key: keys.findIndex(({ name }) => name === kept.name) }));
    this.#step('timers', keys, this.table.slice(0, 0), timers, result, []);
  }

  #step(phase, keys, table, due, result, order) {
    const state = this.bound.state;
    const column = (values) => values.reduce((made, value) => made.push(value ?? null), builder('binary')).finish();
    const keyColumns = this.keyFields.map(({ type }, at) => keys.reduce((made, { columns }) => made.push(columns[at]), builder(type)).finish());
    const offsets = new Int32Array(keys.length + 1);
    keys.forEach(({ rows }, at) => (offsets[at + 1] = offsets[at] + rows.length));
    const step = {
      phase,
      now: Number(this.now),
      watermark: this.mark === undefined ? undefined : Number(this.mark),
      previousWatermark: this.before === undefined ? undefined : Number(this.before),
      keys: crossing(keys.length, keyColumns),
      rowOffsets: bytesOf(offsets),
      rows: this.batch(table),
      values: crossing(keys.length, state.filter(({ isMap }) => !isMap).map(({ name }) => column(keys.map(({ values }) => values.get(name))))),
      maps: [],
      due: timersOf(due),
    };
    let answer;
    try {
      if (state.some(({ isMap }) => isMap)) step.maps = this.#fetched(asking(() => this.face.needs(0, step)), keys);
      answer = asking(() => this.face.call(0, step));
    } catch (error) {
      // A key that fails is left out, and the others are given again.
      const failed = error.about?.tag === 'key' ? error.about.val : undefined;
      if (failed === undefined || !(error instanceof Refused)) throw error;
      result.failures.push({ key: keys[failed].columns, reason: error.message, rows: keys[failed].rows });
      const rest = keys.filter((_, at) => at !== failed);
      if (rest.length === 0) return;
      const left = due.filter(({ key }) => key !== failed).map((timer) => ({ ...timer, key: rest.indexOf(keys[timer.key]) }));
      const kept = rest.flatMap(({ rows }) => rows);
      this.#step(phase, rest, table.take(kept.map((row) => order.indexOf(row))), left, result, kept);
      return;
    }
    this.#took(answer, keys, order, due, phase, result);
  }

  #fetched(wanted, keys) {
    const state = this.bound.state;
    return state.flatMap(({ name, isMap }, number) => {
      if (!isMap) return [];
      const rows = [];
      const singles = wanted.entries.find((entries) => entries.state === number);
      const all = numbersOf(Uint32Array, wanted.all.find(([of]) => of === number)?.[1] ?? new Uint8Array(0));
      const own = singles && viewsOf(ENTRIES, singles.entries.arrays)[0];
      keys.forEach(({ maps }, key) => {
        const entries = maps.get(name) ?? new Map();
        const taken = new Set();
        numbersOf(Uint32Array, singles?.keys ?? new Uint8Array(0)).forEach((of, at) => {
          if (of !== key) return;
          taken.add(hex(own.get(at)));
          rows.push({ of, key: own.get(at), value: entries.get(hex(own.get(at)))?.value ?? null });
        });
        if (all.includes(key)) {
          for (const [id, entry] of entries) if (!taken.has(id)) rows.push({ of: key, key: entry.key, value: entry.value });
        }
      });
      if (rows.length === 0) return [];
      const entries = rows.reduce(([key, value], row) => [key.push(row.key), value.push(row.value)], [builder('binary'), builder('binary')]);
      return [{ state: number, keys: bytesOf(Uint32Array.from(rows, ({ of }) => of)), entries: crossing(rows.length, entries.map((made) => made.finish())) }];
    });
  }

  #took(answer, keys, order, due, phase, result) {
    const names = this.bound.state.map(({ name }) => name);
    const kept = (key) => this.#of(keys[key].name, keys[key].columns);
    for (const key of numbersOf(Uint32Array, answer.removed)) {
      kept(key).values.clear();
      kept(key).maps.clear();
      if (!this.bound.keepTimers) kept(key).timers.clear();
    }
    for (const { state, keys: changed, values } of answer.values) {
      const [bytes] = viewsOf([ENTRIES[1]], values.arrays);
      numbersOf(Uint32Array, changed).forEach((key, at) => {
        if (bytes.get(at) === null) kept(key).values.delete(names[state]);
        else kept(key).values.set(names[state], bytes.get(at).slice());
      });
    }
    for (const { state, keys: changed, entries } of answer.entries) {
      const [own, bytes] = viewsOf(ENTRIES, entries.arrays);
      numbersOf(Uint32Array, changed).forEach((key, at) => {
        const { maps } = kept(key);
        if (!maps.has(names[state])) maps.set(names[state], new Map());
        if (bytes.get(at) === null) maps.get(names[state]).delete(hex(own.get(at)));
        else maps.get(names[state]).set(hex(own.get(at)), { key: own.get(at).slice(), value: bytes.get(at).slice() });
      });
    }
    for (const [timers, isSet] of [[answer.setTimers, true], [answer.clearTimers, false]]) {
      const [tags, times] = [numbersOf(Uint32Array, timers.tags), numbersOf(BigInt64Array, timers.at)];
      numbersOf(Uint32Array, timers.keys).forEach((key, at) => {
        const timer = { domain: timers.domains[at], tag: tags[at], at: times[at] };
        const id = `${timer.domain},${timer.tag}`;
        if (isSet) kept(key).timers.set(id, timer);
        else kept(key).timers.delete(id);
      });
    }
    const { eventTime } = this.bound;
    const of = numbersOf(Uint32Array, answer.outputOf);
    this.made(answer.output).rows.forEach((row, at) => {
      // Rows of timers have the timer's time there, whatever was written.
      if (phase === 'timers' && eventTime !== undefined) row[this.output[eventTime].name] = due[of[at]].at;
      result.rows.push(row);
    });
    result.rejects.push(...rejected(answer.rejects).map(({ row, reason }) => ({ row: order[row], reason })));
    for (const row of numbersOf(Uint32Array, answer.late)) result.late.push(order[row]);
  }

  /** How many keys have a state or a timer. */
  get keys() {
    return [...this.#kept.values()].filter(({ values, maps, timers }) => values.size + timers.size + [...maps.values()].reduce((sum, { size }) => sum + size, 0) > 0).length;
  }

  /** The bytes that are stored of a key: of the one value, or of one by its name. */
  stored(key, name = this.bound.state[0].name) {
    return this.#kept.get(toJson(key))?.values.get(name);
  }

  /** Stores bytes of a value, as an older build would have; of an older version they are migrated first. */
  store(key, bytes, { name = this.bound.state[0].name, version } = {}) {
    let now = bytes;
    if (version !== undefined && version !== this.bound.stateVersion) {
      const field = new Field(name, Type.of('binary'));
      const states = crossing(1, [builder('binary').push(bytes).finish()]);
      const { arrays } = asking(() => this.exported.migration.migrate(0, version, field.flat(), states));
      now = viewsOf([field], arrays)[0].get(0);
    }
    this.#of(toJson(key), key).values.set(name, now);
  }

  /** When a key's timers are due, by their tags; those by event time. */
  timersOf(key) {
    const timers = [...(this.#kept.get(toJson(key))?.timers.values() ?? [])].filter(({ domain }) => domain === 0);
    return Object.fromEntries(timers.map(({ tag, at }) => [tag, at]));
  }
}

const ENTRIES = [new Field('key', Type.of('binary')), new Field('value', Type.of('binary'))];

/** A job of a keyed operator: give it `epoch(rows, watermark)`, `watermark(at)`, `time(now)`, `end()`. */
export function keyed(operator, config, key, table, options) {
  return new Job(operator, config, key, table, options);
}
