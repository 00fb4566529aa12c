"""Arithmetic on all numbers of a buffer at once: the buffer is one whole number of Python's, each 64 bits of it a lane.

A Python object for each row costs hundreds of nanoseconds inside of a component, the same sum in lanes about fifty. The
highest bit of a lane is kept out of the addition, so that nothing is carried over into the next lane.
"""

from __future__ import annotations

from functools import lru_cache

from .bitmap import Mask

_WORD = (1 << 64) - 1
_TOP = 1 << 63


@lru_cache(maxsize=64)
def _pattern(rows: int, number: int) -> tuple[int, int, int, int]:
    """The highest bit of each lane, all bits below, and the number's own in both places."""
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * rows, "little")
    tops = ones << 63
    return tops, tops - ones, ones * (number & _TOP - 1), tops if number & _TOP else 0


def plus(buffer: bytes, rows: int, amount: int, *, signed: bool) -> tuple[bytes, Mask]:
    """Each number plus `amount`, and the rows whose sum does not fit; what stands for those is of no account."""
    if not -_TOP < amount < _TOP:
        # Where a carry out of a lane does not show in its highest bit: number by number.
        return _one_by_one(buffer, rows, amount, *((-_TOP, _TOP - 1) if signed else (0, _WORD)))
    tops, below, low, top = _pattern(rows, amount & _WORD)
    given = int.from_bytes(buffer[: 8 * rows], "little")
    made = ((given & below) + low) ^ (given & tops)
    if top:
        made ^= top
    # The amount is smaller than half a lane's range, so that a sum that leaves the range changes the highest bit in the
    # wrong direction: a signed one that goes up, or an unsigned one that goes down, from 0 to 1, the others from 1 to 0.
    beyond = (given ^ made) & tops
    if beyond:
        beyond &= made if signed == (amount >= 0) else given
    return made.to_bytes(8 * rows, "little"), _tops(beyond, rows)


def at_least(buffer: bytes, rows: int, bound: int, *, signed: bool) -> Mask:
    """The rows whose number is `bound` or more."""
    least, most = (-_TOP, _TOP - 1) if signed else (0, _WORD)
    if bound <= least:
        return Mask.all(rows)
    if bound > most:
        return Mask(rows)
    # x >= bound, as unsigned numbers, where x - bound needs no borrowing: x + (2^64 - bound) has a carry.
    if signed:
        bound += _TOP
    tops, below, low, top = _pattern(rows, -bound & _WORD)
    given = int.from_bytes(buffer[: 8 * rows], "little")
    if signed:
        given ^= tops
    # A 1 in a lane's highest bit: the sum of the bits below has a carry into it.
    carried = (given & below) + low
    # A carry out of the lane: two of the three highest bits are 1.
    return _tops(((carried | given) & tops if top else carried & given & tops), rows)


def _tops(bits: int, rows: int) -> Mask:
    """A row for each lane's highest bit."""
    if not bits:
        return Mask(rows)
    return Mask.of_bytes(bits.to_bytes(8 * rows, "little")[7::8])


def _one_by_one(buffer: bytes, rows: int, amount: int, least: int, most: int) -> tuple[bytes, Mask]:
    made, beyond = bytearray(8 * rows), bytearray(rows)
    for row, value in enumerate(memoryview(buffer)[: 8 * rows].cast("q" if least else "Q")):
        if least <= value + amount <= most:
            made[8 * row : 8 * row + 8] = (value + amount).to_bytes(8, "little", signed=least < 0)
        else:
            beyond[row] = 1
    return bytes(made), Mask.of_bytes(beyond)
