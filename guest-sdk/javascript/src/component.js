// Operators as the contract's exports: catalog, bind and call of each kind, and what becomes of errors.

import { builder } from './builder.js';
import { bytesOf, numbersOf } from './column.js';
import { Config } from './config.js';
import { speak } from './console.js';
import { Failure, Problem, messageOf } from './errors.js';
import { FlatOut } from './flat-map.js';
import { folding } from './fold.js';
import { Groups } from './groups.js';
import { toJson } from './json.js';
import { Key, KeyedOut, Rows, States, Timers, Wanted, dueOf, keptOf } from './keyed.js';
import { Mask } from './mask.js';
import { Operator } from './operators.js';
import { Out, columnsOf, crossing } from './outcome.js';
import { platform } from './platform.js';
import { Batch, Schema } from './schema.js';
import { traced } from './stack.js';
import { Field, fieldsOf, flatten, unflatten } from './types.js';
import { wellFormed } from './utf8.js';

/** The operators that a module exports, by their names. */
export function operatorsOf(module, component = 'operator') {
  const operators = new Map();
  for (const [exported, operator] of Object.entries(module)) {
    if (!(operator instanceof Operator)) continue;
    const name = operator.name ?? (exported === 'default' ? component : kebab(exported));
    if (!/^[A-Za-z0-9_-]+$/.test(name)) throw new TypeError(`\`${name}\` is no operator's name: letters, digits, - and _`);
    // The same operator under two names, one of them the default, is one.
    if ([...operators.values()].includes(operator)) continue;
    if (operators.has(name)) throw new TypeError(`two operators are called \`${name}\``);
    operators.set(name, operator);
  }
  if (operators.size === 0) {
    throw new TypeError('the plugin exports no operator: `export const NAME = filter({ … })`, or map, flatMap, aggregate, fold, keyed');
  }
  return operators;
}

function kebab(name) {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}

