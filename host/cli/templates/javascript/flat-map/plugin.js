// One row for each word of `text`.

import { flatMap, notNull } from '@millstream/guest';

export const myPlugin = flatMap({
  summary: 'One row for each word of `text`',

  bind(config, input) {
    const text = input.column('text').utf8();
    return {
      output: { word: notNull('utf8') },
      call(batch, out) {
        const texts = batch.get(text);
        out.each((row, push) => {
          for (const word of (texts.get(row) ?? '').match(/\S+/g) ?? []) push({ word });
        });
      },
    };
  },
});
