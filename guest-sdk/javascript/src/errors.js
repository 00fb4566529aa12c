// What operators throw on purpose. Anything else that is thrown is a fault of the plugin's code.

/** Why a configuration or an input is refused, in `bind`. */
export class Problem extends Error {
  /**
   * @param {string} message what is wrong, and what would be right
   * @param {string} [key] the entry of the configuration that it is about, with dots between levels
   */
  constructor(message, key) {
    super(message);
    this.name = 'Problem';
    this.key = key;
  }
}

/** Why a call failed, and what it is about: `{ row }`, `{ key }` or `{ state }`, or nothing that is known. */
export class Failure extends Error {
  constructor(message, about, options) {
    super(message, options);
    this.name = 'Failure';
    this.about = about;
  }
}

/** Thrown where one row is dealt with: the row goes to the dead letters with this reason, and the others go on. */
export class Reject extends Error {
  constructor(reason) {
    super(reason);
    this.name = 'Reject';
  }
}

/** The failure of `error`, which is about an input row: a dead letter, and the other rows are given again. */
export function atRow(row, error) {
  return new Failure(messageOf(error), { row }, { cause: error });
}

/** The failure of `error`, which is about a stored state that cannot be read: the job stops, with nothing lost. */
export function atState(row, error) {
  return new Failure(messageOf(error), { state: row }, { cause: error });
}

export function messageOf(error) {
  if (error instanceof Failure || error instanceof Problem || error instanceof Reject) return error.message;
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  return `thrown: ${String(error)}`;
}
