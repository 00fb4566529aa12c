import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  Failure,
  Problem,
  Reject,
  Type,
  aggregate,
  atRow,
  cbor,
  entries,
  filter,
  flatMap,
  fold,
  keyed,
  map,
  notNull,
  value,
} from '../src/index.js';
import { component, operatorsOf } from '../src/component.js';
import * as testing from '../src/testing.js';

const numbers = (values) => testing.rows({ x: 'int64' }, values.map((x) => ({ x })));

test('a problem of `bind` says what and where', () => {
  const needs = (type) => map({ bind: (config, input) => ({ output: { y: 'int64' }, call: () => [], column: input.column('x')[type]() }) });
  const table = testing.rows({ x: 'binary', y: 'int64' }, []);
  assert.throws(() => testing.map(needs('utf8'), {}, table), { message: 'column `x` is binary; this plugin needs utf8' });
  assert.throws(() => testing.map(needs('number'), {}, table), { message: 'column `x` is binary; this plugin needs a number' });
  const missing = map({ bind: (config, input) => input.column('z') });
  assert.throws(() => testing.map(missing, {}, table), { message: 'the input has no column `z`; it has `x`, `y`' });
  const second = map({ bind: (config, input) => input.argument(2) });
  assert.throws(() => testing.map(second, {}, table), { message: 'column 3 is needed; there are 2' });
  const two = map({ bind: (config, input) => [input.column('y').int64(), input.column('y').utf8()] });
  assert.throws(() => testing.map(two, {}, table), /asked for as int64 and as utf8/);
  const own = map({
    bind() {
      throw new Problem('not this', 'limit');
    },
  });
  assert.throws(() => testing.map(own, {}, table), { key: 'limit', message: 'limit: not this' });
});

test('columns are handed over as they were asked for', () => {
  const halves = map({
    bind(config, input) {
      const x = input.column('x').float64();
      const text = input.column('y').utf8();
      return { output: { half: 'float64', text: 'utf8' }, call: (batch) => ({ half: batch.get(x).map((x) => x / 2), text: batch.get(text) }) };
    },
  });
  const table = testing.rows({ x: 'int32', y: 'int64' }, [{ x: 3, y: 5n }, {}]);
  assert.deepEqual(testing.map(halves, {}, table).rows, [{ half: 1.5, text: '5' }, { half: null, text: null }]);
});

test('parts of structs, lists and maps', () => {
  const sum = map({
    bind(config, input) {
      const orders = input.column('orders');
      const price = orders.items().child('price').number();
      const list = orders.list();
      const name = input.column('who').child('name').utf8();
      return {
        output: { total: 'float64', name: 'utf8' },
        call(batch, out) {
          const [lists, prices, names] = [batch.get(list), batch.get(price), batch.get(name)];
          return out.each((row) => {
            let total = 0;
            const [from, to] = lists.range(row);
            for (let at = from; at < to; at++) total += prices.get(at) ?? 0;
            return { total, name: names.get(row) };
          });
        },
      };
    },
  });
  const orders = Type.list(Type.struct({ price: 'float64', of: 'utf8' }));
  const table = testing.rows({ orders, who: Type.struct({ name: 'utf8' }) }, [
    { orders: [{ price: 1 }, { price: 2.5 }], who: { name: 'ann' } },
    { orders: [], who: null },
  ]);
  assert.deepEqual(testing.map(sum, {}, table).rows, [{ total: 3.5, name: 'ann' }, { total: 0, name: null }]);
});

test('rows are refused with a reason, and errors are about their row', () => {
  const roots = map({
    bind(config, input) {
      const x = input.column('x').int64();
      return {
        output: { root: notNull('float64') },
        call: (batch, out) =>
          out.each((row) => {
            const value = batch.get(x).get(row);
            if (value === null) throw new Reject('no number');
            if (value < 0n) throw new TypeError('negative');
            return { root: Math.sqrt(Number(value)) };
          }),
      };
    },
  });
  const { rows, rejects } = testing.map(roots, {}, numbers([4n, null, 9n]));
  assert.deepEqual(rows, [{ root: 2 }, { root: 3 }]);
  assert.deepEqual(rejects, [{ row: 1, reason: 'no number' }]);
  assert.throws(() => testing.map(roots, {}, numbers([4n, -1n])), { about: { tag: 'row', val: 1 }, message: 'TypeError: negative' });
  const failing = filter({
    bind: () => ({
      call() {
        throw atRow(1, new Failure('this one'));
      },
    }),
  });
  assert.throws(() => testing.filter(failing, {}, numbers([1n, 2n])), { about: { tag: 'row', val: 1 }, message: 'this one' });
});

