// The mean of `value`.

import { fold } from '@millstream/guest';

export const myPlugin = fold({
  summary: 'The mean of `value`',

  bind(config, input) {
    return {
      input: input.column('value').number(),
      output: { mean: 'float64' },
      init: () => ({ sum: 0, count: 0 }),
      add(state, value) {
        if (value === null) return;
        state.sum += value;
        state.count += 1;
      },
      merge(into, later) {
        into.sum += later.sum;
        into.count += later.count;
      },
      finish: ({ sum, count }) => ({ mean: count > 0 ? sum / count : null }),
    };
  },
});
