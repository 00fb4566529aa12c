"""The input's columns as `bind` sees them.

Asking for a column by type (`input.column("value").text()`) is what makes the host hand it over: a column that nobody asks
for is never copied into the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import contract
from .column import BoolColumn, Column, DecimalColumn, NumberColumn
from .data_type import DataType, Field, flatten, unflatten
from .errors import Problem
from .nested import ListColumn, MapColumn, StructColumn, column_of
from .text import BinaryColumn, TextColumn

if TYPE_CHECKING:
    C_co = TypeVar("C_co", bound=Column[Any], covariant=True)
else:
    C_co = TypeVar("C_co", covariant=True)


class Input(Generic[C_co]):
    """A column that `bind` asked for: `batch[input]` is its values."""

    __slots__ = ("place",)

    def __init__(self, place: int) -> None:
        self.place = place


class InputColumn:
    """One column of the input: look at it, then say as what it is to be read."""

    def __init__(self, schema: Schema, index: int) -> None:
        self._schema = schema
        self._index = index
        told = schema._told[index]
        self.field: Field = unflatten(told.fields)[0]
        self._readable = told.readable

    @property
    def name(self) -> str:
        """The column's name."""
        return self.field.name

    @property
    def type(self) -> DataType:
        """The column's type."""
        return self.field.type

    def text(self) -> Input[TextColumn]:
        """Asks for it as text; anything but bytes and nested columns can be."""
        return self._read("utf8")

    def binary(self) -> Input[BinaryColumn]:
        """Asks for it as bytes."""
        return self._read("binary")

    def boolean(self) -> Input[BoolColumn]:
        """Asks for it as true and false."""
        return self._read("boolean")

    def int64(self) -> Input[NumberColumn[int]]:
        """Asks for it as 64-bit integers; a point in time comes as microseconds."""
        return self._read("int64")

    def integer(self, type: str) -> Input[NumberColumn[int]]:
        """Asks for it as integers of this type: `int8` to `int64`, `uint8` to `uint64`."""
        return self._read(type)

    def float64(self) -> Input[NumberColumn[float]]:
        """Asks for it as 64-bit floating point numbers."""
        return self._read("float64")

    def float32(self) -> Input[NumberColumn[float]]:
        """Asks for it as 32-bit floating point numbers."""
        return self._read("float32")

    def timestamp(self) -> Input[NumberColumn[int]]:
        """Asks for it as points in time: microseconds since 1970, UTC."""
        return self._read("timestamp")

    def date(self) -> Input[NumberColumn[int]]:
        """Asks for it as dates: days since 1970-01-01."""
        return self._read("date")

    def decimal(self) -> Input[DecimalColumn]:
        """Asks for it as decimals, of the precision and scale that it has."""
        if not self.type.is_decimal or self.type.format.count(",") > 1:
            raise self.refused("decimal")
        return self._asked(self.type)

    def list(self, item: DataType | str | None = None) -> Input[ListColumn]:
        """Asks for it as lists, of items of this type; without one, as they are."""
        if not self.type.format.startswith(("+l", "+w")):
            raise self.refused("a list")
        if item is None:
            return self._asked(self.type)
        child = self.type.children[0]
        wanted = DataType.of(item)
        if not _can_be(child.type, wanted):
            raise self.refused(f"list of {wanted}")
        return self._asked(DataType("+l", (Field(child.name, wanted, child.nullable),)))

    def structure(self) -> Input[StructColumn]:
        """Asks for it as structs, as they are."""
        if self.type.format != "+s":
            raise self.refused("struct")
        return self._asked(self.type)

    def map(self) -> Input[MapColumn]:
        """Asks for it as maps, as they are."""
        if self.type.format != "+m":
            raise self.refused("map")
        return self._asked(self.type)

    def as_is(self) -> Input[Column[Any]]:
        """Asks for it as it is, whatever that may be."""
        if not self._readable:
            raise Problem(f"column `{self.name}` is {self.type}, which plugins cannot read")
        return self._asked(self.type)

    def constant(self) -> Any:
        """The value, where it is the same for all rows (a literal in an SQL call); else `None`."""
        arrays = self._schema._told[self._index].constant
        return None if arrays is None else column_of(self.field, iter(arrays))[0]

    def refused(self, needed: str) -> Problem:
        """A problem that says which type is needed instead."""
        unreadable = "" if self._readable else ", which plugins cannot read"
        return Problem(f"column `{self.name}` is {self.type}{unreadable}; this plugin needs {needed}")

    def _read(self, name: str) -> Input[Any]:
        wanted = DataType.of(name)
        if not self._readable or not _can_be(self.type, wanted):
            raise self.refused(str(wanted))
        return self._asked(wanted)

    def _asked(self, wanted: DataType) -> Input[Any]:
        return self._schema._read(self._index, self.field, wanted)


