"""Bitmaps: which rows. One whole number holds all bits, so that `&`, `|` and `~` cost next to nothing a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress

# Bytes of 0 and 1 to the digits that `int(…, 2)` reads, and back.
_TO_DIGITS = b"0" + b"1" * 255
_FROM_DIGITS = bytes(1 if byte == ord("1") else 0 for byte in range(256))


class Mask:
    """A yes or no for each row."""

    __slots__ = ("bits", "rows")

    def __init__(self, rows: int, bits: int = 0) -> None:
        self.rows = rows
        self.bits = bits & ((1 << rows) - 1)

    @classmethod
    def all(cls, rows: int) -> Mask:
        """Yes for all rows."""
        return cls(rows, (1 << rows) - 1)

    @classmethod
    def of(cls, flags: Iterable[object]) -> Mask:
        """From a truth value for each row."""
        return cls.of_bytes(bytes(map(bool, flags)))

    @classmethod
    def of_bytes(cls, flags: bytes | bytearray) -> Mask:
        """From a byte for each row, 0 = no. The quickest way from rows to a mask."""
        if not flags:
            return cls(0)
        return cls(len(flags), int(flags.translate(_TO_DIGITS)[::-1], 2))

    @classmethod
    def of_rows(cls, rows: int, yes: Iterable[int]) -> Mask:
        """Yes for these rows."""
        flags = bytearray(rows)
        for row in yes:
            flags[row] = 1
        return cls.of_bytes(flags)

    @classmethod
    def of_bitmap(cls, rows: int, bitmap: bytes) -> Mask:
        """From a bitmap of the contract."""
        return cls(rows, int.from_bytes(bitmap, "little"))

    def to_bitmap(self) -> bytes:
        """As the contract has it."""
        return self.bits.to_bytes((self.rows + 7) // 8, "little")

    def to_bytes(self) -> bytes:
        """A byte for each row: 0 or 1."""
        if self.rows == 0:
            return b""
        return f"{self.bits:0{self.rows}b}"[::-1].encode().translate(_FROM_DIGITS)

    def indices(self) -> Iterator[int]:
        """The rows with a yes, ascending."""
        return compress(range(self.rows), self.to_bytes()) if self.bits else iter(())

    def count(self) -> int:
        """How many rows have a yes."""
        return self.bits.bit_count()

    def __bool__(self) -> bool:
        """Whether any row has a yes."""
        return self.bits != 0

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> bool:
        if not 0 <= row < self.rows:
            raise IndexError(f"row {row} of {self.rows}")
        return bool(self.bits >> row & 1)

    def __iter__(self) -> Iterator[bool]:
        return map(bool, self.to_bytes())

    def __and__(self, other: Mask) -> Mask:
        return Mask(self._same(other), self.bits & other.bits)

    def __or__(self, other: Mask) -> Mask:
        return Mask(self._same(other), self.bits | other.bits)

    def __xor__(self, other: Mask) -> Mask:
        return Mask(self._same(other), self.bits ^ other.bits)

    def __invert__(self) -> Mask:
        return Mask(self.rows, ~self.bits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and self.rows == other.rows and self.bits == other.bits

    def __hash__(self) -> int:
        return hash((self.rows, self.bits))

    def __repr__(self) -> str:
        return f"Mask({self.to_bytes().translate(_TO_DIGITS).decode()!r})"

    def _same(self, other: Mask) -> int:
        if self.rows != other.rows:
            raise ValueError(f"a mask of {self.rows} rows and one of {other.rows}")
        return self.rows
