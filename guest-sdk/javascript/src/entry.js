// What the generated entry module of a component calls: the host's `log` and `text` take the place of what QuickJS lacks.

import { component } from './component.js';
import { numbersOf, bytesOf } from './column.js';
import { resetRandom } from './globals.js';
import { platform } from './platform.js';
import { tracer, traced } from './stack.js';
import { wellFormed } from './utf8.js';

export function start(module, { name, file, host }) {
  platform.log = (level, text) => host.log(level, wellFormed(text));
  platform.decode = (offsets, data) => host.decode(bytesOf(offsets), data);
  platform.encode = (strings) => {
    const [offsets, data] = host.encode(strings);
    return [numbersOf(Int32Array, offsets), data];
  };
  let found;
  // The map stands behind the bundle's end, and is there when the first call comes.
  const trace = (stack) => {
    found ??= tracer({ ...globalThis.__millstreamMap, file });
    return found(stack);
  };
  platform.stack = (error) => [`${error.name}: ${error.message}`, ...traced(trace(error.stack))].join('\n');
  return component(module, { name, trace, before: resetRandom });
}
