"""Columns as they lie in the buffers that the host hands over: looked at, not copied.

Every column can be asked row by row (`column[row]`, `for value in column`), which makes a Python object of each value.
Inside of a component that is some hundreds of nanoseconds a row, so there are methods for whole columns as well; they
cost tens.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from . import contract, lanes
from .bitmap import Mask
from .data_type import DataType

T_co = TypeVar("T_co", covariant=True)
N_co = TypeVar("N_co", int, float, covariant=True)


class Column(Generic[T_co]):
    """A column's values. `None` stands for null."""

    __slots__ = ("_list", "_valid", "buffers", "children", "rows", "type", "validity")

    def __init__(
        self,
        type: DataType,
        rows: int,
        validity: bytes | None,
        buffers: list[bytes],
        children: list[Column[Any]] | None = None,
    ) -> None:
        self.type = type
        self.rows = rows
        self.validity = validity
        self.buffers = buffers
        self.children = children or []
        self._valid: Mask | None = None
        self._list: list[T_co | None] | None = None

    def __len__(self) -> int:
        return self.rows

    @property
    def valid(self) -> Mask:
        """The rows that are not null."""
        if self._valid is None:
            rows = self.rows
            self._valid = Mask.all(rows) if self.validity is None else Mask.of_bitmap(rows, self.validity)
        return self._valid

    def is_valid(self, row: int) -> bool:
        """Whether the row is not null."""
        return self.validity is None or bool(self.validity[row >> 3] >> (row & 7) & 1)

    @property
    def null_count(self) -> int:
        """How many rows are null."""
        return 0 if self.validity is None else self.rows - self.valid.count()

    def __getitem__(self, row: int) -> T_co | None:
        if not 0 <= row < self.rows:
            raise IndexError(f"row {row} of {self.rows}")
        return self._value(row) if self.is_valid(row) else None

    def __iter__(self) -> Iterator[T_co | None]:
        return iter(self.to_list())

    def to_list(self) -> list[T_co | None]:
        """All values, in a list that is made once: to be read, not to be changed."""
        if self._list is None:
            self._list = list(self._values())
            if self.null_count:
                for row in (~self.valid).indices():
                    self._list[row] = None
        return self._list

    def filter(self, mask: Mask) -> Self:
        """The rows with a yes."""
        return self.take(list(mask.indices()))

    def take(self, rows: Sequence[int]) -> Self:
        """These rows, in this order."""
        if len(rows) == self.rows and all(row == at for at, row in enumerate(rows)):
            return self
        from .builder import build  # noqa: PLC0415 - it builds what is defined here

        return cast(Self, build(self.type, [self[row] for row in rows]))

    def arrays(self) -> list[contract.Array]:
        """As the contract has it: itself, then its children."""
        arrays = [contract.Array(self.rows, self.validity, self.buffers)]
        for child in self.children:
            arrays.extend(child.arrays())
        return arrays

    def _value(self, row: int) -> T_co:
        """The value of a row that is not null."""
        raise TypeError(f"values of type {self.type} are handed through and not read")

    def _values(self) -> Iterable[T_co | None]:
        """All values; what stands in a null's place is of no account."""
        return [self._value(row) if self.is_valid(row) else None for row in range(self.rows)]

    def __repr__(self) -> str:
        return f"<column of {self.rows} {self.type}>"


class RawColumn(Column[Any]):
    """A column of a type that is not read here: its buffers, to be looked at or handed through."""

    __slots__ = ()