test('whatever is thrown, there is a message', () => {
  for (const [thrown, message] of [['a text', /a text/], [null, /null/], [undefined, /undefined/], [new RangeError('far'), /RangeError: far/]]) {
    const throwing = (where) =>
      map({
        bind() {
          if (where === 'bind') throw thrown;
          return {
            output: { y: 'int64' },
            call() {
              throw thrown;
            },
          };
        },
      });
    for (const where of ['bind', 'call']) assert.throws(() => testing.map(throwing(where), {}, numbers([])), { name: 'Refused', message });
  }
});

test('what a call returns is checked, by the name of the column', () => {
  const giving = (made, type = 'int64') => map({ bind: () => ({ output: { y: type }, call: () => made }) });
  const table = numbers([1n, 2n]);
  assert.throws(() => testing.map(giving({ y: [1n] }), {}, table), /output column `y` has 1 rows; 2 are needed/);
  assert.throws(() => testing.map(giving({ z: [1n, 2n] }), {}, table), /output column `y`/);
  assert.throws(() => testing.map(giving({ y: ['a', 'b'] }), {}, table), /output column `y`: "a" does not fit int64/);
  assert.throws(() => testing.map(giving({ y: [1n, null] }, notNull('int64')), {}, table), /`y` is null in row 1/);
  assert.throws(() => testing.map(giving(7), {}, table), /7 is no column of int64/);
  assert.deepEqual(testing.map(giving(BigInt64Array.of(5n, 6n)), {}, table).rows, [{ y: 5n }, { y: 6n }]);
  assert.throws(() => testing.filter(filter({ bind: () => ({ call: () => [true] }) }), {}, table), /a mask of 2 rows, not one of 1/);
});

test('empty batches', () => {
  const none = numbers([]);
  const all = filter({ bind: () => ({ call: (batch) => new Array(batch.rows).fill(true) }) });
  assert.deepEqual(testing.filter(all, {}, none).rows, []);
  const same = map({ bind: (config, input) => ({ output: { y: 'int64' }, x: input.column('x').int64(), call(batch) { return batch.get(this.x); } }) });
  assert.deepEqual(testing.map(same, {}, none).rows, []);
});

test('a flat-map whose output grows large goes on in the next call', () => {
  const repeat = flatMap({
    bind(config, input) {
      const x = input.column('x').int64();
      return {
        output: { at: 'int64', text: 'utf8' },
        call(batch, out) {
          const counts = batch.get(x);
          out.each((row, push) => {
            if (counts.get(row) < 0n) throw new Reject('less than none');
            for (let at = 0n; at < counts.get(row); at++) push({ at, text: 'x'.repeat(1000) });
          });
        },
      };
    },
  });
  const { rows, parents, rejects, calls } = testing.flatMap(repeat, {}, numbers([9000n, 0n, -1n, 9000n, 2n]));
  assert.equal(rows.length, 18002);
  assert.deepEqual([...new Set(parents)], [0, 3, 4]);
  assert.deepEqual(rejects, [{ row: 2, reason: 'less than none' }]);
  assert.ok(calls > 1);
});

test('a fold, with columns as its state and with CBOR', () => {
  const bind = (state) => (config, input) => ({
    input: input.column('x').int64(),
    state,
    output: { sum: 'int64', least: 'int64' },
    init: () => ({ sum: 0n, least: null }),
    add(into, x) {
      if (x === null) return;
      into.sum += x;
      if (into.least === null || x < into.least) into.least = x;
    },
    merge(into, later) {
      into.sum += later.sum;
      if (into.least === null || (later.least !== null && later.least < into.least)) into.least = later.least;
    },
    finish: (state) => state,
  });
  for (const state of [undefined, { sum: 'int64', least: 'int64' }]) {
    const operator = fold({ bind: bind(state) });
    testing.laws(operator, {}, numbers([5n, null, 3n, 2n ** 60n, 8n]));
    assert.deepEqual(testing.aggregate(operator, {}, numbers([5n, null, 3n]), [0, 2, 0]).rows, [
      { sum: 8n, least: 3n },
      { sum: 0n, least: null },
      { sum: 0n, least: null },
    ]);
  }
});