/** All that a component exports. `before` runs ahead of each call. */
export function component(module, { name, trace = () => [], before = () => {} } = {}) {
  const operators = operatorsOf(module, name);
  const slots = new Map();

  const list = () => [...operators].map(described);

  // Errors: a problem, or a failure, is an object that is thrown; an Error would end the instance.
  const told = (error) => {
    const cause = error.cause instanceof Error ? error.cause : error;
    const isMeant = error instanceof Problem || (error instanceof Failure && cause === error);
    const frames = cause instanceof Error ? trace(cause.stack) : [];
    const [own] = frames;
    const message = wellFormed(messageOf(error) + (isMeant || !own ? '' : ` (${own.file}:${own.line}:${own.column})`));
    if (!isMeant && frames.length > 0) platform.log('error', wellFormed([messageOf(error), ...traced(frames)].join('\n')));
    return message;
  };
  const guarded = (run, fails) => (...args) => {
    before();
    // The catalog is asked for where nobody listens.
    if (run !== list) speak();
    try {
      return run(...args);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Failure(messageOf(thrown));
      // For a test, which shows where it was thrown; it does not cross.
      throw Object.defineProperty(fails(error), 'cause', { value: error.cause ?? error });
    }
  };
  const problem = (error) => ({ key: error.key, message: told(error) });
  const failure = (error) => ({ message: told(error), about: aboutOf(error.about) });
  const binding = (run) => guarded(run, problem);
  const calling = (run) => guarded((slot, ...args) => run(slots.get(slot), ...args), failure);

  const bind = (slot, request, more = () => ({}), ...args) => {
    const operator = operators.get(request.operator);
    if (!operator) throw new Problem(`there is no operator \`${request.operator}\``);
    const { spec } = operator;
    const config = Config.parse(request.config);
    const schema = new Schema(request.input, request.site);
    let bound = spec.bind(config, schema, ...args);
    if (spec.isFold) bound = folding(bound, spec);
    if (bound === null || typeof bound !== 'object') throw new TypeError(`\`bind\` of \`${request.operator}\` returned no object`);
    config.refuseUnknownKeys();
    schema.refuseUnusedArguments();
    const { reads, fields } = schema.asked();
    const held = { spec, bound, fields, output: fieldsOf(bound.output) };
    const extra = more(held);
    slots.set(slot, held);
    return [{ reads, output: flatten(held.output), hints: schema.hints }, extra, held];
  };
  const simple = binding((slot, request) => bind(slot, request)[0]);
  const version = ({ spec, bound }) => bound.stateVersion ?? spec.stateVersion ?? 1;
  const adjustable = ({ spec, bound }) => bound.adjustable ?? spec.adjustable ?? [];

  return {
    catalog: { operators: guarded(list, failure) },

    filter: {
      bind: simple,
      call: calling(({ bound, fields }, input) => {
        const out = new Out(input.rows);
        let keep = bound.call(new Batch(fields, input), out);
        if (Array.isArray(keep)) keep = Mask.of(keep);
        if (!(keep instanceof Mask) || keep.length !== input.rows) {
          throw new TypeError(`a filter returns a mask of ${input.rows} rows, not ${keep instanceof Mask ? `one of ${keep.length}` : keep}`);
        }
        return { keep: keep.bytes, rejects: out.rejects.crossing() };
      }),
    },

    map: {
      bind: simple,
      call: calling(({ bound, fields, output }, input) => {
        const out = new Out(input.rows, output);
        const returned = bound.call(new Batch(fields, input), out);
        const columns = columnsOf(output, returned, input.rows, out.rejects);
        return { output: crossing(input.rows, columns), rejects: out.rejects.crossing() };
      }),
    },

    flatMap: {
      bind: simple,
      call: calling(({ bound, fields, output }, input, resume) => {
        const out = new FlatOut(input.rows, output);
        return out.crossing(bound.call(new Batch(fields, input), out, resume ?? undefined));
      }),
    },

    aggregate: {
      bind: binding((slot, request) => {
        const [binding, , held] = bind(slot, request);
        held.state = fieldsOf(held.bound.state);
        return {
          binding,
          state: flatten(held.state),
          stateVersion: version(held),
          adjustable: adjustable(held),
        };
      }),
      partial: calling(({ bound, fields, state }, groups, count, input) => {
        const made = bound.partial(new Groups(groups, count), new Batch(fields, input));
        return crossing(count, columnsOf(state, made, count));
      }),
      merge: calling(({ bound, state }, groups, count, states) => {
        const made = bound.merge(new Groups(groups, count), new StateBatch(state, states));
        return crossing(count, columnsOf(state, made, count));
      }),
      finish: calling(({ bound, state, output }, states) => {
        const made = bound.finish(new StateBatch(state, states));
        return crossing(states.rows, columnsOf(output, made, states.rows));
      }),
    },

    keyed: {
      bind: binding((slot, request, key) => {
        const keyFields = unflatten(key);
        const [binding, extra] = bind(slot, request, (held) => keyedBinding(held, keyFields), keyFields.map(({ name, type }) => ({ name, type })));
        const held = slots.get(slot);
        binding.output = flatten(held.output);
        return { binding, stateVersion: version(held), adjustable: adjustable(held), ...extra };
      }),
      needs: calling((held, step) => {
        const wanted = new Wanted(held.kept.kept);
        const { each, states } = keyedStep(held, step);
        if (held.bound.needs) {
          each((context, key) => {
            wanted.begin(key);
            held.bound.needs({ ...context, state: states.of(key), wanted });
          });
        }
        return wanted.crossing(crossing);
      }),
      call: calling(keyedCall),
    },

    migration: {
      migrate: calling((held, from, fields, states) => {
        const migrate = held.bound.migrate ?? held.spec.migrate;
        if (!migrate) throw new Failure(`states of version ${from} cannot be carried over: the plugin has no \`migrate\``);
        const stored = new StateBatch(unflatten(fields), states);
        const one = held.kept ? (row) => migratedValues(held, migrate, from, stored, row) : held.bound.migratedRow?.bind(held.bound, from, stored);
        if (!one) return crossing(states.rows, columnsOf(held.state, migrate.call(held.bound, from, stored), states.rows));
        const target = held.kept ? held.kept.kept.filter(([, { isMap }]) => !isMap).map(([name]) => Field.of(name, 'binary')) : held.state;
        const made = target.map(({ name, type }) => [name, builder(type)]);
        for (let row = 0; row < states.rows; row++) {
          try {
            const values = one(row);
            for (const [name, part] of made) part.push(values[name]);
          } catch (error) {
            throw new Failure(messageOf(error), { state: row }, { cause: error });
          }
        }
        return crossing(states.rows, made.map(([, part]) => part.finish()));
      }),
    },
  };
}

function aboutOf(about) {
  if (!about) return undefined;
  const [[tag, val]] = Object.entries(about);
  return { tag, val };
}

function described([name, { kind, spec }]) {
  const columns = (list, direction) =>
    (list ?? []).map(([name, typeText, summary = '']) => ({ name, direction, typeText, summary }));
  const schema = spec.configSchema;
  return {
    name,
    kind,
    summary: spec.summary ?? '',
    configSchema: schema === undefined || typeof schema === 'string' ? schema : toJson(schema),
    columns: [...columns(spec.takes, 'takes'), ...columns(spec.makes, 'makes')],
  };
}

/** States of an aggregate: columns by name. */
export class StateBatch extends Batch {
  /** The column of this name. */
  column(name) {
    const at = this.fields.findIndex((field) => field.name === name);
    if (at < 0) throw new RangeError(`the states have no column \`${name}\``);
    return this.columns[at];
  }

  /** A state as an object. */
  row(row) {
    return Object.fromEntries(this.fields.map(({ name }, at) => [name, this.columns[at].get(row)]));
  }
}

