"""Rows of a test as columns, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from .. import builder, contract
from ..column import Column
from ..data_type import DataType, Field, flatten, list_of, struct_of

Rows: TypeAlias = "Sequence[Mapping[str, Any]] | Mapping[str, Iterable[Any]]"


class Table:
    """Columns of the same number of rows."""

    def __init__(self, fields: Sequence[Field], columns: Sequence[Column[Any]], rows: int) -> None:
        self.fields = list(fields)
        self.columns = list(columns)
        self.rows = rows

    @classmethod
    def of(cls, rows: Rows, types: Mapping[str, DataType | str] | None = None) -> Table:
        """From a list of dicts, or a dict of lists. Types that are not given follow from the values."""
        if isinstance(rows, Mapping):
            given = {name: list(values) for name, values in rows.items()}
        else:
            names = list(dict.fromkeys(name for row in rows for name in row)) or list(types or {})
            given = {name: [row.get(name) for row in rows] for name in names}
        types = types or {}
        given = {**given, **{name: [None] * _rows(given) for name in types if name not in given}}
        fields = [Field(name, types[name] if name in types else _type(name, values)) for name, values in given.items()]
        columns = [builder.column(field, values) for field, values in zip(fields, given.values(), strict=True)]
        if len({column.rows for column in columns}) > 1:
            raise ValueError(
                f"columns of different lengths: { {field.name: c.rows for field, c in zip(fields, columns, strict=True)} }"
            )
        return cls(fields, columns, columns[0].rows if columns else 0)

    def to_rows(self) -> list[dict[str, Any]]:
        """A dict for each row."""
        names = [field.name for field in self.fields]
        if not names:
            return [{} for _ in range(self.rows)]
        every = zip(*(column.to_list() for column in self.columns), strict=True)
        return [dict(zip(names, values, strict=True)) for values in every]

    def take(self, rows: Sequence[int]) -> Table:
        """These rows."""
        return Table(self.fields, [column.take(rows) for column in self.columns], len(rows))

    def column(self, name: str) -> Column[Any]:
        """The column of this name."""
        return self.columns[[field.name for field in self.fields].index(name)]

    def input(self) -> list[contract.InputField]:
        """As `bind` is told of it."""
        return [contract.InputField(flatten([field])) for field in self.fields]

    def batch(self) -> contract.Batch:
        """As a call is given it."""
        return contract.Batch(self.rows, [array for column in self.columns for array in column.arrays()])


def _rows(given: Mapping[str, list[Any]]) -> int:
    return len(next(iter(given.values()), []))


def _type(name: str, values: Iterable[Any]) -> DataType:
    found = [value for value in values if value is not None]
    if not found:
        raise TypeError(f"column `{name}` has no value to tell its type: pass `types={{'{name}': …}}`")
    first = found[0]
    plain = {bool: "boolean", int: "int64", float: "float64", str: "utf8", bytes: "binary"}
    if type(first) in plain:
        is_mixed = type(first) is int and any(isinstance(value, float) for value in found)
        return DataType.of("float64" if is_mixed else plain[type(first)])
    if isinstance(first, list | tuple):
        return list_of(_type(name, [item for value in found for item in value]))
    if isinstance(first, dict):
        return struct_of(*(Field(one, _type(f"{name}.{one}", [v.get(one) for v in found])) for one in first))
    raise TypeError(f"column `{name}`: no type goes with {first!r}")
