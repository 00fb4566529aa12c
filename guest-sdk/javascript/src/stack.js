// The places of an error in the author's files. What runs is one bundle; its source map says what came from where. What of
// it is about these files is carried along as a text, of which an error needs some lines.

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** More frames tell nothing new, and a log line is bounded. */
const FRAMES = 12;

const VALUES = Object.fromEntries([...DIGITS].map((digit, at) => [digit, at]));

/** A line's segments: [column, source, line, column], all from 0. `state`, the last of source, line and column, goes on. */
function segmentsOf(text, state) {
  let at = 0;
  return text.split(',').filter(Boolean).map((segment) => {
    const numbers = [];
    let [bits, shift] = [0, 0];
    for (const digit of segment) {
      const sextet = VALUES[digit];
      bits |= (sextet & 31) << shift;
      shift += 5;
      if (sextet < 32) {
        numbers.push(bits & 1 ? -(bits >> 1) : bits >> 1);
        [bits, shift] = [0, 0];
      }
    }
    at += numbers[0];
    for (let part = 0; part < 3; part++) state[part] += numbers[part + 1] ?? 0;
    return [at, ...state];
  });
}

/** A number as source maps write it. */
function written(number) {
  let rest = number < 0 ? (-number << 1) | 1 : number << 1;
  let digits = '';
  do {
    digits += DIGITS[(rest & 31) | (rest > 31 ? 32 : 0)];
    rest >>>= 5;
  } while (rest > 0);
  return digits;
}

/** A source map's mappings with those sources alone that are kept, and each line by itself: in a call there is no time to
 * read all lines for one. */
export function byLine(mappings, keeps) {
  const state = [0, 0, 0];
  return mappings
    .split(';')
    .map((line) => {
      const before = [0, 0, 0, 0];
      const kept = segmentsOf(line, state).filter(([, source]) => keeps(source));
      return kept
        .map((segment) => {
          const text = segment.map((number, part) => written(number - before[part])).join('');
          segment.forEach((number, part) => (before[part] = number));
          return text;
        })
        .join(',');
    })
    .join(';');
}

/** A function that finds the frames of an error: `{ where, file, line, column }`. What is not the author's has none. */
export function tracer({ mappings, sources, file }) {
  let lines;
  const place = (line, column) => {
    lines ??= mappings.split(';');
    const segment = segmentsOf(lines[line - 1] ?? '', [0, 0, 0]).findLast(([from]) => from < column);
    return segment && { file: sources[segment[1]], line: segment[2] + 1, column: segment[3] + 1 };
  };
  return (stack) => {
    const frames = [];
    for (const text of String(stack ?? '').split('\n')) {
      const [, where, at, line, column] = /^\s*at (.*?)\s*\(?([^\s()]*):(\d+):(\d+)\)?$/.exec(text) ?? [];
      if (line === undefined) continue;
      const found = at.endsWith(file) ? place(Number(line), Number(column)) : undefined;
      if (found) frames.push({ where, ...found });
    }
    return frames;
  };
}

/** The stack as lines: `  at bind (plugin.ts:12:5)`. */
export function traced(frames) {
  return frames.slice(0, FRAMES).map(({ where, file, line, column }) => `  at ${where || '(top)'} (${file}:${line}:${column})`);
}
