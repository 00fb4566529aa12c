// The mean of a column, and how many values it is of.

import { aggregate, notNull } from '@millstream/guest';

export const mean = aggregate({
  summary: 'The mean of `column`, and how many values it has',
  takes: [['<column>', 'any number', 'what is averaged']],
  makes: [
    ['mean', 'float64', 'null where there is no value'],
    ['count', 'int64', 'values that are not null'],
  ],
  configSchema: { type: 'object', properties: { column: { type: 'string' } }, required: ['column'] },
  stateVersion: 1,

  bind(config, input) {
    const column = input.column(config.text('column')).number();
    return {
      state: { sum: notNull('float64'), count: notNull('int64') },
      output: { mean: 'float64', count: notNull('int64') },

      partial(groups, batch) {
        const values = batch.get(column);
        return { sum: groups.sum(values), count: groups.counts(values) };
      },

      merge(groups, states) {
        const count = new BigInt64Array(groups.count);
        groups.each(states.column('count'), (group, value) => {
          count[group] += value;
        });
        return { sum: groups.sum(states.column('sum')), count };
      },

      finish(states) {
        const [sum, count] = [states.column('sum'), states.column('count')];
        return {
          mean: Array.from(sum, (value, row) => (count.get(row) > 0n ? value / Number(count.get(row)) : null)),
          count,
        };
      },
    };
  },
});
