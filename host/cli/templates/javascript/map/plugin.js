// Adds `scaled`, which is `value` so many times.

import { Reject, map } from '@millstream/guest';

export const myPlugin = map({
  summary: 'Adds `scaled`, which is `value` so many times',

  bind(config, input) {
    const value = input.column('value').number();
    const factor = config.number('factor', 2);
    return {
      output: { scaled: 'float64' },
      call(batch, out) {
        const values = batch.get(value);
        return out.each((row) => {
          const value = values.get(row);
          if (value === null) return { scaled: null };
          const scaled = value * factor;
          if (!Number.isFinite(scaled)) throw new Reject('it would be too large');
          return { scaled };
        });
      },
    };
  },
});
