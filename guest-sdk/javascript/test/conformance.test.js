// The conformance operators, beside naive models of what they are to do.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import './resolve.js';
import { cbor } from '../src/index.js';
import * as testing from '../src/testing.js';
import { chance } from './random.js';

const plugin = (kind) => import(`../../../plugins/conformance/${kind}/javascript/plugin.js`);
const { contains } = await plugin('filter');
const { plus } = await plugin('map');
const { words } = await plugin('flat-map');
const { mean } = await plugin('aggregate');
const { visits } = await plugin('keyed');

test('contains', () => {
  for (let seed = 0; seed < 50; seed++) {
    const by = chance(seed);
    const values = Array.from({ length: seed }, () => ({ x: by.next() < 0.2 ? null : by.text() }));
    const { rows, rejects } = testing.filter(contains, { column: 'x', text: 'ab' }, testing.rows({ x: 'utf8' }, values));
    assert.deepEqual(rows, values.filter(({ x }) => x?.includes('ab')));
    assert.deepEqual(rejects, values.flatMap(({ x }, row) => (x === '' ? [{ row, reason: 'an empty text' }] : [])));
  }
});

test('plus, at the ends of int64 and uint64', () => {
  const LIMITS = { int64: [-(2n ** 63n), 2n ** 63n - 1n], uint64: [0n, 2n ** 64n - 1n] };
  for (const [type, [least, most]] of Object.entries(LIMITS)) {
    for (const addend of [0n, 1n, -1n, most, least, -most, 2n ** 64n, -(2n ** 64n), 9007199254740993n]) {
      const values = [least, least + 1n, 0n, 1n, null, 9007199254740993n, most - 1n, most].map((x) => ({ x }));
      const table = testing.rows({ x: type }, values);
      for (const config of [{ column: 'x', plus: String(addend) }, `{"column": "x", "plus": ${addend}}`]) {
        const { table: made, rejects, kept } = testing.map(plus, config, table);
        const fits = (x) => x === null || (x + addend >= least && x + addend <= most);
        for (const row of kept) assert.equal(made.rows[row].sum, values[row].x === null ? null : values[row].x + addend);
        const expected = values.flatMap(({ x }, row) => (fits(x) ? [] : [{ row, reason: `${x} + ${addend} does not fit ${type}` }]));
        assert.deepEqual(rejects, expected);
      }
    }
  }
  const { rows } = testing.map(plus, { column: 'x', plus: 0.5 }, testing.rows({ x: 'float64' }, [{ x: 1 }, {}]));
  assert.deepEqual(rows, [{ sum: 1.5 }, { sum: null }]);
  assert.throws(() => testing.map(plus, { column: 'x', plus: 1 }, testing.rows({ x: 'utf8' }, [])), {
    message: 'column `x` is utf8; this plugin needs int64, uint64 or float64',
  });
});

test('words', () => {
  for (let seed = 0; seed < 50; seed++) {
    const by = chance(seed);
    const values = Array.from({ length: seed }, () => ({ x: by.next() < 0.2 ? null : by.text(20) }));
    const { rows, parents } = testing.flatMap(words, { column: 'x' }, testing.rows({ x: 'utf8' }, values));
    const pieces = values.map(({ x }) => (x ?? '').split(' ').filter((word) => word !== ''));
    assert.deepEqual(rows, pieces.flatMap((row) => row.map((word, at) => ({ word, at: BigInt(at) }))));
    assert.deepEqual(parents, pieces.flatMap((row, parent) => row.map(() => parent)));
  }
  const many = testing.rows({ x: 'utf8' }, [{ x: 'a '.repeat(1000) }, { x: 'a '.repeat(1001) }]);
  const { rows, rejects } = testing.flatMap(words, { column: 'x' }, many);
  assert.equal(rows.length, 1000);
  assert.deepEqual(rejects, [{ row: 1, reason: 'more than 1000 words' }]);
});

test('mean', () => {
  const values = [1, 2.5, null, -4, 1e9, null, 7].map((x) => ({ x }));
  const table = testing.rows({ x: 'float64' }, values);
  testing.laws(mean, { column: 'x' }, table);
  const { rows } = testing.aggregate(mean, { column: 'x' }, table, [0, 0, 0, 1, 1, 3, 1]);
  assert.deepEqual(rows, [
    { mean: 1.75, count: 2n },
    { mean: (-4 + 1e9 + 7) / 3, count: 3n },
    { mean: null, count: 0n },
    { mean: null, count: 0n },
  ]);
  const integers = testing.rows({ x: 'uint64' }, [{ x: 2n ** 64n - 1n }]);
  assert.deepEqual(testing.aggregate(mean, { column: 'x' }, integers).rows, [{ mean: 2 ** 64, count: 1n }]);
});

test('visits', () => {
  const seconds = (count) => BigInt(count) * 1_000_000n;
  const rows = testing.rows({ user: 'utf8', at: 'timestamp' }, [
    { user: 'ann', at: seconds(1) },
    { user: 'bob', at: seconds(5) },
    { user: 'ann', at: null },
    { user: 'ann', at: seconds(3) },
  ]);
  const job = testing.keyed(visits, { time: 'at', gap_seconds: 10 }, ['user'], rows);
  const first = job.epoch(rows, seconds(4));
  assert.deepEqual(first.rows, [
    { user: 'ann', at: seconds(1), what: 'seen', count: 1n },
    { user: 'ann', at: seconds(3), what: 'seen', count: 2n },
    { user: 'bob', at: seconds(5), what: 'seen', count: 1n },
  ]);
  assert.deepEqual(first.rejects, [{ row: 2, reason: 'no time' }]);
  assert.deepEqual(cbor.decode(job.stored(['ann'])), { count: 2n, last: seconds(3) });
  assert.deepEqual(job.timersOf(['ann']), { 0: seconds(13) });
  assert.deepEqual(job.watermark(seconds(14)).rows, [{ user: 'ann', at: seconds(13), what: 'gone', count: 2n }]);
  assert.equal(job.keys, 1);
  assert.deepEqual(job.end().rows, [{ user: 'bob', at: seconds(15), what: 'gone', count: 1n }]);
  assert.equal(job.keys, 0);
  assert.deepEqual(job.bound.adjustable, ['gap_seconds']);
});
