// `console`, which writes to the operator's log: QuickJS has none. Objects are shown on one line, so deep and no deeper.

import { platform } from './platform.js';

const DEEP = 4;
const MANY = 100;
/** The host cuts a line there. */
const LINE = 4096;

/** A value as it is shown in a log. */
export function inspect(value, depth = 0, seen = []) {
  switch (typeof value) {
    case 'string':
      return depth === 0 ? value : JSON.stringify(value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return `[Function ${value.name || 'anonymous'}]`;
    case 'object':
      break;
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
  if (value === null) return 'null';
  if (value instanceof Error) return platform.stack(value) || `${value.name}: ${value.message}`;
  if (value instanceof Date) return value.toISOString();
  if (seen.includes(value)) return '[Circular]';
  const inner = [...seen, value];
  const name = value.constructor?.name ?? '';
  if (depth >= DEEP) return `[${name || 'Object'}]`;
  const show = (part) => inspect(part, depth + 1, inner);
  const several = (parts, count) => (count > MANY ? [...parts, `… ${count - MANY} more`] : parts).join(', ');
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const parts = Array.prototype.slice.call(value, 0, MANY).map(show);
    return `${Array.isArray(value) ? '' : `${name}(${value.length}) `}[${several(parts, value.length)}]`;
  }
  if (value instanceof Map) {
    const parts = [...value].slice(0, MANY).map(([key, item]) => `${show(key)} => ${show(item)}`);
    return `Map(${value.size}) {${several(parts, value.size)}}`;
  }
  if (value instanceof Set) return `Set(${value.size}) {${several([...value].slice(0, MANY).map(show), value.size)}}`;
  const keys = Object.keys(value);
  const parts = keys.slice(0, MANY).map((key) => `${key}: ${show(value[key])}`);
  return `${name && name !== 'Object' ? `${name} ` : ''}{${several(parts, keys.length)}}`;
}

// What the plugin says while it is loaded, before there is a host to say it to: told in its first call.
let early = [];

export function speak() {
  const told = early ?? [];
  early = null;
  told.forEach(([level, line]) => platform.log(level, line));
}

function write(level, parts) {
  const line = parts.map((part) => inspect(part)).join(' ').slice(0, LINE);
  if (early !== null) {
    if (early.length < MANY) early.push([level, line]);
  } else platform.log(level, line);
}

const writing = (level) => (...parts) => write(level, parts);

export const console = {
  debug: writing('debug'),
  trace: writing('debug'),
  log: writing('info'),
  info: writing('info'),
  dir: writing('info'),
  table: writing('info'),
  warn: writing('warn'),
  error: writing('error'),
  assert(condition, ...parts) {
    if (!condition) write('error', ['assertion failed', ...parts]);
  },
};

/** A line in the operator's log. */
export const log = {
  debug: (text) => platform.log('debug', String(text)),
  info: (text) => platform.log('info', String(text)),
  warn: (text) => platform.log('warn', String(text)),
  error: (text) => platform.log('error', String(text)),
};
