// The SDK's types, for plugins in TypeScript and for editors.

/** A type as a job file writes it, or one made by `Type`. */
export type TypeName =
  | 'boolean' | 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64'
  | 'float32' | 'float64' | 'utf8' | 'binary' | 'date' | 'timestamp'
  | `decimal(${number}, ${number})` | `list<${string}>`;
export type TypeLike = TypeName | Type;
/** Columns by name; or `[name, type]` one by one. */
export type Fields = Record<string, TypeLike | NotNull> | readonly (readonly [string, TypeLike | NotNull])[];

export class Type {
  private constructor();
  readonly format: string;
  readonly children: readonly Field[];
  readonly dictionary: boolean;
  readonly precision: number | undefined;
  readonly scale: number | undefined;
  /** In words, as messages have it. */
  readonly name: string;
  readonly isInteger: boolean;
  readonly isNumber: boolean;
  equals(other: Type): boolean;
  static of(type: TypeLike): Type;
  static list(item: TypeLike): Type;
  static fixedList(item: TypeLike, size: number): Type;
  static struct(fields: Fields): Type;
  static map(key: TypeLike, value: TypeLike): Type;
}

export class Field {
  constructor(name: string, type: Type, nullable?: boolean, metadata?: [string, string][]);
  readonly name: string;
  readonly type: Type;
  readonly nullable: boolean;
  readonly metadata: [string, string][];
}

declare class NotNull {
  private constructor();
  readonly type: Type;
}
export type { NotNull };

/** A type whose column promises that it has no nulls. */
export function notNull(type: TypeLike): NotNull;

/** Which rows of a batch. */
export class Mask {
  constructor(length: number, bytes?: Uint8Array);
  static all(length: number): Mask;
  static of(items: readonly unknown[]): Mask;
  readonly length: number;
  readonly bytes: Uint8Array;
  /** How many rows. */
  readonly count: number;
  get(row: number): boolean;
  set(row: number, value?: boolean): this;
  and(other: Mask): Mask;
  or(other: Mask): Mask;
  not(): Mask;
  /** The rows, ascending. */
  indices(): Uint32Array;
  [Symbol.iterator](): IterableIterator<number>;
}

type RowNumbers = Uint32Array | readonly number[];

/** A column: so many rows, of which some may be null. */
export abstract class Column<T = unknown> {
  protected constructor();
  readonly type: Type;
  readonly length: number;
  /** A bitmap, 1 = present; null: no nulls. */
  readonly validity: Uint8Array | null;
  readonly valid: Mask;
  readonly nullCount: number;
  isValid(row: number): boolean;
  get(row: number): T | null;
  toArray(): (T | null)[];
  [Symbol.iterator](): IterableIterator<T | null>;
  /** The rows for which the test holds; never a null. */
  where(test: (value: T) => boolean): Mask;
  take(rows: RowNumbers): this;
  filter(mask: Mask): this;
}

export type Numbers =
  | Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array
  | BigInt64Array | BigUint64Array;

export class NumberColumn<V extends Numbers = Numbers> extends Column<V[number]> {
  private constructor();
  /** All values, without a copy; what stands in a null's place means nothing. */
  readonly values: V;
  /** A column of the same type: `change` of each value. It is called for what stands in nulls' places too. */
  map(change: (value: V[number], row: number) => V[number]): NumberColumn<V>;
  /** A date or a timestamp as a Date, which knows milliseconds only. */
  date(row: number): Date | null;
}

export class BooleanColumn extends Column<boolean> {
  private constructor();
  readonly bits: Uint8Array;
  /** The rows that are true. */
  readonly mask: Mask;
}

/** Bytes: what is asked of the whole column at once is quick. */
export class BinaryColumn<T = Uint8Array> extends Column<T> {
  protected constructor();
  readonly offsets: Int32Array;
  readonly data: Uint8Array;
  /** A row's bytes, without a copy. */
  bytes(row: number): Uint8Array;
  byteLengths(): Int32Array;
  isEmpty(): Mask;
  contains(part: string | Uint8Array): Mask;
  startsWith(part: string | Uint8Array): Mask;
  endsWith(part: string | Uint8Array): Mask;
  equals(whole: string | Uint8Array): Mask;
  /** The pieces of each row between separators, which are one byte; empty ones are passed over. */
  split(separator: string | Uint8Array): { parents: Uint32Array; pieces: BinaryColumn<T>; numbers: BigInt64Array };
  /** Each place of a byte in the column, with its row. */
  eachByte(byte: number, found: (row: number, at: number) => void): void;
}

