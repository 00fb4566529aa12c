import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Mask, Type, builder, micros, date, notNull } from '../src/index.js';
import { numbersOf } from '../src/column.js';
import { viewOf } from '../src/view.js';
import { chance } from './random.js';

// What is built, crosses and is viewed again.
const crossed = (column) => viewOf(column.type, structuredClone(column.arrays()));
const built = (type, values) => values.reduce((made, value) => made.push(value), builder(type)).finish();
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

const KINDS = {
  boolean: (by) => by.next() < 0.5,
  int8: (by) => by.below(256) - 128,
  uint16: (by) => by.below(65536),
  int32: (by) => by.oneOf([-(2 ** 31), 2 ** 31 - 1, by.below(100)]),
  uint32: (by) => by.oneOf([0, 2 ** 32 - 1]),
  int64: (by) => by.int64(),
  uint64: (by) => by.uint64(),
  float32: (by) => Math.fround(by.float64()),
  float64: (by) => by.float64(),
  timestamp: (by) => by.int64(),
  date: (by) => by.below(20000),
  utf8: (by) => by.text(),
  'decimal(38, 2)': (by) => by.oneOf([0n, -1n, 10n ** 38n - 1n, -(10n ** 38n) + 1n, 2n ** 64n, -(2n ** 64n)]),
  'list<int64>': (by) => Array.from({ length: by.below(4) }, () => (by.next() < 0.2 ? null : by.int64())),
  'list<list<utf8>>': (by) => Array.from({ length: by.below(3) }, () => Array.from({ length: by.below(3) }, () => by.text(4))),
};

for (const [type, make] of Object.entries(KINDS)) {
  test(`${type}: what goes in comes out, nulls and all lengths of bitmaps`, () => {
    for (const seed of SEEDS) {
      const by = chance(seed);
      const values = Array.from({ length: seed }, () => (by.next() < 0.3 ? null : make(by)));
      const column = crossed(built(type, values));
      assert.deepEqual(column.toArray(), values);
      assert.deepEqual([...column], values);
      assert.equal(column.nullCount, values.filter((value) => value === null).length);
      const rows = values.map((_, row) => row).filter(() => by.next() < 0.5);
      assert.deepEqual(crossed(column.take(rows)).toArray(), rows.map((row) => values[row]));
    }
  });
}

test('bytes, structs, maps and fixed lists', () => {
  const bytes = [Uint8Array.of(1, 2), null, new Uint8Array(0)];
  assert.deepEqual(crossed(built('binary', bytes)).toArray(), bytes);
  const struct = [{ a: 1n, b: 'x' }, null, { a: null, b: '' }];
  assert.deepEqual(crossed(built(Type.struct({ a: 'int64', b: 'utf8' }), struct)).toArray(), struct);
  const maps = [new Map([['a', 1n], ['b', null]]), null, new Map()];
  assert.deepEqual(crossed(built(Type.map('utf8', 'int64'), maps)).toArray(), maps);
  const fixed = crossed(built(Type.fixedList('float32', 2), [[1, 2], null, [3, 4]]));
  assert.deepEqual(fixed.toArray(), [[1, 2], null, [3, 4]]);
  assert.deepEqual(fixed.slice(2), Float32Array.of(3, 4));
  assert.throws(() => built(Type.fixedList('float32', 2), [[1]]), /1 items do not fit list of 2 float32/);
});

test('what does not fit is refused, and never wrapped or rounded', () => {
  for (const [type, value, message] of [
    ['int8', 128, /128 does not fit int8/],
    ['uint64', -1n, /-1n does not fit uint64/],
    ['int64', 2n ** 63n, /does not fit int64/],
    ['int64', 2 ** 53, /beyond 2\^53, which is not exact: give int64 a BigInt/],
    ['int64', 0.5, /0.5 does not fit int64/],
    ['int32', NaN, /NaN does not fit int32/],
    ['float64', 1n, /1n does not fit float64/],
    ['utf8', 1, /1 does not fit utf8/],
    ['decimal(3, 1)', 1000n, /does not fit decimal\(3, 1\)/],
  ]) {
    assert.throws(() => builder(type).push(value), message);
  }
  assert.throws(() => builder('int'), /there is no type `int`/);
});

