// The logic, as plain JavaScript: also for the debugger.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keyed, rows } from '@millstream/guest/testing';

import { myPlugin } from './plugin.js';

test('who does not come is told of', () => {
  const types = { user: 'utf8', at: 'timestamp' };
  const job = keyed(myPlugin, {}, ['user'], rows(types, []));
  const came = [{ user: 'ann', at: 0n }, { user: 'bob', at: 5_000_000n }, { user: 'ann', at: 9_000_000n }];
  assert.deepEqual(job.epoch(rows(types, came)).rows, []);
  assert.deepEqual(job.watermark(66_000_000n).rows, [{ user: 'bob', at: 65_000_000n, rows: 1n }]);
});
