import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Config } from '../src/config.js';
import { parseJson } from '../src/json.js';
import { chance } from './random.js';

test('JSON is read as JSON.parse reads it, but for integers beyond 2^53', () => {
  const big = '{"a": [9007199254740993, -9223372036854775808, 18446744073709551615], "b": 1e20, "c": "\\u00e4\\n", "d": {}, "e": []}';
  assert.deepEqual(parseJson(big), {
    a: [9007199254740993n, -9223372036854775808n, 18446744073709551615n],
    b: 1e20,
    c: 'ä\n',
    d: {},
    e: [],
  });
  for (let seed = 0; seed < 100; seed++) {
    const by = chance(seed);
    const make = (depth) =>
      depth === 0
        ? by.oneOf([1, -2.5, 1e-7, true, null, by.text(), 'x"\\'])
        : by.next() < 0.5
          ? Array.from({ length: by.below(4) }, () => make(depth - 1))
          : Object.fromEntries(Array.from({ length: by.below(4) }, () => [by.text(), make(depth - 1)]));
    const text = JSON.stringify({ value: make(3), digits: '1234567890123456' }, null, by.below(3));
    assert.deepEqual(parseJson(text), JSON.parse(text));
  }
  for (const bad of ['{"a": 12345678901234567890,}', '[1234567890123456789', '12345678901234567890 1', '{"a" 1234567890123456789}']) {
    assert.throws(() => parseJson(bad), SyntaxError);
  }
});

const refused = (json, ask) => {
  try {
    const config = Config.parse(json);
    ask(config);
    config.refuseUnknownKeys();
  } catch (error) {
    return `${error.key}: ${error.message}`;
  }
  return 'nothing';
};

test('problems name their key', () => {
  assert.equal(refused('{}', (config) => config.text('a')), 'a: is missing: the plugin needs `a` in its `with` table');
  assert.equal(refused('{"a": 1}', (config) => config.text('a')), 'a: is 1, a number; a text is needed');
  assert.equal(refused('{"a": 0.5}', (config) => config.integer('a')), 'a: is 0.5, a number; an integer up to 2^53 is needed');
  assert.match(refused('{"a": 9007199254740993}', (config) => config.integer('a')), /^a: is 9007199254740993, a number/);
  assert.equal(refused('{"a": {"b": 1}}', (config) => config.table('a').text('b')), 'a.b: is 1, a number; a text is needed');
  assert.equal(refused('{"a": {"b": 1}}', (config) => config.table('a')), 'a.b: there is no such key; it takes no configuration');
  assert.equal(refused('{"lim": 1}', (config) => config.integer('limit', 3)), 'lim: there is no such key; it knows `limit`');
  assert.equal(refused('{"a": "x"}', (config) => config.oneOf('a', ['y', 'z'])), 'a: is "x", a text; one of y, z is needed');
  assert.equal(refused('[]', () => {}), 'undefined: the configuration is not a JSON object');
  assert.equal(refused('{"a": 1}', (config) => config.all()), 'nothing');
});

test('integers of any size, as numbers and as texts', () => {
  const config = Config.parse('{"a": 9223372036854775807, "b": "-18446744073709551616", "c": 7, "d": 1.5}');
  assert.equal(config.bigint('a'), 9223372036854775807n);
  assert.equal(config.bigint('b'), -18446744073709551616n);
  assert.equal(config.bigint('c'), 7n);
  assert.equal(config.bigint('none', 5n), 5n);
  assert.equal(config.text('none', undefined), undefined);
  assert.equal(config.oneOf('none', ['x'], undefined), undefined);
  assert.throws(() => config.bigint('d'), /an integer, or a text of its digits, is needed/);
  assert.equal(config.number('d'), 1.5);
});
