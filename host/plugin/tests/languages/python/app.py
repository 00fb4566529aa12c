"""Two maps in Python, written against the contract alone: `echo` hands its columns back, `double` doubles a number.

What crosses are bytes: `memoryview(buffer).cast("d")` looks at a buffer's numbers without a copy, and `array.tobytes()`
makes the bytes of numbers.
"""

import json
from array import array

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.catalog import Column, Direction, Operator
from wit_world.exports.map import Mapped
from wit_world.imports import log, text
from wit_world.imports.columns import Array, Batch, Field
from wit_world.imports.types import Binding, Failure, Hints, Problem, Read, Subject_Row

ALL = Hints(skip_nulls=False, rows_per_call=None, deterministic=True)
# By slot: what calls need to know.
BOUND = {}


class Catalog(exports.Catalog):
    def operators(self):
        return [
            Operator(
                "echo",
                "map",
                "Hands its columns back",
                '{"type": "object", "properties": {"spoil": {"type": "string"}, "dictionaries": {"type": "boolean"}}}',
                [Column("<all>", Direction.TAKES, "anything", "what is handed back")],
            ),
            Operator(
                "double",
                "map",
                "Doubles its first column",
                None,
                [
                    Column("<first>", Direction.TAKES, "int64 or float64", "a number"),
                    Column("doubled", Direction.MAKES, "as the first", "twice the number"),
                ],
            ),
        ]


class Map(exports.Map):
    def bind(self, slot, request):
        config = json.loads(request.config)
        if request.operator == "echo":
            reads, output = [], []
            for index, column in enumerate(request.input):
                shape = column.fields
                if config.get("dictionaries"):
                    shape = as_dictionary(shape[0])
                reads.append(Read(index, shape))
                output.extend(shape)
            BOUND[slot] = lambda batch: spoiled(batch, config.get("spoil"))
            return Binding(reads, output, ALL)
        first = request.input[0].fields[0]
        if first.format not in ("l", "g"):
            raise Err(Problem(None, f"`{first.name}` has format {first.format}; l and g can be doubled"))
        do = config.get("do")
        BOUND[slot] = lambda batch: doubled(batch, first.format, do)
        made = Field("doubled", first.format, first.nullable, 0, False, [])
        return Binding([Read(0, [])], [made], ALL)

    def call(self, slot, input):
        arrays = BOUND[slot](input)
        return Mapped(Batch(input.rows, arrays), None)


def as_dictionary(field):
    values = Field("values", field.format, True, 0, False, [])
    return [Field(field.name, "i", field.nullable, 1, True, []), values]


def doubled(batch, format, do):
    given = batch.arrays[0]
    if do == "fail":
        print("looking for the number")
        raise Err(Failure("there is none", Subject_Row(0)))
    if do == "raise":
        raise ValueError("no number today")
    if do == "log":
        log.log(log.Level.INFO, "doubling " + " ".join(text.decode(*text.encode(["ä", "", "b"]))))
    code = "q" if format == "l" else "d"
    values = memoryview(given.buffers[0]).cast(code)
    if do == "nothing":
        made = array(code, values.tobytes())
    elif format == "l":
        made = array(code, [((2 * value + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63) for value in values])
    else:
        made = array(code, [2 * value for value in values])
    return [Array(batch.rows, given.validity, [made.tobytes()])]


def spoiled(batch, how):
    """The arrays, of which the last one is made wrong in the way that the configuration asks for."""
    arrays = batch.arrays
    if how is None:
        return arrays
    last = arrays[-1]
    if how == "no-array":
        arrays.pop()
    elif how == "rows":
        last.rows += 1
    elif how == "validity":
        last.validity = b""
    elif how == "no-buffer":
        last.buffers.pop()
    elif how == "short":
        last.buffers[-1] = last.buffers[-1][:-1]
    elif how == "offsets":
        last.buffers[0] = b"\xff" * len(last.buffers[0])
    elif how == "text":
        last.buffers[-1] = b"\xff" * len(last.buffers[-1])
    return arrays
