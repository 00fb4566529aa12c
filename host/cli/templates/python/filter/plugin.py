"""Keeps the rows whose `value` is so great at least."""

from millstream_guest import Batch, Config, Filter, Mask, Schema, operator


@operator
class MyPlugin(Filter):
    """Keeps the rows whose `value` is so great at least"""

    def bind(self, config: Config, input: Schema) -> None:
        self.value = input.column("value").float64()
        self.least = config.get_float("least")

    def call(self, batch: Batch) -> Mask:
        return batch[self.value].at_least(self.least)
