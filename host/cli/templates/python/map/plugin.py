"""Adds `scaled`, which is `value` so many times."""

import math
from collections.abc import Sequence

from millstream_guest import Batch, Columns, Config, Field, Map, Schema, operator


@operator
class MyPlugin(Map):
    """Adds `scaled`, which is `value` so many times"""

    def bind(self, config: Config, input: Schema) -> Sequence[Field]:
        self.value = input.column("value").float64()
        self.factor = config.get_float("factor", 2.0)
        return [Field("scaled", "float64")]

    def call(self, batch: Batch) -> Columns:
        scaled: list[float | None] = []
        for row, value in enumerate(batch[self.value]):
            made = None if value is None else value * self.factor
            if made is not None and not math.isfinite(made):
                batch.reject(row, "it would be too large")
                made = None
            scaled.append(made)
        return {"scaled": scaled}