/** Text. Strings are made for the whole column at once, when the first is asked for. */
export class TextColumn extends BinaryColumn<string> {
  private constructor();
  strings(): readonly (string | null)[];
}

export class FixedBinaryColumn extends Column<Uint8Array> {
  private constructor();
  readonly data: Uint8Array;
  readonly size: number;
}

/** Decimals, in units of the last place. */
export class DecimalColumn extends Column<bigint> {
  private constructor();
  readonly data: Uint8Array;
  /** As it is written: `12.50`. */
  text(row: number): string | null;
}

export class ListColumn<C extends Column = Column> extends Column<(C extends Column<infer T> ? T | null : unknown)[]> {
  protected constructor();
  /** The items of all rows, one after the other. */
  readonly items: C;
  range(row: number): [from: number, to: number];
  /** A row's numbers without a copy; null where the row is null, or one of its items. */
  slice(row: number): C extends NumberColumn<infer V> ? V | null : never;
}

export class StructColumn extends Column<Record<string, unknown>> {
  private constructor();
  child<C extends Column = Column>(name: string): C;
}

export class MapColumn extends Column<Map<unknown, unknown>> {
  private constructor();
  readonly keys: Column;
  readonly mapValues: Column;
  range(row: number): [from: number, to: number];
}

/** Columns of types that have no view of their own, as they cross. */
export class RawColumn extends Column<never> {
  private constructor();
  readonly raw: { rows: number; validity?: Uint8Array; buffers: Uint8Array[] }[];
}

/** A decimal of so many units of the last place, as it is written. */
export function decimalText(units: bigint, scale: number): string;

export interface Builder<T = any> {
  readonly length: number;
  push(value: T | null | undefined): this;
  pushNull(): this;
  finish(): Column<T>;
}
export interface BytesBuilder<T> extends Builder<T> {
  readonly byteLength: number;
  /** Adds bytes as they are: quicker than a string. */
  pushBytes(bytes: Uint8Array): this;
}
export interface ListBuilder extends Builder<Iterable<any>> {
  /** The items of the row under way. */
  readonly items: Builder;
  /** Ends a row, of the items that were added since the last one. */
  close(): this;
}
export function builder(type: 'utf8'): BytesBuilder<string>;
export function builder(type: 'binary'): BytesBuilder<Uint8Array>;
export function builder(type: 'int64' | 'uint64'): Builder<bigint | number>;
export function builder(type: 'timestamp'): Builder<bigint | number | Date>;
export function builder(type: 'float64' | 'float32' | 'int32' | 'uint32' | 'int16' | 'uint16' | 'int8' | 'uint8' | 'date'): Builder<number>;
export function builder(type: 'boolean'): Builder<boolean>;
export function builder(type: `list<${string}>`): ListBuilder;
export function builder(type: TypeLike): Builder;

/** What stands for an output column: a column, a builder, a typed array, or values one by one. */
export type ColumnLike = Column | Builder | Numbers | Mask | Iterable<unknown>;
/** Output columns by name; of a single one the column itself will do. */
export type Columns = Record<string, ColumnLike> | ColumnLike;

/** Why a configuration or an input is refused, in `bind`. */
export class Problem extends Error {
  constructor(message: string, key?: string);
  readonly key: string | undefined;
}
export type About = { row: number } | { key: number } | { state: number };
/** Why a call failed, and what it is about. */
export class Failure extends Error {
  constructor(message: string, about?: About, options?: { cause?: unknown });
  readonly about: About | undefined;
}
/** Thrown where one row is dealt with (`out.each`): the row goes to the dead letters with this reason. */
export class Reject extends Error {
  constructor(reason: string);
}
export function atRow(row: number, error: unknown): Failure;
export function atState(row: number, error: unknown): Failure;