def _can_be(given: DataType, wanted: DataType) -> bool:
    """Whether the host casts it where no value can be lost in silence."""
    if given == wanted:
        return True
    if given.is_number and wanted.is_number:
        return True
    if wanted.format == "u":
        return given.format not in ("z", "n") and not given.is_nested and not given.format.startswith("w:")
    return given.format == "tsu:UTC" and wanted.format == "l"


class Schema:
    """The input's columns, where the operator is used, and what the host is told in return."""

    def __init__(self, input: list[contract.InputField], site: contract.Site) -> None:
        self._told = input
        self._names = [told.fields[0].name for told in input]
        self._seen: set[int] = set()
        self._reads: dict[int, tuple[int, Field]] = {}
        self._hints = contract.Hints()
        self.site = site

    def column(self, name: str) -> InputColumn:
        """The column of this name."""
        if name not in self._names:
            there = ", ".join(f"`{one}`" for one in self._names) or "no columns"
            raise Problem(f"the input has no column `{name}`; it has {there}")
        return self._look(self._names.index(name))

    def column_or(self, given: str | None, usual: str) -> InputColumn:
        """The column that the configuration names; without one `usual`, in a call from SQL the first argument."""
        if given is None and self.is_sql_call:
            return self.argument(0)
        return self.column(usual if given is None else given)

    def argument(self, index: int) -> InputColumn:
        """The column at this place, from 0: in a call from SQL that argument."""
        if index >= len(self._told):
            what = "argument" if self.is_sql_call else "column"
            raise Problem(f"{what} {index + 1} is needed; there are {len(self._told)}")
        return self._look(index)

    def __iter__(self) -> Iterator[InputColumn]:
        return (self._look(index) for index in range(len(self._told)))

    def __len__(self) -> int:
        return len(self._told)

    @property
    def is_sql_call(self) -> bool:
        """Whether it is called as an SQL function: its columns are then named `arg0`, `arg1`, …"""
        return bool(self._names) and all(name == f"arg{index}" for index, name in enumerate(self._names))

    def skip_nulls(self) -> None:
        """Rows with a null in any column that is read need not be handed over. `call` may see some all the same."""
        self._hints.skip_nulls = True

    def rows_per_call(self, rows: int) -> None:
        """At most so many rows a call, where a row costs much."""
        self._hints.rows_per_call = rows

    def not_deterministic(self) -> None:
        """Equal arguments do not always give equal results: calls are never repeated to compare them."""
        self._hints.deterministic = False

    def refuse_unused_arguments(self) -> None:
        """Raises a problem for an argument that nobody has looked at."""
        used = max(self._seen, default=-1) + 1
        if self.is_sql_call and used < len(self._told):
            raise Problem(f"called with {len(self._told)} arguments; the plugin takes {used}")

    def fields(self) -> list[Field]:
        """The columns that will be handed over, in their order."""
        return [field for _, field in self._reads.values()]

    def binding(self, output: list[Field]) -> contract.Binding:
        """What was asked for, as the contract has it."""
        reads = []
        for index, (_, field) in self._reads.items():
            same = unflatten(self._told[index].fields)[0].type == field.type
            reads.append(contract.Read(index, [] if same else flatten([field])))
        return contract.Binding(reads, flatten(output), self._hints)

    def _look(self, index: int) -> InputColumn:
        self._seen.add(index)
        return InputColumn(self, index)

    def _read(self, index: int, told: Field, wanted: DataType) -> Input[Any]:
        if index in self._reads:
            place, before = self._reads[index]
            if before.type != wanted:
                raise Problem(
                    f"column `{told.name}` is asked for as {before.type} and as {wanted}; a column is handed over once"
                )
            return Input(place)
        place = len(self._reads)
        self._reads[index] = (place, Field(told.name, wanted, told.nullable))
        return Input(place)
