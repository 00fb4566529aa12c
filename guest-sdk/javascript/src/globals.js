// What a component's modules find as globals that QuickJS lacks. This module is loaded before the plugin's.

import { console } from './console.js';
import { decodeUtf8, encodeUtf8, isUtf8 } from './utf8.js';

globalThis.console ??= console;

globalThis.TextEncoder ??= class TextEncoder {
  encoding = 'utf-8';

  encode(text = '') {
    return encodeUtf8(String(text));
  }
};

globalThis.TextDecoder ??= class TextDecoder {
  encoding = 'utf-8';

  constructor(label = 'utf-8') {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`only utf-8 is known here, not ${label}`);
  }

  decode(bytes = new Uint8Array()) {
    const view = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
    if (!isUtf8(view)) throw new TypeError('these bytes are no UTF-8');
    return decodeUtf8(view);
  }
};

let seed = 0;

/** Random numbers begin anew with each call: what it returns must not depend on the calls before. */
export function resetRandom() {
  seed = 0x9e3779b9;
}

Math.random = () => {
  // mulberry32, by Tommy Ettinger, public domain.
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};