/** The job's `with` table. A key that nobody asks for is refused; problems name their key. */
export interface Config {
  has(key: string): boolean;
  /** Whatever it is; integers beyond 2^53 are BigInts. */
  get(key: string, otherwise?: unknown): unknown;
  text(key: string): string;
  text<T>(key: string, otherwise: T): string | T;
  boolean(key: string): boolean;
  boolean<T>(key: string, otherwise: T): boolean | T;
  number(key: string): number;
  number<T>(key: string, otherwise: T): number | T;
  /** Up to 2^53. */
  integer(key: string): number;
  integer<T>(key: string, otherwise: T): number | T;
  /** Of any size, exactly: an integer, or a text of its digits. */
  bigint(key: string): bigint;
  bigint<T>(key: string, otherwise: T): bigint | T;
  list(key: string): unknown[];
  list<T>(key: string, otherwise: T): unknown[] | T;
  texts(key: string): string[];
  texts<T>(key: string, otherwise: T): string[] | T;
  table(key: string): Config;
  table<T>(key: string, otherwise: T): Config | T;
  oneOf<const C extends string>(key: string, choices: readonly C[], otherwise?: C): C;
  /** The whole table; no key is refused then. */
  all(): Record<string, unknown>;
}

declare const column: unique symbol;
/** A column that `bind` asked for: `batch.get` takes it. */
export interface Input<C extends Column> {
  readonly [column]: C;
}

/** A column of the input, or a part of one: look at it, then say as what it is to be read. */
export interface InputColumn {
  readonly name: string;
  readonly type: Type;
  readonly nullable: boolean;
  is(type: TypeLike): boolean;
  utf8(): Input<TextColumn>;
  binary(): Input<BinaryColumn>;
  boolean(): Input<BooleanColumn>;
  int8(): Input<NumberColumn<Int8Array>>;
  int16(): Input<NumberColumn<Int16Array>>;
  int32(): Input<NumberColumn<Int32Array>>;
  int64(): Input<NumberColumn<BigInt64Array>>;
  uint8(): Input<NumberColumn<Uint8Array>>;
  uint16(): Input<NumberColumn<Uint16Array>>;
  uint32(): Input<NumberColumn<Uint32Array>>;
  uint64(): Input<NumberColumn<BigUint64Array>>;
  float32(): Input<NumberColumn<Float32Array>>;
  float64(): Input<NumberColumn<Float64Array>>;
  /** Microseconds since 1970, UTC. */
  timestamp(): Input<NumberColumn<BigInt64Array>>;
  /** Days since 1970. */
  date(): Input<NumberColumn<Int32Array>>;
  decimal(): Input<DecimalColumn>;
  /** Any integers, as int64. */
  integer(): Input<NumberColumn<BigInt64Array>>;
  /** Any numbers, as float64. */
  number(): Input<NumberColumn<Float64Array>>;
  list<C extends Column = Column>(item?: TypeLike): Input<ListColumn<C>>;
  /** As it is. */
  asIs<C extends Column = Column>(): Input<C>;
  child(name: string): InputColumn;
  items(): InputColumn;
  keys(): InputColumn;
  values(): InputColumn;
  /** The value, where it is the same for all rows; undefined where it is not. */
  readonly constant: unknown;
}

/** The input's columns as `bind` sees them. */
export interface Schema {
  readonly columns: InputColumn[];
  readonly isSqlCall: boolean;
  readonly site: { node: string; sql?: string | null; abilities: string[] };
  column(name: string): InputColumn;
  argument(index: number): InputColumn;
  columnOr(given: string | null | undefined, usual: string): InputColumn;
  skipNulls(): void;
  rowsPerCall(rows: number): void;
  notDeterministic(): void;
}

/** The columns of one call. */
export interface Batch {
  readonly rows: number;
  get<C extends Column>(input: Input<C>): C;
}

/** What an operator says of itself, whatever its kind. */
export interface Described {
  /** its name; without it that of its export, in lower case with `-` */
  name?: string;
  summary?: string;
  /** a JSON schema */
  configSchema?: object | string;
  takes?: readonly (readonly [name: string, type: string, summary?: string])[];
  makes?: readonly (readonly [name: string, type: string, summary?: string])[];
}

