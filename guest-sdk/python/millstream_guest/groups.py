"""Which group each row belongs to, and sums and counts per group. Null counts as nothing."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress
from typing import Any

from .column import Column


class Groups:
    """Row `i` belongs to group `ids[i]`, below `count`."""

    def __init__(self, ids: bytes, count: int) -> None:
        self.ids = memoryview(ids).cast("I")
        self.count = count

    def pairs(self, column: Column[Any]) -> Iterable[tuple[int, Any]]:
        """Group and value of each row that is not null, in order."""
        if not column.null_count:
            return zip(self.ids, column.to_list(), strict=True)
        valid = column.valid.to_bytes()
        return zip(compress(self.ids, valid), compress(column.to_list(), valid), strict=True)

    def sum(self, column: Column[Any], start: Any = 0) -> list[Any]:
        """The sum per group, added in the order of the rows; `start` where there is no value."""
        sums = [start] * self.count
        for group, value in self.pairs(column):
            sums[group] += value
        return sums

    def counts(self, column: Column[Any]) -> list[int]:
        """How many values there are per group."""
        counts = [0] * self.count
        ids: Iterable[int] = self.ids
        if column.null_count:
            ids = compress(self.ids, column.valid.to_bytes())
        for group in ids:
            counts[group] += 1
        return counts

    def least(self, column: Column[Any]) -> list[Any]:
        """The least value per group; `None` where there is none."""
        found: list[Any] = [None] * self.count
        for group, value in self.pairs(column):
            if found[group] is None or value < found[group]:
                found[group] = value
        return found

    def greatest(self, column: Column[Any]) -> list[Any]:
        """The greatest value per group; `None` where there is none."""
        found: list[Any] = [None] * self.count
        for group, value in self.pairs(column):
            if found[group] is None or value > found[group]:
                found[group] = value
        return found
