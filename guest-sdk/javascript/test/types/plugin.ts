// What must be fully typed in a plugin, and what must be an error: checked by `npm run types`, never run.

import {
  aggregate, builder, cbor, entries, filter, flatMap, fold, keyed, log, map, notNull, Reject, Type, value,
  type DecimalColumn, type NumberColumn,
} from '@millstream/guest';
import * as testing from '@millstream/guest/testing';

export const slow = filter({
  bind(config, input) {
    const millis = input.column('millis').int64();
    const least: bigint = config.bigint('least', 5n);
    return { call: (batch) => batch.get(millis).where((value) => value >= least) };
  },
});

export const parts = map({
  bind(config, input) {
    const list = input.column('items').list<NumberColumn<Float32Array>>('float32');
    const price = input.column('price').decimal();
    const mode: 'a' | 'b' = config.oneOf('mode', ['a', 'b'], 'a');
    return {
      output: { sum: 'float32', price: 'decimal(38, 2)', tags: 'list<utf8>', user: Type.struct({ name: 'utf8' }) },
      call(batch, out) {
        const prices: DecimalColumn = batch.get(price);
        return out.each((row) => {
          const items: Float32Array | null = batch.get(list).slice(row);
          if (items === null) throw new Reject(mode);
          return { sum: items.reduce((sum, item) => sum + item, 0), price: prices.get(row), tags: ['x'], user: { name: 'n' } };
        });
      },
    };
  },
});

// @ts-expect-error: `bind` is missing
filter({});
// @ts-expect-error: there is no such type
map({ bind: () => ({ output: { a: 'int' }, call: () => [] }) });

map({
  bind(_, input) {
    const x = input.column('x').int64();
    // @ts-expect-error: a BigInt, where a number is meant
    return { output: { y: 'int64' }, call: (batch) => batch.get(x).map((value) => value * 2) };
  },
});

export const top = fold<{ count: bigint }>({
  bind: (config, input) => ({
    input: input.column('x').utf8(),
    output: { count: 'int64' },
    init: () => ({ count: 0n }),
    add(state, x: string | null) {
      if (x !== null) state.count += 1n;
    },
    merge: (into, later) => ({ count: into.count + later.count }),
    finish: (state) => state.count,
  }),
});

export const seen = keyed({
  state: { count: value<bigint>(), devices: entries<string, { at: bigint }>() },
  bind(config, input) {
    const device = input.column('device').utf8();
    return {
      output: [['count', notNull('int64')]],
      eventTime: 'count',
      timeToLive: { clock: 'event-time', microseconds: 5_000_000n },
      needs: ({ rows, state, wanted }) => rows.get(device).toArray().forEach((name) => name && wanted.entry(state.devices, name)),
      onRows({ key, rows, state, out, timers }) {
        const count: bigint = state.count.update((count) => (count ?? 0n) + BigInt(rows.length));
        const at: bigint | undefined = state.devices.get('x')?.at;
        // @ts-expect-error: the entries' keys are texts
        state.devices.get(5);
        out.push({ count, at, user: key.get<string>('user') });
        timers.set(0, timers.now + 5n);
        console.log('seen', count);
        log.info(`${timers.watermark}`);
      },
      onTimer({ timer, state }) {
        const at: bigint = timer.at;
        if (at > 0n) state.removeAll();
      },
    };
  },
});

export const words = flatMap({
  bind: (config, input) => ({
    output: { word: 'utf8' },
    x: input.column('x').utf8(),
    call(batch, out) {
      const made = builder('utf8').push('a').pushBytes(cbor.encode(1n));
      if (made.byteLength > 5) return { parents: [0], columns: { word: made } };
      out.each((row, push) => push({ word: String(row) }));
      return undefined;
    },
  }),
});

const table = testing.rows({ x: 'int64' }, [{ x: 1n }]);
testing.filter(slow, {}, table).kept.length;
testing.keyed(seen, {}, ['x'], table).epoch(table, 5n).rows;
// @ts-expect-error: a filter is no map
testing.map(slow, {}, table);
// @ts-expect-error: nor a keyed operator an aggregate
testing.laws(seen, {}, table);
export { aggregate };
