// Adds a number to a column, exactly.

import { Problem, map, type BoundMap, type Input, type NumberColumn } from '@millstream/guest';

type Integers = NumberColumn<BigInt64Array> | NumberColumn<BigUint64Array>;

const LIMITS = { int64: [-(2n ** 63n), 2n ** 63n - 1n], uint64: [0n, 2n ** 64n - 1n] } as const;

export const plus = map({
  summary: 'Adds `plus` to `column`',
  takes: [['<column>', 'int64, uint64 or float64', 'what is added to']],
  makes: [['sum', 'as the column', 'the value and `plus`']],
  configSchema: {
    type: 'object',
    properties: { column: { type: 'string' }, plus: { type: ['number', 'string'] } },
    required: ['column', 'plus'],
  },

  bind(config, input) {
    const column = input.column(config.text('column'));
    switch (column.type.name) {
      case 'float64':
        return floats(column.float64(), config.number('plus'));
      case 'int64':
        return integers(column.int64(), 'int64', config.bigint('plus'));
      case 'uint64':
        return integers(column.uint64(), 'uint64', config.bigint('plus'));
      default:
        throw new Problem(`column \`${column.name}\` is ${column.type.name}; this plugin needs int64, uint64 or float64`);
    }
  },
});

function floats(column: Input<NumberColumn<Float64Array>>, plus: number): BoundMap {
  return {
    output: { sum: 'float64' },
    call: (batch) => batch.get(column).map((value) => value + plus),
  };
}

function integers(column: Input<Integers>, type: 'int64' | 'uint64', plus: bigint): BoundMap {
  const [least, most] = LIMITS[type];
  // The values for which the sum is in range.
  const [from, to] = plus > 0n ? [least, most - plus] : [least - plus, most];
  return {
    output: { sum: type },
    call(batch, out) {
      const values = batch.get(column);
      let fits = true;
      // The array takes any sum, and keeps its last 64 bits: whether one does not fit is looked at once.
      const sums = values.map((value) => {
        if (value > to || value < from) fits = false;
        return value + plus;
      });
      if (!fits) {
        for (const row of values.where((value) => value > to || value < from)) {
          out.reject(row, `${values.get(row)} + ${plus} does not fit ${type}`);
        }
      }
      return sums;
    },
  };
}
