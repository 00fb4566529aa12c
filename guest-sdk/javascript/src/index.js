// What a plugin's author uses.

export * as cbor from './cbor.js';
export { builder } from './builder.js';
export { BooleanColumn, Column, DecimalColumn, FixedBinaryColumn, NumberColumn, RawColumn, decimalText } from './column.js';
export { log } from './console.js';
export { Failure, Problem, Reject, atRow, atState } from './errors.js';
export { entries, value } from './keyed.js';
export { Mask } from './mask.js';
export { ListColumn, MapColumn, StructColumn } from './nested.js';
export { Operator, aggregate, filter, flatMap, fold, keyed, map } from './operators.js';
export { BinaryColumn, TextColumn } from './text.js';
export { Field, Type, notNull } from './types.js';
export { decodeUtf8, encodeUtf8 } from './utf8.js';
export { date, micros } from './time.js';
