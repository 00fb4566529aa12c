// Keeps the rows whose `value` is so great at least.

import { filter } from '@millstream/guest';

export const myPlugin = filter({
  summary: 'Keeps the rows whose `value` is so great at least',

  bind(config, input) {
    const value = input.column('value').number();
    const least = config.number('least');
    return {
      call: (batch) => batch.get(value).where((value) => value >= least),
    };
  },
});
