// The logic, as plain JavaScript: also for the debugger.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { map, rows } from '@millstream/guest/testing';

import { myPlugin } from './plugin.ts';

test('values are scaled', () => {
  const table = rows({ value: 'float64' }, [{ value: 1 }, {}]);
  const made = map(myPlugin, { factor: 3 }, table).rows;
  assert.deepEqual(made.map((row) => row.scaled), [3, null]);
});
