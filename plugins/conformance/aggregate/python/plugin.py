"""The conformance aggregate: see `plugins/conformance/README.md`."""

from millstream_guest import Aggregate, Aggregation, Batch, Columns, Config, Field, Groups, Schema, operator


@operator("mean")
class Mean(Aggregate):
    """The mean of a number, and how many there are"""

    config_schema = {"type": "object", "properties": {"column": {"type": "string"}}, "required": ["column"]}
    takes = [("<column>", "any number", "what is averaged")]
    makes = [("mean", "float64", "null where there is no value"), ("count", "int64", "how many values there are")]
    state_version = 1

    def bind(self, config: Config, input: Schema) -> Aggregation:
        self.column = input.column(config.text("column")).float64()
        count = Field("count", "int64", nullable=False)
        return Aggregation(state=[Field("sum", "float64", nullable=False), count], output=[Field("mean", "float64"), count])

    def partial(self, groups: Groups, batch: Batch) -> Columns:
        values = batch[self.column]
        return {"sum": groups.sum(values, 0.0), "count": groups.counts(values)}

    def merge(self, groups: Groups, states: Batch) -> Columns:
        return {
            "sum": groups.sum(states.column("sum"), 0.0),
            "count": groups.sum(states.column("count")),
        }

    def finish(self, states: Batch) -> Columns:
        sums, counts = states.column("sum").to_list(), states.column("count")
        means = [sum / count if count else None for sum, count in zip(sums, counts, strict=True)]
        return {"mean": means, "count": counts}