declare const kind: unique symbol;
export interface Operator<K extends string = string> {
  readonly [kind]: K;
  readonly name: string | undefined;
}

/** Refuses rows. */
export interface Rejecting {
  reject(row: number, reason: string): void;
}
export interface Out extends Rejecting {
  readonly rows: number;
  rejectAll(mask: Mask, reason: string): void;
}
export interface MapOut extends Out {
  /** The output columns, row by row; `throw new Reject(reason)` refuses a row. */
  each(row: (row: number) => Record<string, unknown> | null): Record<string, Column>;
}

export interface BoundFilter {
  call(batch: Batch, out: Out): Mask | boolean[];
}
export function filter(spec: Described & { bind(config: Config, input: Schema): BoundFilter }): Operator<'filter'>;

export interface BoundMap {
  output: Fields;
  call(batch: Batch, out: MapOut): Columns;
}
export function map(spec: Described & { bind(config: Config, input: Schema): BoundMap }): Operator<'map'>;

export interface FlatOut extends Rejecting {
  readonly rows: number;
  readonly isFull: boolean;
  push(parent: number, values: Record<string, unknown>): void;
  /** `throw new Reject(reason)` refuses a row. */
  each(row: (row: number, push: (values: Record<string, unknown>) => void) => void): void;
  /** Input rows dealt with, and where to go on inside of the next. */
  stop(consumed: number, resume?: number): void;
}
export interface BoundFlatMap {
  output: Fields;
  call(batch: Batch, out: FlatOut, resume?: number): void | { parents: Uint32Array | readonly number[]; columns: Columns };
}
export function flatMap(spec: Described & { bind(config: Config, input: Schema): BoundFlatMap }): Operator<'flat-map'>;

export interface Groups {
  readonly ids: Uint32Array;
  readonly count: number;
  each<T>(column: Column<T>, each: (group: number, value: T) => void): void;
  sum(column: Column<number>): Float64Array;
  total(column: Column<bigint> | Column<number>): bigint[];
  counts(column: Column): BigInt64Array;
  min<T>(column: Column<T>): (T | null)[];
  max<T>(column: Column<T>): (T | null)[];
}
export interface StateBatch {
  readonly rows: number;
  column<C extends Column = Column>(name: string): C;
  row(row: number): Record<string, any>;
}
export interface Kept {
  /** raised when stored states change their meaning */
  stateVersion?: number;
  /** keys of the configuration that stored states do not depend on */
  adjustable?: readonly string[];
}
export interface BoundAggregate extends Kept {
  state: Fields;
  output: Fields;
  partial(groups: Groups, batch: Batch): Columns;
  merge(groups: Groups, states: StateBatch): Columns;
  finish(states: StateBatch): Columns;
  migrate?(fromVersion: number, states: StateBatch): Columns;
}
export function aggregate(spec: Described & Kept & { bind(config: Config, input: Schema): BoundAggregate }): Operator<'aggregate'>;

export interface BoundFold<S> extends Kept {
  input?: Input<any> | readonly Input<any>[];
  /** columns by name, if the state is an object with these; without it the state is any value, as CBOR */
  state?: Fields;
  output: Fields;
  init(): S;
  /** changes the state, or returns another one */
  add(state: S, ...values: any[]): S | void;
  merge(into: S, later: S): S | void;
  finish(state: S): unknown;
  migrate?(fromVersion: number, stored: any): S;
}
export function fold<S>(spec: Described & Kept & { bind(config: Config, input: Schema): BoundFold<S> }): Operator<'aggregate'>;

export interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}
declare const isMap: unique symbol;
export interface ValueSpec<T> {
  readonly [isMap]: [false, T];
}
export interface EntriesSpec<K, V> {
  readonly [isMap]: [true, K, V];
}
/** One value per key. */
export function value<T>(codec?: Codec<T>): ValueSpec<T>;
/** Many entries per key, fetched and stored singly. */
export function entries<K, V>(codec?: Codec<K | V>): EntriesSpec<K, V>;

