// What the runtime has to offer. Under Node it is Node's own; in a component the contract's `text` and `log` stand in
// for what QuickJS lacks.

import { decodeUtf8, encodeUtf8 } from './utf8.js';

/** Offsets and bytes of a text column to strings, all at once. */
function decodeAll(offsets, data) {
  const strings = new Array(offsets.length - 1);
  for (let row = 0; row < strings.length; row++) strings[row] = decodeUtf8(data, offsets[row], offsets[row + 1]);
  return strings;
}

function encodeAll(strings) {
  const pieces = strings.map(encodeUtf8);
  const offsets = new Int32Array(strings.length + 1);
  let end = 0;
  pieces.forEach((piece, row) => {
    end += piece.length;
    offsets[row + 1] = end;
  });
  const data = new Uint8Array(end);
  pieces.forEach((piece, row) => data.set(piece, offsets[row]));
  return [offsets, data];
}

export const platform = {
  decode: decodeAll,
  encode: encodeAll,
  log(level, text) {
    globalThis.console[level](text);
  },
  /** A stack with the places in the author's files. */
  stack: (error) => String(error.stack ?? ''),
};
