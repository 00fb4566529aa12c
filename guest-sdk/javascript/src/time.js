// Points in time: microseconds since 1970 as BigInts.

/** Microseconds of a Date, of its milliseconds, or of a text as Date reads it. */
export function micros(time) {
  const milliseconds = time instanceof Date ? time.getTime() : typeof time === 'number' ? time : Date.parse(time);
  if (!Number.isFinite(milliseconds)) throw new RangeError(`${time} is no point in time`);
  return BigInt(Math.round(milliseconds)) * 1000n;
}

/** A Date, which knows milliseconds only: what is smaller is dropped. */
export function date(microseconds) {
  return new Date(Number((microseconds - (((microseconds % 1000n) + 1000n) % 1000n)) / 1000n));
}
