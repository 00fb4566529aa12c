"""The rows of one call: `batch[self.price]` is the column that `bind` asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import contract
from .column import Column
from .data_type import Field
from .nested import column_of
from .rejects import Rejects

if TYPE_CHECKING:
    from .bitmap import Mask
    from .schema import Input

    C = TypeVar("C", bound=Column[Any])
else:
    C = TypeVar("C")


class Batch:
    """The columns of one call, and which of its rows are refused."""

    def __init__(self, fields: list[Field], flat: contract.Batch) -> None:
        self.fields = fields
        self.rows = flat.rows
        arrays = iter(flat.arrays)
        self.columns: list[Column[Any]] = [column_of(field, arrays) for field in fields]
        self.rejects = Rejects()

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, input: Input[C]) -> C:
        return cast("C", self.columns[input.place])

    def column(self, name: str) -> Column[Any]:
        """The column of this name: for states, and for columns that are read as they are."""
        for field, column in zip(self.fields, self.columns, strict=True):
            if field.name == name:
                return column
        raise KeyError(f"no column `{name}`; there are {', '.join(f'`{field.name}`' for field in self.fields)}")

    def reject(self, row: int, reason: str) -> None:
        """Refuses a row: it goes to the dead letters with this reason, and what is returned for it is ignored."""
        self.rejects.add(row, reason)

    def reject_all(self, rows: Mask, reason: str) -> None:
        """Refuses all these rows for the same reason."""
        for row in rows.indices() if rows else ():
            self.rejects.add(row, reason)
