"""Where a flat-map writes to: it knows where this call begins, and when it is enough.

An input of a few megabytes may expand to gigabytes. So an expander stops at a bound and tells the host where to go on; the
host calls again with the rest. Operators need not think of it, as long as they go through `rows()`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any

from . import builder, contract
from .batch import Batch
from .data_type import Field


class Full(BaseException):
    """The row's output goes on in the next call. Not an `Exception`, so that no author's `except` takes it."""


class Expander:
    """Takes the output rows of one input row after the other."""

    #: After so many output rows, or so many bytes of text, a call stops.
    MAX_ROWS = 1_000_000
    MAX_BYTES = 8 * 1024 * 1024

    def __init__(self, batch: Batch, fields: Sequence[Field], resume: int | None) -> None:
        self._batch = batch
        self._fields = fields
        self._values: list[list[Any]] = [[] for _ in fields]
        self._parents = array("I")
        self._pass_over = resume or 0
        self._row = 0
        self._start = 0
        self._pushed = 0
        self._bytes = 0
        self._consumed = 0
        self._resume: int | None = None

    def rows(self) -> Iterator[int]:
        """The input rows in order, as long as there is room."""
        for row in range(self._batch.rows):
            if self._is_full():
                return
            self._row, self._start, self._pushed = row, len(self._parents), 0
            yield row
            self._pass_over = 0
            self._consumed = row + 1

    def push(self, *values: Any) -> None:
        """One output row of the input row that `rows` is at."""
        self.extend(*([value] for value in values))

    def extend(self, *columns: Sequence[Any]) -> None:
        """Many output rows of the input row that `rows` is at: a list of values for each column."""
        if len(columns) != len(self._fields):
            raise TypeError(f"{len(columns)} columns are pushed; `bind` said {len(self._fields)}")
        count = len(columns[0]) if columns else 1
        for column in columns:
            if len(column) != count:
                raise ValueError(f"columns of {[len(column) for column in columns]} values are pushed together")
        self._pushed += count
        if not self._pass_over and len(self._parents) + count <= self.MAX_ROWS and self._bytes < self.MAX_BYTES:
            # The usual case, without a look at what else there may be.
            for values, column in zip(self._values, columns, strict=True):
                values.extend(column)
                if count and isinstance(column[0], str | bytes):
                    self._bytes += sum(map(len, column))
            self._parents.extend(repeat(self._row, count))
            return
        if self._pass_over:
            # What a call before has returned of this row.
            skipped = min(count, max(self._pass_over - (self._pushed - count), 0))
            columns = tuple(column[skipped:] for column in columns)
            count -= skipped
        room = self.MAX_ROWS - (len(self._parents) - self._start)
        if self._is_full() and len(self._parents) > self._start:
            room = 0
        taken = min(count, room)
        for values, column in zip(self._values, columns, strict=True):
            part = column if taken == count else column[:taken]
            values.extend(part)
            if part and isinstance(part[0], str | bytes):
                self._bytes += sum(map(len, part))
        self._parents.extend([self._row] * taken)
        if taken < count:
            self._resume = self._pass_over + len(self._parents) - self._start
            raise Full

    def extend_all(self, counts: Iterable[int], *columns: Iterable[Any]) -> None:
        """The output rows of all input rows at once, in the place of `rows`: how many each has, and a list of values for
        each column.

        Several times as quick as `extend` for each row.
        """
        counts = list(counts)
        lists = [column if isinstance(column, list) else list(column) for column in columns]
        total = sum(counts)
        if len(counts) != self._batch.rows or len(lists) != len(self._fields) or any(len(one) != total for one in lists):
            raise ValueError(
                f"{len(counts)} counts, {total} in all, and columns of {[len(one) for one in lists]} values are pushed for "
                f"{self._batch.rows} rows and {len(self._fields)} columns"
            )
        size = sum(sum(map(len, one)) for one in lists if one and isinstance(one[0], str | bytes))
        if not self._pass_over and total <= self.MAX_ROWS and size < self.MAX_BYTES:
            self._values = lists
            self._parents = array("I", chain.from_iterable(map(repeat, range(len(counts)), counts)))
            self._consumed = len(counts)
            return
        start = 0
        for row in self.rows():
            end = start + counts[row]
            self.extend(*(one[start:end] for one in lists))
            start = end

    def reject(self, reason: str) -> None:
        """Refuses the input row that `rows` is at: what was pushed of it is taken back."""
        for values in self._values:
            del values[self._start :]
        del self._parents[self._start :]
        self._batch.reject(self._row, reason)

    def expanded(self) -> contract.Expanded:
        """As the contract has it."""
        rows = len(self._parents)
        columns = [builder.column(field, values, rows) for field, values in zip(self._fields, self._values, strict=True)]
        output = contract.Batch(rows, [array for column in columns for array in column.arrays()])
        # Where a row is half done, `rows` was left in the middle of it.
        rejects = self._batch.rejects.buffers(self._batch.rows)
        return contract.Expanded(self._parents.tobytes(), output, rejects, self._consumed, self._resume)

    def _is_full(self) -> bool:
        return len(self._parents) >= self.MAX_ROWS or self._bytes >= self.MAX_BYTES
