"""The conformance flat-map: see `plugins/conformance/README.md`."""

from collections.abc import Sequence
from itertools import chain

from millstream_guest import Batch, Config, Expander, Field, FlatMap, Schema, operator

MOST = 1000


@operator("words")
class Words(FlatMap):
    """A row for each word of a text"""

    config_schema = {"type": "object", "properties": {"column": {"type": "string"}}, "required": ["column"]}
    takes = [("<column>", "text", "what is split at spaces")]
    makes = [("word", "text", "the word"), ("at", "int64", "its index in the row, from 0")]

    def bind(self, config: Config, input: Schema) -> Sequence[Field]:
        self.column = input.column(config.text("column")).text()
        return [Field("word", "utf8", nullable=False), Field("at", "int64", nullable=False)]

    def call(self, batch: Batch, out: Expander) -> None:
        words = [text.split(" ") if text else [] for text in batch[self.column].to_list()]
        for row, of_row in enumerate(words):
            if "" in of_row:
                words[row] = [word for word in of_row if word]
            if len(words[row]) > MOST:
                batch.reject(row, f"more than {MOST} words")
                words[row] = []
        counts = list(map(len, words))
        out.extend_all(counts, chain.from_iterable(words), chain.from_iterable(map(range, counts)))
