import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cbor } from '../src/index.js';
import { chance } from './random.js';

const hex = (bytes) => Buffer.from(bytes).toString('hex');

test('examples of RFC 8949, appendix A', () => {
  for (const [value, bytes] of [
    [0n, '00'],
    [23n, '17'],
    [24n, '1818'],
    [1000000n, '1a000f4240'],
    [1000000000000n, '1b000000e8d4a51000'],
    [2n ** 64n - 1n, '1bffffffffffffffff'],
    [-1n, '20'],
    [-1000n, '3903e7'],
    [-(2n ** 63n), '3b7fffffffffffffff'],
    [1.1, 'fb3ff199999999999a'],
    [true, 'f5'],
    [null, 'f6'],
    ['IETF', '6449455446'],
    ['水', '63e6b0b4'],
    [Uint8Array.of(1, 2, 3, 4), '4401020304'],
    [[1n, [2n, 3n]], '8201820203'],
    [{ a: 1n, b: [2n, 3n] }, 'a26161016162820203'],
  ]) {
    assert.equal(hex(cbor.encode(value)), bytes);
    assert.deepEqual(cbor.decode(Buffer.from(bytes, 'hex')), value);
  }
});

test('what the SDK in Rust writes is read: lengths that are not known, float32, integers of 128 bits', () => {
  const read = (bytes) => cbor.decode(Buffer.from(bytes, 'hex'));
  assert.deepEqual(read('9f0102ff'), [1n, 2n]);
  assert.deepEqual(read('bf6161f5ff'), { a: true });
  assert.equal(read('fa3fc00000'), 1.5);
  assert.deepEqual(read('a1016161'), new Map([[1n, 'a']]));
  for (const wide of [2n ** 64n, -(2n ** 63n) - 1n, 2n ** 127n - 1n, -(2n ** 127n)]) {
    assert.equal(cbor.int128(cbor.decode(cbor.encode(wide))), wide);
  }
});

test('what comes out is what went in', () => {
  for (let seed = 0; seed < 200; seed++) {
    const by = chance(seed);
    const make = (depth) => {
      const leaves = [by.int64(), by.uint64(), by.float64(), by.text(), true, null, Uint8Array.of(by.below(256))];
      if (depth === 0 || by.next() < 0.4) return by.oneOf(leaves);
      if (by.next() < 0.5) return Array.from({ length: by.below(30) }, () => make(depth - 1));
      return Object.fromEntries(Array.from({ length: by.below(5) }, (_, at) => [`${by.text(3)}${at}`, make(depth - 1)]));
    };
    const value = make(3);
    assert.deepEqual(cbor.decode(cbor.encode(value)), value);
  }
});

test('whatever the bytes are, there is a value or an error', () => {
  const whole = cbor.encode({ list: [1n, 2.5, 'text'], bytes: new Uint8Array(300) });
  for (let end = 0; end < whole.length; end++) assert.throws(() => cbor.decode(whole.slice(0, end)), RangeError);
  for (let seed = 0; seed < 500; seed++) {
    const by = chance(seed);
    const bytes = Uint8Array.from({ length: by.below(20) }, () => by.below(256));
    try {
      cbor.decode(bytes);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }
  assert.throws(() => cbor.decode(new Uint8Array(1000).fill(0x81)), /nested deeper/);
  assert.throws(() => cbor.decode(Uint8Array.of(1, 1)), /1 bytes are left over/);
});

test('what would not come back is refused', () => {
  assert.throws(() => cbor.encode({ at: new Date() }), /a Date cannot be stored/);
  assert.throws(() => cbor.encode(() => 1), /a function cannot be stored/);
  assert.deepEqual(cbor.decode(cbor.encode({ a: undefined, b: 1n })), { b: 1n });
});
