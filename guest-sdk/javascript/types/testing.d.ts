// The testing driver's types.

import type { Column, Fields, Field, Operator } from './index.js';

export type Row = Record<string, any>;
export interface Rejected {
  row: number;
  reason: string;
}

export class Table {
  private constructor();
  readonly fields: readonly Field[];
  readonly length: number;
  readonly rows: Row[];
  column<C extends Column = Column>(name: string): C;
  slice(from: number, to: number): Table;
  take(rows: readonly number[]): Table;
}

/** Rows of these columns; what a row has no value for is null. */
export function rows(types: Fields, values: readonly Row[]): Table;

/** What an operator said no with. */
export class Refused extends Error {
  readonly key: string | undefined;
  readonly about: { tag: 'row' | 'key' | 'state'; val: number } | undefined;
}

type Config = object | string;

export function filter(operator: Operator<'filter'>, config: Config, table: Table): { kept: number[]; rows: Row[]; rejects: Rejected[] };
export function map(operator: Operator<'map'>, config: Config, table: Table): { table: Table; kept: number[]; rows: Row[]; rejects: Rejected[] };
export function flatMap(
  operator: Operator<'flat-map'>,
  config: Config,
  table: Table,
): { rows: Row[]; parents: number[]; rejects: Rejected[]; calls: number };
export function aggregate(operator: Operator<'aggregate'>, config: Config, table: Table, groups?: readonly number[]): { rows: Row[]; bound: any };
/** Throws where a law that must hold of every aggregate does not. */
export function laws(operator: Operator<'aggregate'>, config: Config, table: Table): void;

export interface Epoch {
  rows: Row[];
  rejects: Rejected[];
  late: number[];
  failures: { key: unknown[]; reason: string; rows: number[] }[];
}
export interface Job {
  /** how many keys have a state or a timer */
  readonly keys: number;
  readonly bound: any;
  epoch(table: Table, watermark?: bigint): Epoch;
  watermark(microseconds: bigint): Epoch;
  time(microseconds: bigint): Epoch;
  end(): Epoch;
  stored(key: readonly unknown[], name?: string): Uint8Array | undefined;
  store(key: readonly unknown[], bytes: Uint8Array, options?: { name?: string; version?: number }): void;
  timersOf(key: readonly unknown[]): Record<number, bigint>;
}
export function keyed(operator: Operator<'keyed'>, config: Config, key: readonly string[], table: Table, options?: { eventTime?: string }): Job;