test('laws that do not hold are said', () => {
  const wrong = fold({
    bind: (config, input) => ({
      input: input.column('x').number(),
      state: { mean: 'float64' },
      output: { mean: 'float64' },
      init: () => ({ mean: null }),
      add: (state, x) => ({ mean: state.mean === null ? x : (state.mean + x) / 2 }),
      merge: (into, later) => ({ mean: into.mean === null || later.mean === null ? (into.mean ?? later.mean) : (into.mean + later.mean) / 2 }),
      finish: ({ mean }) => ({ mean }),
    }),
  });
  assert.throws(() => testing.laws(wrong, {}, numbers([1n, 2n, 4n])), /and all rows at once/);
});

test('groups: sums, counts, extremes', () => {
  const all = aggregate({
    bind(config, input) {
      const x = input.column('x').int64();
      return {
        state: { total: 'decimal(38, 0)', count: 'int64', least: 'int64', most: 'int64' },
        output: { total: 'decimal(38, 0)', count: 'int64', least: 'int64', most: 'int64' },
        partial: (groups, batch) => {
          const values = batch.get(x);
          return { total: groups.total(values), count: groups.counts(values), least: groups.min(values), most: groups.max(values) };
        },
        merge: (groups, states) => ({
          total: groups.total(states.column('total')),
          count: groups.total(states.column('count')),
          least: groups.min(states.column('least')),
          most: groups.max(states.column('most')),
        }),
        finish: (states) => Object.fromEntries(['total', 'count', 'least', 'most'].map((name) => [name, states.column(name)])),
      };
    },
  });
  const values = [2n ** 63n - 1n, null, 2n ** 63n - 1n, -5n];
  testing.laws(all, {}, numbers(values));
  assert.deepEqual(testing.aggregate(all, {}, numbers(values)).rows, [{ total: 2n ** 64n - 7n, count: 3n, least: -5n, most: 2n ** 63n - 1n }]);
});

const devices = keyed({
  state: { logins: value(), devices: entries() },
  bind(config, input) {
    const device = input.column('device').utf8();
    return {
      output: { device: 'utf8', logins: 'int64' },
      needs({ rows, state, wanted }) {
        for (const name of rows.get(device)) {
          if (name === '*') wanted.all(state.devices);
          else if (name !== 'unasked') wanted.entry(state.devices, name);
        }
      },
      onRows({ rows, state, out, timers }) {
        for (const name of rows.get(device)) {
          if (name === '*') {
            out.push({ device: [...state.devices].map(([name, at]) => `${name}=${at}`).join(), logins: 0n });
            state.devices.clear();
            continue;
          }
          if (name === 'away') {
            state.removeAll();
            continue;
          }
          const logins = state.logins.update((logins = 0n) => logins + 1n);
          if (!state.devices.has(name)) out.push({ device: name, logins });
          state.devices.set(name, logins);
          timers.set(1, 100n, 'processing-time');
        }
      },
      onTimer: ({ timer, out }) => out.push({ device: `${timer.clock} ${timer.tag}`, logins: timer.at }),
    };
  },
});

