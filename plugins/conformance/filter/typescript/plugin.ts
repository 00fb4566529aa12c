// Keeps the rows whose text has another text in it.

import { filter } from '@millstream/guest';

export const contains = filter({
  summary: 'Keeps the rows whose `column` contains `text`',
  takes: [['<column>', 'text', 'what is searched']],
  configSchema: {
    type: 'object',
    properties: { column: { type: 'string' }, text: { type: 'string' } },
    required: ['column', 'text'],
  },

  bind(config, input) {
    const column = input.column(config.text('column')).utf8();
    const text = config.text('text');
    return {
      call(batch, out) {
        const texts = batch.get(column);
        out.rejectAll(texts.isEmpty(), 'an empty text');
        return texts.contains(text);
      },
    };
  },
});
