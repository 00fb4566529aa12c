"""Columns of text and of bytes: offsets into one buffer that has all of them, one behind the other.

What is searched for is searched in that buffer, not in a Python object for each row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from operator import not_
from typing import Self, TypeVar

from .bitmap import Mask
from .column import Column

V_co = TypeVar("V_co", str, bytes, covariant=True)
# How far ahead the row of a hit is looked for, before all rows are.
_NEAR = 16


class BytesLike(Column[V_co]):
    """What texts and bytes have in common. Arguments may be `str` or `bytes`, places and lengths are in bytes."""

    __slots__ = ()

    @property
    def offsets(self) -> memoryview[int]:
        """Value i is from offset i up to offset i + 1 of `data`."""
        return memoryview(self.buffers[0]).cast("i")

    @property
    def data(self) -> bytes:
        """The values one after the other."""
        return self.buffers[1]

    def bytes_at(self, row: int) -> bytes:
        """The row's bytes; a null's are of no account."""
        offsets = self.offsets
        return self.data[offsets[row] : offsets[row + 1]]

    def lengths(self) -> array[int]:
        """How many bytes each row has."""
        return array("i", [end - start for start, end in pairwise(self.offsets)])

    def empty(self) -> Mask:
        """The rows, without nulls, of no bytes."""
        # Offsets that are the same one after the other leave zeros. In most columns there are none, which is told at once.
        offsets, size = self.buffers[0], 4 * self.rows
        changes = int.from_bytes(offsets[4 : 4 + size], "little") ^ int.from_bytes(offsets[:size], "little")
        all = changes.to_bytes(size, "little")
        if b"\0\0\0\0" not in all:
            return Mask(self.rows)
        return Mask.of_bytes(bytes(map(not_, memoryview(all).cast("I")))) & self.valid

    def contains(self, text: str | bytes) -> Mask:
        """The rows, without nulls, that contain `text`."""
        needle = _bytes(text)
        if not needle:
            return self.valid
        offsets, data, rows = self.offsets, self.data, self.rows
        find, size = data.find, len(needle)
        hits = bytearray(rows)
        row = 0
        end_of_all = offsets[rows]
        at = find(needle, offsets[0], end_of_all)
        while at >= 0:
            near = row + _NEAR
            high = near if near < rows and offsets[near] > at else rows + 1
            row = bisect_right(offsets, at, row, high) - 1
            end = offsets[row + 1]
            if at + size <= end:
                hits[row] = 1
                at = find(needle, end, end_of_all)
                row += 1
            else:
                # It lies across two rows.
                at = find(needle, at + 1, end_of_all)
        return Mask.of_bytes(hits) & self.valid

    def equals(self, text: str | bytes) -> Mask:
        """The rows, without nulls, that are `text`."""
        wanted = _bytes(text)
        size, data = len(wanted), self.data
        return self._each(lambda start, end: end - start == size and data.startswith(wanted, start))

    def startswith(self, text: str | bytes) -> Mask:
        """The rows, without nulls, that begin with `text`."""
        wanted, begins = _bytes(text), self.data.startswith
        return self._each(lambda start, end: begins(wanted, start, end))

    def endswith(self, text: str | bytes) -> Mask:
        """The rows, without nulls, that end with `text`."""
        wanted, ends = _bytes(text), self.data.endswith
        return self._each(lambda start, end: ends(wanted, start, end))

    def take(self, rows: Sequence[int]) -> Self:
        """These rows, in this order."""
        offsets, data = self.offsets, self.data
        pieces = [data[offsets[row] : offsets[row + 1]] for row in rows]
        validity = None
        if self.validity is not None:
            valid = self.valid.to_bytes()
            validity = Mask.of_bytes(bytes([valid[row] for row in rows])).to_bitmap()
        return type(self)(self.type, len(rows), validity, [offsets_of(map(len, pieces)), b"".join(pieces)])

    def _each(self, test: Callable[[int, int], bool]) -> Mask:
        offsets = self.offsets
        return Mask.of_bytes(bytes([test(start, end) for start, end in pairwise(offsets)])) & self.valid


class TextColumn(BytesLike[str]):
    """Texts in UTF-8."""

    __slots__ = ()

    def _value(self, row: int) -> str:
        return self.bytes_at(row).decode()

    def _values(self) -> list[str | None]:
        offsets, data = self.offsets, self.data
        if data.isascii():
            # One text, cut by the offsets: they count letters then.
            text = data.decode()
            return [text[start:end] for start, end in pairwise(offsets)]
        return [data[start:end].decode() for start, end in pairwise(offsets)]


class BinaryColumn(BytesLike[bytes]):
    """Bytes."""

    __slots__ = ()

    def _value(self, row: int) -> bytes:
        return self.bytes_at(row)

    def _values(self) -> list[bytes | None]:
        data = self.data
        return [data[start:end] for start, end in pairwise(self.offsets)]


def offsets_of(lengths: Iterable[int]) -> bytes:
    """Offsets of values of these lengths."""
    return array("i", accumulate(lengths, initial=0)).tobytes()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