test('half a surrogate pair becomes U+FFFD, also where two halves meet', () => {
  assert.deepEqual(built('utf8', ['a\ud800', '\udc00b', 'ok😀']).toArray(), ['a\ufffd', '\ufffdb', 'ok😀']);
});

test('text is searched over the whole column as it would be row by row', () => {
  for (const seed of SEEDS) {
    const by = chance(seed);
    // Half of the columns have no letters beyond ASCII, which are searched in another way.
    const plain = (text) => (seed % 2 > 0 ? text.replace(/[^\0-\x7f]/g, 'b') : text);
    const values = Array.from({ length: 60 }, () => (by.next() < 0.2 ? null : plain(by.text(20))));
    const column = crossed(built('utf8', values));
    const where = (test) => values.flatMap((value, row) => (value !== null && test(value) ? [row] : []));
    for (const part of ['a', 'ab', 'aba', '', 'ä', '€', '😀', by.text(3)]) {
      assert.deepEqual([...column.contains(part)], where((value) => value.includes(part)), JSON.stringify(part));
      assert.deepEqual([...column.startsWith(part)], where((value) => value.startsWith(part)));
      assert.deepEqual([...column.endsWith(part)], where((value) => value.endsWith(part)));
      assert.deepEqual([...column.equals(part)], where((value) => value === part));
    }
    assert.deepEqual([...column.isEmpty()], where((value) => value === ''));
    assert.deepEqual([...column.byteLengths()], values.map((value) => Buffer.byteLength(value ?? '')));
    const { parents, pieces, numbers } = column.split(' ');
    const words = values.map((value) => (value ?? '').split(' ').filter((word) => word !== ''));
    assert.deepEqual(pieces.toArray(), words.flat());
    assert.deepEqual([...parents], words.flatMap((row, parent) => row.map(() => parent)));
    assert.deepEqual([...numbers], words.flatMap((row) => row.map((_, number) => BigInt(number))));
    const spaces = [];
    column.eachByte(0x20, (row) => spaces.push(row));
    assert.deepEqual(spaces, values.flatMap((value, row) => [...(value ?? '')].filter((letter) => letter === ' ').map(() => row)));
  }
});

test('masks are as lists of booleans', () => {
  for (const seed of SEEDS) {
    const by = chance(seed);
    const [one, other] = [0, 1].map(() => Array.from({ length: seed }, () => by.next() < 0.5));
    const [a, b] = [Mask.of(one), Mask.of(other)];
    const rows = (list) => list.flatMap((is, row) => (is ? [row] : []));
    assert.deepEqual([...a.and(b)], rows(one.map((is, row) => is && other[row])));
    assert.deepEqual([...a.or(b)], rows(one.map((is, row) => is || other[row])));
    assert.deepEqual([...a.not()], rows(one.map((is) => !is)));
    assert.equal(a.count, rows(one).length);
    assert.equal(Mask.all(seed).count, seed);
    assert.deepEqual([...Mask.from(seed, new Uint8Array(8).fill(255))], rows(one.map(() => true)));
  }
});

test('bytes that do not lie as the array needs them are copied', () => {
  const bytes = new Uint8Array(17);
  bytes.set(new Uint8Array(BigInt64Array.of(-5n, 7n).buffer), 1);
  assert.deepEqual(numbersOf(BigInt64Array, bytes.subarray(1), 2), BigInt64Array.of(-5n, 7n));
});

test('an empty column of each type', () => {
  for (const type of Object.keys(KINDS)) assert.deepEqual(crossed(builder(type).finish()).toArray(), []);
});

test('times', () => {
  assert.equal(micros('1970-01-01T00:00:01Z'), 1_000_000n);
  assert.equal(date(-1n).toISOString(), '1969-12-31T23:59:59.999Z');
  assert.equal(built('timestamp', [new Date(5)]).get(0), 5000n);
  assert.equal(notNull('int64').type.name, 'int64');
});
