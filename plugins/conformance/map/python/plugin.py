"""The conformance map: see `plugins/conformance/README.md`."""

import re
from array import array
from collections.abc import Sequence

from millstream_guest import Batch, Columns, Config, Field, Map, Problem, Schema, operator

# So far an amount may go that takes any integer of 64 bits to any other.
LIMIT = (1 << 64) - 1


@operator("plus")
class Plus(Map):
    """Adds an amount to a number, exactly"""

    config_schema = {
        "type": "object",
        "properties": {"column": {"type": "string"}, "plus": {"type": ["number", "string"]}},
        "required": ["column", "plus"],
    }
    takes = [("<column>", "int64, uint64 or float64", "a number")]
    makes = [("sum", "as the column", "the number plus the amount")]

    def bind(self, config: Config, input: Schema) -> Sequence[Field]:
        column = input.column(config.text("column"))
        self.type = str(column.type)
        if self.type not in ("int64", "uint64", "float64"):
            raise column.refused("int64, uint64 or float64")
        if self.type == "float64":
            self.floats, self.plus = column.float64(), config.get_float("plus")
        else:
            self.integers, self.amount = column.integer(self.type), whole(config.get("plus"))
        return [Field("sum", self.type)]

    def call(self, batch: Batch) -> Columns:
        if self.type == "float64":
            floats, plus = batch[self.floats], self.plus
            return [floats.with_values(array("d", [value + plus for value in floats.values]))]
        integers = batch[self.integers]
        sums, beyond = integers.plus(self.amount)
        for row in beyond:
            batch.reject(row, f"{integers[row]} + {self.amount} does not fit {self.type}")
        return [sums]


def whole(plus: object) -> int:
    """An integer, or one written as a text where a JSON number would not be exact."""
    if isinstance(plus, str) and re.fullmatch("-?[0-9]{1,20}", plus):
        plus = int(plus)
    if isinstance(plus, bool) or not isinstance(plus, int) or abs(plus) > LIMIT:
        raise Problem("an integer is needed, of at most 64 bits and a sign, or a text of its digits", key="plus")
    return plus