test('keyed: values and maps, what needs asking for, timers by processing time', () => {
  const of = (...list) => testing.rows({ user: 'utf8', device: 'utf8' }, list.map(([user, device]) => ({ user, device })));
  const job = testing.keyed(devices, {}, ['user'], of());
  const came = job.epoch(of(['ann', 'phone'], ['bob', 'phone'], ['ann', 'phone'], ['ann', 'laptop']));
  assert.deepEqual(came.rows, [
    { user: 'ann', device: 'phone', logins: 1n },
    { user: 'ann', device: 'laptop', logins: 3n },
    { user: 'bob', device: 'phone', logins: 1n },
  ]);
  assert.deepEqual(job.epoch(of(['ann', 'phone'])).rows, []);
  const failed = job.epoch(of(['ann', 'unasked'], ['bob', 'tablet']));
  assert.deepEqual(failed.rows, [{ user: 'bob', device: 'tablet', logins: 2n }]);
  assert.match(failed.failures[0].reason, /map `devices`: the entry unasked is looked at, but `needs` did not ask for it/);
  assert.deepEqual(job.epoch(of(['ann', '*'], ['carl', '*'])).rows, [
    { user: 'ann', device: 'phone=4,laptop=3', logins: 0n },
    { user: 'carl', device: '', logins: 0n },
  ]);
  assert.deepEqual(job.epoch(of(['ann', '*'])).rows, [{ user: 'ann', device: '', logins: 0n }]);
  assert.deepEqual(job.time(100n).rows, [
    { user: 'ann', device: 'processing-time 1', logins: 100n },
    { user: 'bob', device: 'processing-time 1', logins: 100n },
  ]);
  assert.equal(job.keys, 2);
  job.epoch(of(['bob', 'away']));
  assert.equal(job.keys, 1);
});

const count = (migrate) =>
  keyed({
    stateVersion: 2,
    migrate,
    bind: () => ({
      output: { rows: 'int64' },
      onRows: ({ rows, state, out }) => out.push({ rows: state.update((count = 0n) => count + BigInt(rows.length)) }),
    }),
  });

test('keyed: states of an older version, states that cannot be read, late rows, a key of the output’s name', () => {
  const table = testing.rows({ user: 'utf8' }, [{ user: 'ann' }, { user: 'ann' }]);
  const job = testing.keyed(count((version, bytes) => BigInt(cbor.decode(bytes)) + BigInt(version) - 1n), {}, ['user'], table);
  job.store(['ann'], cbor.encode('40'), { version: 1 });
  assert.deepEqual(job.epoch(table).rows, [{ user: 'ann', rows: 42n }]);
  const without = testing.keyed(count(undefined), {}, ['user'], table);
  assert.throws(() => without.store(['ann'], cbor.encode('40'), { version: 1 }), /the plugin has no `migrate`/);
  without.store(['ann'], Uint8Array.of(0xff));
  assert.throws(() => without.epoch(table), { about: { tag: 'state', val: 0 }, message: /the stored state cannot be read/ });
  const named = testing.rows({ rows: 'utf8' }, []);
  assert.throws(() => testing.keyed(count(), {}, ['rows'], named), /the key has one of that name/);
});

test('the end of all times, which crosses as a rounded number, is no time beyond it', () => {
  const marks = keyed({ bind: () => ({ output: { mark: 'int64' }, onRows() {}, onTimer: ({ timers, out }) => out.push({ mark: timers.watermark }) }) });
  const set = keyed({ bind: (config, input, key) => ({ ...marks.spec.bind(config, input, key), onRows: ({ timers }) => timers.set(0, 5n) }) });
  const table = testing.rows({ user: 'utf8' }, [{ user: 'ann' }]);
  const job = testing.keyed(set, {}, ['user'], table);
  job.epoch(table);
  assert.deepEqual(job.end().rows, [{ user: 'ann', mark: 2n ** 63n - 1n }]);
});

test('operators go by the names of their exports', () => {
  const one = filter({ bind: () => ({}) });
  assert.deepEqual([...operatorsOf({ keepSlow: one, default: one, other: 3 }, 'pack').keys()], ['keep-slow']);
  assert.deepEqual([...operatorsOf({ default: one }, 'pack').keys()], ['pack']);
  assert.throws(() => operatorsOf({ other: 3 }), /the plugin exports no operator/);
  const { catalog } = component({ a: map({ summary: 'A', takes: [['x', 'text']], bind: () => ({}) }) });
  assert.deepEqual(catalog.operators()[0], {
    name: 'a',
    kind: 'map',
    summary: 'A',
    configSchema: undefined,
    columns: [{ name: 'x', direction: 'takes', typeText: 'text', summary: '' }],
  });
});
