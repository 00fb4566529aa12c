// The five kinds of operators, as an author declares them.

/** What an operator is, whatever its kind. */
export class Operator {
  constructor(kind, spec) {
    if (typeof spec?.bind !== 'function') throw new TypeError(`a ${kind} needs a function \`bind\``);
    this.kind = kind;
    this.spec = spec;
    this.name = spec.name;
  }
}

/** Keeps or drops rows. */
export const filter = (spec) => new Operator('filter', spec);
/** One row in, one row out: new columns. */
export const map = (spec) => new Operator('map', spec);
/** One row in, any number out. */
export const flatMap = (spec) => new Operator('flat-map', spec);
/** Many rows in, one result per group out, over whole columns. */
export const aggregate = (spec) => new Operator('aggregate', spec);
/** An aggregate, written for one group at a time. */
export const fold = (spec) => new Operator('aggregate', { ...spec, isFold: true });
/** State and timers per key. */
export const keyed = (spec) => new Operator('keyed', spec);