function keyedBinding(held, keyFields) {
  const { bound } = held;
  held.own = held.output;
  held.kept = keptOf(held.spec.state);
  held.keyFields = keyFields;
  held.hasKey = !bound.withoutKey;
  if (held.hasKey) {
    const both = keyFields.find(({ name }) => held.own.some((field) => field.name === name));
    if (both) {
      throw new Problem(
        `it makes a column \`${both.name}\`, and the key has one of that name, which comes out as well: give the key's column another name`,
      );
    }
    held.output = [...keyFields, ...held.own];
  }
  const eventTime = bound.eventTime === undefined ? undefined : held.output.findIndex(({ name }) => name === bound.eventTime);
  if (eventTime === -1) throw new Problem(`the output has no column \`${bound.eventTime}\` to be its event time`);
  const { timeToLive } = bound;
  return {
    state: held.kept.kept.map(([name, { isMap }]) => ({ name, isMap })),
    timeToLive: timeToLive && { domain: timeToLive.clock ?? 'event-time', microseconds: asNumber(timeToLive.microseconds, 'timeToLive.microseconds') },
    lateRows: bound.lateRows ?? 'hand-over',
    byEventTime: bound.byEventTime ?? false,
    eventTime,
    holdsBack: asNumber(bound.holdsBack ?? 0, 'holdsBack'),
    keepTimers: bound.keepTimers ?? false,
  };
}

// Numbers of 64 bits leave QuickJS as JavaScript's.
function asNumber(value, name) {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) throw new Problem(`\`${name}\` is ${value}; microseconds up to 2^53 are needed`);
  return number;
}

/** A step's keys, with `each(run)` for the rows or the timers of each. */
function keyedStep(held, step) {
  const keyBatch = new Batch(held.keyFields, step.keys);
  const rows = new Batch(held.fields, step.rows);
  const valueFields = held.kept.kept.filter(([, { isMap }]) => !isMap).map(([name]) => Field.of(name, 'binary'));
  const entryFields = [Field.of('key', 'binary'), Field.of('value', 'binary')];
  const maps = step.maps.map(({ state, keys, entries }) => ({ state, keys, entries: new Batch(entryFields, entries).columns }));
  const states = new States(held.kept, new Batch(valueFields, step.values).columns, maps, step.keys.rows);
  const offsets = numbersOf(Int32Array, step.rowOffsets);
  const keyOf = (key) => new Key(held.keyFields, keyBatch.columns, key);
  // A failure names its key in any case, so that the host knows it without looking for it.
  const about = (key, run) => {
    try {
      run();
    } catch (error) {
      const about = error?.about && 'state' in error.about ? { state: key } : { key };
      throw new Failure(messageOf(error), about, error instanceof Failure ? { cause: error.cause } : { cause: error });
    }
  };
  const each = (run) => {
    if (step.phase === 'timers') {
      for (const { key, number, timer } of dueOf(step.due)) {
        about(key, () => run({ key: keyOf(key), rows: new Rows(rows, 0, 0), timer }, key, number, 0, 0));
      }
      return;
    }
    for (let key = 0; key < step.keys.rows; key++) {
      const [from, to] = [offsets[key], offsets[key + 1]];
      about(key, () => run({ key: keyOf(key), rows: new Rows(rows, from, to), timer: undefined }, key, key, from, to - from));
    }
  };
  return { keyBatch, states, each };
}

function keyedCall(held, step) {
  const { bound, own } = held;
  const { keyBatch, states, each } = keyedStep(held, step);
  const out = new KeyedOut(own, step.rows.rows);
  const timers = new Timers(step);
  each((context, key, number, from, length) => {
    out.begin(key, number, from, length);
    timers.begin(key);
    const all = { ...context, state: states.of(key), out, timers };
    if (context.timer === undefined) bound.onRows(all);
    else bound.onTimer?.(all);
  });
  const columns = columnsOf(own, Object.fromEntries(out.made.map(([name, part]) => [name, part.finish()])), out.of.length);
  const keyColumns = held.hasKey ? keyBatch.columns.map((column) => column.take(out.keys)) : [];
  const [setTimers, clearTimers] = timers.crossing();
  return {
    output: crossing(out.of.length, [...keyColumns, ...columns]),
    outputOf: bytesOf(Uint32Array.from(out.of)),
    ...states.crossing(crossing),
    setTimers,
    clearTimers,
    rejects: out.rejects.crossing(),
    late: bytesOf(Uint32Array.from([...out.lateRows].sort((one, other) => one - other))),
  };
}

// Stored values of an older version: bytes in, what is kept now out.
function migratedValues({ bound, kept: { isOne, kept } }, migrate, from, stored, row) {
  const old = isOne ? stored.columns[0].get(row) : stored.row(row);
  const made = isOne ? { [kept[0][0]]: migrate.call(bound, from, old) } : migrate.call(bound, from, old);
  const bytes = {};
  for (const [name, { isMap, codec }] of kept) {
    if (!isMap && made[name] !== undefined && made[name] !== null) bytes[name] = codec.encode(made[name]);
  }
  return bytes;
}
