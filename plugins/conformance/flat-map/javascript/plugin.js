// One row for each word of a text.

import { flatMap, notNull } from '@millstream/guest';

const MOST = 1000;

export const words = flatMap({
  summary: 'One row for each word of `column`, split at spaces',
  takes: [['<column>', 'text', 'what is split']],
  makes: [
    ['word', 'text', 'a word'],
    ['at', 'int64', 'which word of its row it is, from 0'],
  ],
  configSchema: { type: 'object', properties: { column: { type: 'string' } }, required: ['column'] },

  bind(config, input) {
    const column = input.column(config.text('column')).utf8();
    return {
      output: { word: notNull('utf8'), at: notNull('int64') },

      call(batch, out) {
        const { parents, pieces, numbers } = batch.get(column).split(' ');
        // Rows of words that are so far apart are the same one: it has too many.
        const tooMany = new Set(parents.subarray(MOST).filter((row, at) => parents[at] === row));
        if (tooMany.size === 0) return { parents, columns: { word: pieces, at: numbers } };
        for (const row of tooMany) out.reject(row, `more than ${MOST} words`);
        const kept = Array.from(parents.keys()).filter((at) => !tooMany.has(parents[at]));
        return {
          parents: kept.map((at) => parents[at]),
          columns: { word: pieces.take(kept), at: kept.map((at) => numbers[at]) },
        };
      },
    };
  },
});