export interface ValueState<T> {
  /** undefined where there is none; what is changed within it is stored */
  get(): T | undefined;
  set(value: T): T;
  update(change: (value: T | undefined) => T): T;
  remove(): void;
}
export interface MapState<K, V> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
  delete(key: K): void;
  clear(): void;
  [Symbol.iterator](): IterableIterator<[K, V]>;
}
type StateOf<S> =
  S extends ValueSpec<infer T> ? ValueState<T>
  : S extends EntriesSpec<infer K, infer V> ? MapState<K, V>
  : { readonly [N in keyof S]: StateOf<S[N]> } & { removeAll(): void };

export type Clock = 'event-time' | 'processing-time';
export interface Timer {
  readonly tag: number;
  /** microseconds since 1970 */
  readonly at: bigint;
  readonly clock: Clock;
}
export interface Timers {
  /** The epoch's processing time, in microseconds since 1970. */
  readonly now: bigint;
  readonly watermark: bigint | undefined;
  readonly previousWatermark: bigint | undefined;
  set(tag: number, at: bigint, clock?: Clock): void;
  clear(tag: number, clock?: Clock): void;
}
export interface KeyedOut extends Rejecting {
  push(row: Record<string, unknown>): void;
  late(row: number): void;
}
export interface Key {
  get<T = unknown>(column?: string | number): T | null;
}
export interface Rows {
  readonly length: number;
  get<T>(input: Input<Column<T>>): {
    readonly length: number;
    get(row: number): T | null;
    toArray(): (T | null)[];
    [Symbol.iterator](): IterableIterator<T | null>;
  };
}
export interface Wanted {
  entry<K, V>(map: MapState<K, V>, key: K): void;
  all<K, V>(map: MapState<K, V>): void;
}
type States = ValueSpec<any> | EntriesSpec<any, any> | Record<string, ValueSpec<any> | EntriesSpec<any, any>>;
export interface BoundKeyed<S extends States> extends Kept {
  output: Fields;
  eventTime?: string;
  timeToLive?: { clock?: Clock; microseconds: number | bigint };
  lateRows?: 'hand-over' | 'set-aside';
  byEventTime?: boolean;
  holdsBack?: number | bigint;
  keepTimers?: boolean;
  withoutKey?: boolean;
  needs?(of: { key: Key; rows: Rows; timer: Timer | undefined; state: StateOf<S>; wanted: Wanted }): void;
  onRows(of: { key: Key; rows: Rows; state: StateOf<S>; out: KeyedOut; timers: Timers }): void;
  onTimer?(of: { key: Key; timer: Timer; state: StateOf<S>; out: KeyedOut; timers: Timers }): void;
  migrate?(fromVersion: number, stored: any): unknown;
}
export function keyed<S extends States = ValueSpec<any>>(
  /** `state` is what is kept of each key: `value<T>()`, or several by their names */
  spec: Described & Kept & { state?: S; bind(config: Config, input: Schema, key: { name: string; type: Type }[]): BoundKeyed<S> },
): Operator<'keyed'>;

export const log: Record<'debug' | 'info' | 'warn' | 'error', (text: string) => void>;

/** Values as bytes: numbers are float64, BigInts are integers, and come back as what they were. */
export namespace cbor {
  function encode(value: unknown): Uint8Array;
  function decode(bytes: Uint8Array): any;
  /** An integer beyond 64 bits, which comes back as 16 bytes. */
  function int128(value: bigint | Uint8Array): bigint;
}

export function decodeUtf8(bytes: Uint8Array, from?: number, to?: number): string;
export function encodeUtf8(text: string): Uint8Array;
/** Microseconds since 1970 of a Date, of its milliseconds, or of a text as Date reads it. */
export function micros(time: Date | number | string): bigint;
export function date(microseconds: bigint): Date;

declare global {
  /** Writes to the operator's log. */
  var console: Record<'debug' | 'trace' | 'log' | 'info' | 'dir' | 'table' | 'warn' | 'error', (...parts: unknown[]) => void> & {
    assert(condition: unknown, ...parts: unknown[]): void;
  };
}
