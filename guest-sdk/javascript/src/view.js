// The arrays that cross as columns, each with the view that its type has.

import { BooleanColumn, DecimalColumn, FixedBinaryColumn, NumberColumn, RawColumn, numbersOf } from './column.js';
import { ListColumn, MapColumn, StructColumn } from './nested.js';
import { BinaryColumn, TextColumn } from './text.js';

/** The next column of `type` among the arrays that cross; `state.at` goes on behind it. */
export function viewOf(type, arrays, state = { at: 0 }) {
  const first = state.at;
  const { rows, validity, buffers } = arrays[state.at++];
  if (type.dictionary) {
    const skip = (part) => part.children.forEach(({ type }) => (state.at++, skip(type)));
    skip(type);
    return new RawColumn(type, rows, validity, arrays.slice(first, state.at));
  }
  const children = type.children.map((child) => viewOf(child.type, arrays, state));
  const offsets = () => numbersOf(Int32Array, buffers[0], rows + 1);
  if (type.Values) return new NumberColumn(type, rows, validity, numbersOf(type.Values, buffers[0], rows));
  if (type.precision !== undefined) return new DecimalColumn(type, rows, validity, buffers[0]);
  if (type.format.startsWith('w:')) return new FixedBinaryColumn(type, rows, validity, buffers[0]);
  if (type.format.startsWith('+w:')) return new ListColumn(type, rows, validity, null, children[0]);
  switch (type.format) {
    case 'b':
      return new BooleanColumn(type, rows, validity, buffers[0]);
    case 'u':
      return new TextColumn(type, rows, validity, offsets(), buffers[1]);
    case 'z':
      return new BinaryColumn(type, rows, validity, offsets(), buffers[1]);
    case '+l':
      return new ListColumn(type, rows, validity, offsets(), children[0]);
    case '+m':
      return new MapColumn(type, rows, validity, offsets(), children[0]);
    case '+s':
      return new StructColumn(type, rows, validity, children);
    default:
      return new RawColumn(type, rows, validity, arrays.slice(first, state.at));
  }
}

/** The columns of these fields. */
export function viewsOf(fields, arrays) {
  const state = { at: 0 };
  return fields.map(({ type }) => viewOf(type, arrays, state));
}

/** The same values with another validity. */
export function withValidity(column, validity) {
  const [first, ...rest] = column.arrays();
  return viewOf(column.type, [{ ...first, validity: validity ?? undefined }, ...rest]);
}
