// The logic, as plain JavaScript: also for the debugger.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aggregate, laws, rows } from '@millstream/guest/testing';

import { myPlugin } from './plugin.js';

test('each group has its mean', () => {
  const table = rows({ value: 'float64' }, [{ value: 2 }, { value: 4 }, {}]);
  assert.deepEqual(aggregate(myPlugin, {}, table, [0, 0, 1]).rows, [{ mean: 3 }, { mean: null }]);
  laws(myPlugin, {}, table);
});
