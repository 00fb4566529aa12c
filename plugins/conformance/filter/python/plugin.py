"""The conformance filter: see `plugins/conformance/README.md`."""

from millstream_guest import Batch, Config, Filter, Mask, Schema, operator


@operator("contains")
class Contains(Filter):
    """Keeps the rows whose text contains a text"""

    config_schema = {
        "type": "object",
        "properties": {"column": {"type": "string"}, "text": {"type": "string"}},
        "required": ["column", "text"],
    }
    takes = [("<column>", "text", "what is searched")]

    def bind(self, config: Config, input: Schema) -> None:
        self.column = input.column(config.text("column")).text()
        self.text = config.text("text")

    def call(self, batch: Batch) -> Mask:
        texts = batch[self.column]
        batch.reject_all(texts.empty(), "an empty text")
        return texts.contains(self.text)
