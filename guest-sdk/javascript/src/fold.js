// Folds: aggregates written for one group at a time, as an aggregate over columns.

import * as cbor from './cbor.js';
import { builder } from './builder.js';
import { Failure, messageOf } from './errors.js';
import { fieldsOf } from './types.js';

/** What a fold's `bind` returned, as what an aggregate's would. A state is an object with a value for each of the columns
 * in `state`; without `state` any value, in one column of CBOR. */
export function folding(bound, spec) {
  const isEncoded = bound.state === undefined;
  const state = fieldsOf(isEncoded ? { state: 'binary' } : bound.state);
  const output = fieldsOf(bound.output);
  const inputs = bound.input === undefined ? [] : Array.isArray(bound.input) ? bound.input : [bound.input];

  const stored = (states, row) => {
    try {
      if (!isEncoded) return states.row(row);
      const bytes = states.columns[0].get(row);
      return cbor.decode(bytes);
    } catch (error) {
      throw new Failure(`the stored state cannot be read: ${messageOf(error)}`, { state: row }, { cause: error });
    }
  };
  const written = (values, fields) => {
    if (fields === state && isEncoded) {
      const made = builder('binary');
      for (const value of values) made.push(cbor.encode(value));
      return { state: made };
    }
    const made = fields.map(({ name, type }) => [name, builder(type)]);
    for (const value of values) {
      const single = made.length === 1 && (value === null || typeof value !== 'object' || value instanceof Uint8Array);
      for (const [name, part] of made) part.push(single ? value : value[name]);
    }
    return Object.fromEntries(made);
  };
  // What changes a state may return another one, or change the one that it was given.
  const next = (before, after) => (after === undefined ? before : after);

  return {
    state,
    output,
    stateVersion: bound.stateVersion,
    adjustable: bound.adjustable,
    partial(groups, batch) {
      const states = Array.from({ length: groups.count }, () => bound.init());
      const columns = inputs.map((input) => batch.get(input).toArray());
      const { ids } = groups;
      for (let row = 0; row < batch.rows; row++) {
        const group = ids[row];
        states[group] = next(states[group], bound.add(states[group], ...columns.map((column) => column[row])));
      }
      return written(states, state);
    },
    merge(groups, states) {
      const merged = new Array(groups.count);
      const { ids } = groups;
      for (let row = 0; row < states.rows; row++) {
        const group = ids[row];
        const later = stored(states, row);
        merged[group] = merged[group] === undefined ? later : next(merged[group], bound.merge(merged[group], later));
      }
      for (let group = 0; group < groups.count; group++) merged[group] ??= bound.init();
      return written(merged, state);
    },
    finish(states) {
      const values = [];
      for (let row = 0; row < states.rows; row++) values.push(bound.finish(stored(states, row)));
      return written(values, output);
    },
    /** A state of an older version: its columns as an object, or the bytes of the one. */
    migratedRow(from, states, row) {
      const migrate = bound.migrate ?? spec.migrate;
      const old = states.fields.length === 1 && states.fields[0].type.format === 'z' ? states.columns[0].get(row) : states.row(row);
      const made = migrate.call(bound, from, old);
      return isEncoded ? { state: cbor.encode(made) } : made;
    },
    migrate: bound.migrate,
  };
}
