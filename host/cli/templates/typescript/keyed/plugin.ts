// Tells of each key that has not come for a while how many rows it had.

import { keyed, value } from '@millstream/guest';

interface Seen {
  rows: bigint;
  last: bigint;
}

export const myPlugin = keyed({
  summary: 'Tells of each key that has not come for a while how many rows it had',
  state: value<Seen>(),
  // What is kept of a key is the same, whenever it counts as gone.
  adjustable: ['away_seconds'],

  bind(config, input) {
    const time = input.column('at').timestamp();
    const away = config.bigint('away_seconds', 60n) * 1_000_000n;
    return {
      output: { at: 'timestamp', rows: 'uint64' },
      eventTime: 'at',

      onRows({ rows, state, timers }) {
        const seen = state.get() ?? { rows: 0n, last: 0n };
        for (const at of rows.get(time)) {
          seen.rows += 1n;
          if (at !== null && at > seen.last) seen.last = at;
        }
        state.set(seen);
        timers.set(0, seen.last + away);
      },

      onTimer({ timer, state, out }) {
        const seen = state.get();
        if (seen !== undefined) out.push({ at: timer.at, rows: seen.rows });
        state.remove();
      },
    };
  },
});
