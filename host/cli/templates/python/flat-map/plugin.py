"""One row for each word of `text`."""

from collections.abc import Sequence

from millstream_guest import Batch, Config, Expander, Field, FlatMap, Schema, operator


@operator
class MyPlugin(FlatMap):
    """One row for each word of `text`"""

    def bind(self, config: Config, input: Schema) -> Sequence[Field]:
        self.text = input.column("text").text()
        return [Field("word", "utf8", nullable=False)]

    def call(self, batch: Batch, out: Expander) -> None:
        texts = batch[self.text]
        for row in out.rows():
            for word in (texts[row] or "").split():
                out.push(word)
