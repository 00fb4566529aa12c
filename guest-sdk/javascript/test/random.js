// Numbers by chance that are the same in each run, and values of all kinds made of them.

export function chance(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (most) => Math.floor(next() * most);
  const oneOf = (list) => list[below(list.length)];
  const LETTERS = ['a', 'b', 'e', ' ', 'ä', '€', '😀', '\0', 'ab'];
  return {
    next,
    below,
    oneOf,
    text: (most = 12) => Array.from({ length: below(most) }, () => oneOf(LETTERS)).join(''),
    int64: () => oneOf([0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(below(1e6)) * 10n ** 9n]),
    uint64: () => oneOf([0n, 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 53n + 1n, BigInt(below(1e6))]),
    float64: () => oneOf([0, -0, 1.5, -2.25, NaN, Infinity, -Infinity, Number.MAX_VALUE, 5e-324, next() * 1000]),
  };
}
