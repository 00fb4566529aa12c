"""The mean of `value`."""

from collections.abc import Sequence

from millstream_guest import Config, Field, Fold, Folding, Schema, operator

# The sum, and how many values it is of.
Sum = tuple[float, int]


@operator
class MyPlugin(Fold[Sum]):
    """The mean of `value`"""

    def bind(self, config: Config, input: Schema) -> Folding:
        return Folding([input.column("value").float64()], [Field("mean", "float64")])

    def start(self) -> Sum:
        return (0.0, 0)

    def add(self, state: Sum, *values: float | None) -> Sum:
        (value,) = values
        return state if value is None else (state[0] + value, state[1] + 1)

    def merge(self, state: Sum, later: Sum) -> Sum:
        return (state[0] + later[0], state[1] + later[1])

    def finish(self, state: Sum) -> Sequence[float | None]:
        sum, count = state
        return [sum / count if count else None]
