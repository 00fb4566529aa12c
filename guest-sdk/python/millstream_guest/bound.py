"""Operators bound in slots: the author's objects between the contract's records.

Each answer is checked and packed here; what an author raises comes out as the contract's problem or failure.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any

from . import builder, cbor, contract
from .batch import Batch
from .bitmap import Mask
from .builder import Values
from .column import Column
from .config import Config
from .data_type import Field, flatten, unflatten
from .errors import Failure, Refused, failure, problem
from .expander import Expander, Full
from .groups import Groups
from .operators import Aggregate, Aggregation, Columns, Filter, FlatMap, Fold, Map
from .schema import Schema


@contextmanager
def answering(about: Callable[[], contract.Subject | None] = lambda: None) -> Iterator[None]:
    """What is raised within comes out as a failure of the contract."""
    try:
        yield
    except Refused:
        raise
    except (Exception, SystemExit) as error:
        # Also one that ends the interpreter: the row is to blame for it, and the message tells where.
        raise Refused(failure(error, about())) from error


def bound(request: contract.Request, bind: Callable[[Config, Schema], Any]) -> tuple[Schema, Any]:
    """Binds by `bind`, and refuses what it has not looked at."""
    try:
        config, schema = Config(request.config), Schema(request.input, request.site)
        answer = bind(config, schema)
        config.refuse_unknown_keys()
        schema.refuse_unused_arguments()
    except (Exception, SystemExit) as error:
        raise Refused(problem(error)) from error
    return schema, answer


def packed(fields: Sequence[Field], columns: Columns, rows: int) -> contract.Batch:
    """The columns of these fields as the contract has them."""
    if isinstance(columns, Mapping):
        names = [field.name for field in fields]
        if set(columns) != set(names):
            raise ValueError(f"columns {sorted(columns)} are returned; `bind` said {names}")
        columns = [columns[name] for name in names]
    elif isinstance(columns, Column | Mask | array):
        raise TypeError("a single column is returned; a list of columns, or a dict by their names, is needed")
    if len(columns) != len(fields):
        raise ValueError(f"{len(columns)} columns are returned; `bind` said {len(fields)}")
    made = [builder.column(field, values, rows) for field, values in zip(fields, columns, strict=True)]
    return contract.Batch(rows, [one for column in made for one in column.arrays()])


class BoundFilter:
    """A filter in a slot."""

    def __init__(self, operator: Filter, request: contract.Request) -> None:
        self._operator = operator
        schema, _ = bound(request, operator.bind)
        self._fields = schema.fields()
        self.binding = schema.binding([])

    def call(self, input: contract.Batch) -> contract.Selection:
        """Judges the rows of one batch."""
        with answering():
            batch = Batch(self._fields, input)
            keep = self._operator.call(batch)
            if not isinstance(keep, Mask):
                keep = Mask.of(keep)
            if keep.rows != batch.rows:
                raise ValueError(f"a mask of {keep.rows} rows is returned for {batch.rows} rows")
            return contract.Selection(keep.to_bitmap(), batch.rejects.buffers(batch.rows))


class BoundMap:
    """A map in a slot."""

    def __init__(self, operator: Map, request: contract.Request) -> None:
        self._operator = operator
        schema, output = bound(request, operator.bind)
        self._fields, self._output = schema.fields(), list(output)
        self.binding = schema.binding(self._output)

    def call(self, input: contract.Batch) -> contract.Mapped:
        """Computes the new columns of one batch."""
        with answering():
            batch = Batch(self._fields, input)
            columns = self._operator.call(batch)
            try:
                output = packed(self._output, columns, batch.rows)
            except builder.Misfit as error:
                about = None if error.row is None else contract.Subject("row", error.row)
                raise Refused(contract.Failure(str(error), about)) from error
            return contract.Mapped(output, batch.rejects.buffers(batch.rows))


class BoundFlatMap:
    """A flat-map in a slot."""

    def __init__(self, operator: FlatMap, request: contract.Request) -> None:
        self._operator = operator
        schema, output = bound(request, operator.bind)
        self._fields, self._output = schema.fields(), list(output)
        self.binding = schema.binding(self._output)

    def call(self, input: contract.Batch, resume: int | None) -> contract.Expanded:
        """Expands the rows of one batch."""
        with answering():
            batch = Batch(self._fields, input)
            out = Expander(batch, self._output, resume)
            try:
                self._operator.call(batch, out)
            except Full:
                pass
            return out.expanded()


class BoundAggregate:
    """An aggregate in a slot."""

    def __init__(self, operator: Aggregate, request: contract.Request) -> None:
        self._operator = operator
        schema, said = bound(request, operator.bind)
        self._fields = schema.fields()
        self._state, self._output = list(said.state), list(said.output)
        self.binding = contract.AggregateBinding(
            schema.binding(self._output), flatten(self._state), operator.state_version, list(said.adjustable)
        )

    def partial(self, groups: bytes, count: int, input: contract.Batch) -> contract.Batch:
        """Rows to one state per group."""
        with answering():
            made = self._operator.partial(Groups(groups, count), Batch(self._fields, input))
            return packed(self._state, made, count)

    def merge(self, groups: bytes, count: int, states: contract.Batch) -> contract.Batch:
        """States to one state per group."""
        with answering():
            made = self._operator.merge(Groups(groups, count), Batch(self._state, states))
            return packed(self._state, made, count)

    def finish(self, states: contract.Batch) -> contract.Batch:
        """States to results."""
        with answering():
            return packed(self._output, self._operator.finish(Batch(self._state, states)), states.rows)

    def migrate(self, version: int, fields: list[contract.Field], states: contract.Batch) -> contract.Batch:
        """States of an older version to states of this one."""
        with answering():
            made = self._operator.migrate(version, Batch(unflatten(fields), states))
            return packed(self._state, made, states.rows)


class FoldAggregate(Aggregate):
    """A fold as an aggregate: its state is one column of CBOR."""

    def __init__(self, fold: Fold[Any]) -> None:
        self._fold = fold
        self.state_version = fold.state_version  # type: ignore[misc]  # a fold says it, not its class

    def bind(self, config: Config, input: Schema) -> Aggregation:
        """Asks for the fold's columns."""
        said = self._fold.bind(config, input)
        self._inputs = list(said.input)
        self._columns = len(said.output)
        return Aggregation([Field("state", "binary", nullable=False)], said.output, said.adjustable)

    def partial(self, groups: Groups, batch: Batch) -> Columns:
        """Adds the rows one by one."""
        states = [self._fold.start() for _ in range(groups.count)]
        columns = [batch[input].to_list() for input in self._inputs]
        every: Any = zip(*columns, strict=True) if columns else repeat((), batch.rows)
        row = 0
        try:
            for row, (group, values) in enumerate(zip(groups.ids, every, strict=True)):  # noqa: B007 - told where it fails
                states[group] = self._fold.add(states[group], *values)
        except Exception as error:
            raise Refused(failure(error, contract.Subject("row", row))) from error
        return [[cbor.dumps(state) for state in states]]

    def merge(self, groups: Groups, states: Batch) -> Columns:
        """Merges the states one by one."""
        merged: list[Any] = [None] * groups.count
        seen = bytearray(groups.count)
        for row, group in enumerate(groups.ids):
            state = self._read(states, row)
            merged[group] = self._fold.merge(merged[group], state) if seen[group] else state
            seen[group] = 1
        return [[cbor.dumps(state if one else self._fold.start()) for state, one in zip(merged, seen, strict=True)]]

    def finish(self, states: Batch) -> Columns:
        """Finishes the states one by one."""
        rows = [tuple(self._fold.finish(self._read(states, row))) for row in range(states.rows)]
        columns: list[Values] = [list(column) for column in zip(*rows, strict=True)]
        return columns or [[] for _ in range(self._columns)]

    def migrate(self, from_version: int, states: Batch) -> Columns:
        """Brings the states over one by one."""
        return [[cbor.dumps(self._fold.migrate(from_version, self._read(states, row))) for row in range(states.rows)]]

    def _read(self, states: Batch, row: int) -> Any:
        try:
            stored: Any = states.columns[0][row]
            return cbor.loads(stored)
        except (ValueError, TypeError) as error:
            raise Failure(f"a stored state cannot be read: {error}", state=row) from error
