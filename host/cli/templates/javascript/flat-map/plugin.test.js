// The logic, as plain JavaScript: also for the debugger.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { flatMap, rows } from '@millstream/guest/testing';

import { myPlugin } from './plugin.js';

test('words are rows', () => {
  const table = rows({ text: 'utf8' }, [{ text: 'a rose is' }, {}, { text: '' }]);
  const made = flatMap(myPlugin, {}, table).rows;
  assert.deepEqual(made.map((row) => row.word), ['a', 'rose', 'is']);
});
