// The logic, as plain JavaScript: also for the debugger.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { filter, rows } from '@millstream/guest/testing';

import { myPlugin } from './plugin.ts';

test('great values are kept', () => {
  const table = rows({ value: 'float64' }, [{ value: 1 }, { value: 2.5 }, {}]);
  assert.deepEqual(filter(myPlugin, { least: 2 }, table).rows, [{ value: 2.5 }]);
});
