// Who is seen, and who has gone: a row for each key that comes, and one when it has been away for a while.

import { keyed } from '@millstream/guest';

export const visits = keyed({
  summary: 'Says when a key is seen, and when it has been away for `gap_seconds`',
  takes: [['<time>', 'timestamp', 'when a row happened']],
  makes: [
    ['at', 'timestamp', 'when the key was last seen, or was gone'],
    ['what', 'text', '"seen" or "gone"'],
    ['count', 'int64', 'how many rows the key had'],
  ],
  configSchema: {
    type: 'object',
    properties: { time: { type: 'string' }, gap_seconds: { type: 'integer' } },
    required: ['time'],
  },
  stateVersion: 1,
  adjustable: ['gap_seconds'],

  bind(config, input) {
    const time = input.column(config.text('time')).timestamp();
    const gap = config.bigint('gap_seconds', 60n) * 1_000_000n;
    return {
      output: { at: 'timestamp', what: 'utf8', count: 'int64' },
      eventTime: 'at',

      onRows({ rows, state, out, timers }) {
        let visit = state.get();
        rows.get(time).toArray().forEach((at, row) => {
          if (at === null) {
            out.reject(row, 'no time');
            return;
          }
          visit = { count: (visit?.count ?? 0n) + 1n, last: visit && visit.last > at ? visit.last : at };
          out.push({ at: visit.last, what: 'seen', count: visit.count });
        });
        if (visit === undefined) return;
        state.set(visit);
        timers.set(0, visit.last + gap);
      },

      onTimer({ timer, state, out }) {
        const visit = state.get();
        if (visit === undefined) return;
        out.push({ at: timer.at, what: 'gone', count: visit.count });
        state.remove();
      },
    };
  },
});
