// The mean of a column, and how many values it is of.

import { aggregate, notNull, type NumberColumn } from '@millstream/guest';

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
        groups.each(states.column<NumberColumn<BigInt64Array>>('count'), (group, value) => {
          count[group]! += value;
        });
        return { sum: groups.sum(states.column<NumberColumn<Float64Array>>('sum')), count };
      },

      finish(states) {
        const sum = states.column<NumberColumn<Float64Array>>('sum');
        const count = states.column<NumberColumn<BigInt64Array>>('count');
        return {
          mean: sum.toArray().map((value, row) => {
            const values = count.get(row);
            return value === null || values === null || values === 0n ? null : value / Number(values);
          }),
          count,
        };
      },
    };
  },
});
