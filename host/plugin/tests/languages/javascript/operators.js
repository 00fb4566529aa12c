// Two maps in JavaScript, written against the contract alone: `echo` hands its columns back, `double` doubles a number.
//
// What crosses are bytes, in a Uint8Array: a Float64Array or BigInt64Array over its buffer looks at them without a
// copy, and a Uint8Array over theirs hands them over.

import { log as write } from 'millstream:operator/log@0.2.0';
import { decode, encode } from 'millstream:operator/text@0.2.0';

const hints = { skipNulls: false, deterministic: true };
// By slot: what calls need to know.
const bound = new Map();

export const catalog = {
  operators() {
    return [
      {
        name: 'echo',
        kind: 'map',
        summary: 'Hands its columns back',
        configSchema:
          '{"type": "object", "properties": {"spoil": {"type": "string"}, "dictionaries": {"type": "boolean"}}}',
        columns: [{ name: '<all>', direction: 'takes', typeText: 'anything', summary: 'what is handed back' }],
      },
      {
        name: 'double',
        kind: 'map',
        summary: 'Doubles its first column',
        columns: [
          { name: '<first>', direction: 'takes', typeText: 'int64 or float64', summary: 'a number' },
          { name: 'doubled', direction: 'makes', typeText: 'as the first', summary: 'twice the number' },
        ],
      },
    ];
  },
};

export const map = {
  bind(slot, request) {
    const config = JSON.parse(request.config);
    if (request.operator === 'echo') {
      const shapes = request.input.map(({ fields }) => (config.dictionaries ? asDictionary(fields[0]) : fields));
      bound.set(slot, (batch) => spoiled(batch, config.spoil));
      return { reads: shapes.map((shape, column) => ({ column, shape })), output: shapes.flat(), hints };
    }
    const { name, format, nullable } = request.input[0].fields[0];
    if (format !== 'l' && format !== 'g') {
      throw { message: `\`${name}\` has format ${format}; l and g can be doubled` };
    }
    bound.set(slot, (batch) => doubled(batch, format, config.do));
    const made = { name: 'doubled', format, nullable, children: 0, dictionary: false, metadata: [] };
    return { reads: [{ column: 0, shape: [] }], output: [made], hints };
  },

  call(slot, input) {
    const arrays = bound.get(slot)(input);
    return { output: { rows: input.rows, arrays }, rejects: undefined };
  },
};

function asDictionary({ name, format, nullable }) {
  const values = { name: 'values', format, nullable: true, children: 0, dictionary: false, metadata: [] };
  return [{ name, format: 'i', nullable, children: 1, dictionary: true, metadata: [] }, values];
}

function doubled({ rows, arrays }, format, what) {
  const { validity, buffers } = arrays[0];
  if (what === 'fail') throw { message: 'there is none', about: { tag: 'row', val: 0 } };
  if (what === 'raise') throw new Error('no number today');
  if (what === 'log') write('info', `doubling ${decode(...encode(['ä', '', 'b'])).join(' ')}`);
  const Numbers = format === 'l' ? BigInt64Array : Float64Array;
  const values = new Numbers(buffers[0].buffer, buffers[0].byteOffset, rows);
  const made = new Numbers(what === 'nothing' ? values : rows);
  if (what !== 'nothing' && format === 'l') {
    for (let row = 0; row < rows; row++) made[row] = 2n * values[row];
  } else if (what !== 'nothing') {
    for (let row = 0; row < rows; row++) made[row] = 2 * values[row];
  }
  return [{ rows, validity, buffers: [new Uint8Array(made.buffer)] }];
}

// The arrays, of which the last one is made wrong in the way that the configuration asks for.
function spoiled({ arrays }, how) {
  const last = arrays[arrays.length - 1];
  const end = last.buffers.length - 1;
  if (how === 'no-array') arrays.pop();
  if (how === 'rows') last.rows += 1;
  if (how === 'validity') last.validity = new Uint8Array(0);
  if (how === 'no-buffer') last.buffers.pop();
  if (how === 'short') last.buffers[end] = last.buffers[end].slice(0, -1);
  if (how === 'offsets') last.buffers[0] = new Uint8Array(last.buffers[0].length).fill(255);
  if (how === 'text') last.buffers[end] = new Uint8Array(last.buffers[end].length).fill(255);
  return arrays;
}