class NumberColumn(Column[N_co]):
    """Numbers of one width; also dates (days) and points in time (microseconds)."""

    __slots__ = ("_view",)

    CODES: ClassVar[dict[str, str]] = {
        "c": "b", "s": "h", "i": "i", "l": "q", "C": "B", "S": "H", "I": "I", "L": "Q", "f": "f", "g": "d",
        "tdD": "i", "tsu:UTC": "q",
    }  # fmt: skip

    @property
    def code(self) -> str:
        """The type code that `array` and `memoryview` have for it."""
        return code_of(self.type)

    @property
    def values(self) -> memoryview[N_co]:
        """All numbers, without a copy. In a null's place stands any number."""
        return cast("memoryview[N_co]", memoryview(self.buffers[0]).cast(cast("Any", self.code)))

    def _value(self, row: int) -> N_co:
        return self.values[row]

    def _values(self) -> list[N_co | None]:
        return cast("list[N_co | None]", self.values.tolist())

    def take(self, rows: Sequence[int]) -> Self:
        """These rows, in this order."""
        values = self.values
        made = array(self.code, [values[row] for row in rows]).tobytes()
        validity = None
        if self.validity is not None:
            valid = self.valid.to_bytes()
            validity = Mask.of_bytes(bytes([valid[row] for row in rows])).to_bitmap()
        return type(self)(self.type, len(rows), validity, [made])

    def with_values(self, values: array[Any]) -> Self:
        """A column of these numbers in the place of its own, null where it is null."""
        if values.typecode != self.code or len(values) != self.rows:
            raise ValueError(f"array({self.code!r}) of {self.rows} numbers is needed")
        return type(self)(self.type, self.rows, self.validity, [values.tobytes()])

    def select(self, test: Any) -> Mask:
        """The rows, without nulls, for whose number `test` is true."""
        return Mask.of_bytes(bytes(map(bool, map(test, self.values)))) & self.valid

    def plus(self, amount: int) -> tuple[Self, list[int]]:
        """Each number plus `amount`, and the rows whose sum does not fit the type. Null stays null.

        Exact, and for 64-bit integers without an object a row.
        """
        if self.type.format not in ("l", "L", "tsu:UTC"):
            raise TypeError(f"`plus` is for 64-bit integers; this column is {self.type}")
        made, beyond = lanes.plus(self.buffers[0], self.rows, amount, signed=self.type.format != "L")
        return type(self)(self.type, self.rows, self.validity, [made]), list((beyond & self.valid).indices())

    def at_least(self, bound: int) -> Mask:
        """The rows, without nulls, whose number is `bound` or more: for 64-bit integers without an object a row."""
        if self.type.format not in ("l", "L", "tsu:UTC"):
            return self.select(lambda value: value >= bound)
        return lanes.at_least(self.buffers[0], self.rows, bound, signed=self.type.format != "L") & self.valid

    def below(self, bound: int) -> Mask:
        """The rows, without nulls, whose number is less than `bound`; see `at_least`."""
        return (
            ~self.at_least(bound) & self.valid
            if self.type.is_integer or self.type.format == "tsu:UTC"
            else (self.select(lambda value: value < bound))
        )


class BoolColumn(Column[bool]):
    """True and false, a bit each."""

    __slots__ = ()

    @property
    def true(self) -> Mask:
        """The rows that are true."""
        return Mask.of_bitmap(self.rows, self.buffers[0]) & self.valid

    def _value(self, row: int) -> bool:
        return bool(self.buffers[0][row >> 3] >> (row & 7) & 1)

    def _values(self) -> list[bool | None]:
        return list(Mask.of_bitmap(self.rows, self.buffers[0]))


class DecimalColumn(Column[int]):
    """Decimals of 128 bits, in units of the last place: 12.50 with two digits behind the point is 1250."""

    __slots__ = ()

    @property
    def scale(self) -> int:
        """How many digits are behind the point."""
        return int(self.type.format.split(",")[1])

    def _value(self, row: int) -> int:
        return int.from_bytes(self.buffers[0][16 * row : 16 * row + 16], "little", signed=True)

    def _values(self) -> list[int | None]:
        data = self.buffers[0]
        return [int.from_bytes(data[at : at + 16], "little", signed=True) for at in range(0, 16 * self.rows, 16)]


def code_of(type: DataType) -> str:
    """The type code of a type whose values are numbers; a `KeyError` for others."""
    return NumberColumn.CODES["tsu:UTC" if type.format.startswith(("ts", "tD", "ttu", "ttn")) else type.format]


def flags(mask: Mask) -> Iterator[int]:
    """A byte for each row."""
    return iter(mask.to_bytes())


def rows_of(values: Sequence[object]) -> Iterator[int]:
    """The places of what is true."""
    return compress(range(len(values)), values)
