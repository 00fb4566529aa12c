"""Lists, structs and maps: columns again, whose rows a list's row has a range of."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from . import contract
from .column import BoolColumn, Column, DecimalColumn, NumberColumn, RawColumn
from .data_type import DataType, Field
from .text import BinaryColumn, TextColumn

Kind: TypeAlias = type[Column[Any]]


class ListColumn(Column[list[Any]]):
    """Lists, of any or of the same length."""

    __slots__ = ()

    @property
    def items(self) -> Column[Any]:
        """The items of all rows, one after the other."""
        return self.children[0]

    @property
    def offsets(self) -> Sequence[int]:
        """Row i has the items from offset i up to offset i + 1."""
        if self.type.format.startswith("+w:"):
            size = int(self.type.format[3:])
            return range(0, size * self.rows + 1, size) if size else array("i", [0]) * (self.rows + 1)
        return memoryview(self.buffers[0]).cast("i")

    def range(self, row: int) -> range:
        """The places of the row's items in `items`."""
        offsets = self.offsets
        return range(offsets[row], offsets[row + 1])

    def _value(self, row: int) -> list[Any]:
        of_row = self.range(row)
        return self.items.to_list()[of_row.start : of_row.stop]

    def _values(self) -> list[list[Any] | None]:
        items = self.items.to_list()
        return [items[start:end] for start, end in pairwise(self.offsets)]


class StructColumn(Column[dict[str, Any]]):
    """Structs; row by row they are dicts. A field is null also where its struct is."""

    __slots__ = ()

    def child(self, name: str) -> Column[Any]:
        """The column of a field. What stands in a null struct's place is of no account."""
        for field, child in zip(self.type.children, self.children, strict=True):
            if field.name == name:
                return child
        names = ", ".join(f"`{field.name}`" for field in self.type.children)
        raise KeyError(f"no field `{name}`; there are {names}")

    def _value(self, row: int) -> dict[str, Any]:
        return {field.name: child[row] for field, child in zip(self.type.children, self.children, strict=True)}

    def _values(self) -> list[dict[str, Any] | None]:
        names = [field.name for field in self.type.children]
        if not names:
            return [{} for _ in range(self.rows)]
        columns = [child.to_list() for child in self.children]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


class MapColumn(Column[dict[Any, Any]]):
    """Maps; row by row they are dicts. Keys that are lists are tuples there; of equal keys the last one counts."""

    __slots__ = ()

    @property
    def keys(self) -> Column[Any]:
        """The keys of all rows, one after the other."""
        return self.children[0].children[0]

    @property
    def values(self) -> Column[Any]:
        """The values of all rows, one after the other."""
        return self.children[0].children[1]

    @property
    def offsets(self) -> memoryview[int]:
        """Row i has the entries from offset i up to offset i + 1."""
        return memoryview(self.buffers[0]).cast("i")

    def _value(self, row: int) -> dict[Any, Any]:
        start, end = self.offsets[row], self.offsets[row + 1]
        return dict(zip(map(_hashable, self.keys.to_list()[start:end]), self.values.to_list()[start:end], strict=True))


def _hashable(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def column_of(field: Field, arrays: Iterator[contract.Array]) -> Column[Any]:
    """The column of this field; `arrays` are its own and those of its children, and others behind them."""
    array_ = next(arrays)
    children = [column_of(child, arrays) for child in field.type.children]
    return kind_of(field.type)(field.type, array_.rows, array_.validity, list(array_.buffers), children)


def kind_of(type: DataType) -> Kind:
    """How a column of this type is looked at."""
    format = type.format
    if type.is_dictionary:
        return RawColumn
    if format in NumberColumn.CODES or format.startswith(("ts", "tDs", "tDm", "tDu", "tDn", "ttu", "ttn")):
        return NumberColumn
    if format.startswith("+w:") or format == "+l":
        return ListColumn
    if type.is_decimal and format.count(",") == 1:
        return DecimalColumn
    kinds: dict[str, Kind] = {"b": BoolColumn, "u": TextColumn, "z": BinaryColumn, "+s": StructColumn, "+m": MapColumn}
    return kinds.get(format, RawColumn)
