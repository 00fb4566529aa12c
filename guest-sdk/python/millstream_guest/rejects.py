"""Rows that an operator refuses, with reasons: they go to the job's dead letters, and the rest goes on.

The contract's bounds are kept here: rows ascend, each once; a reason is cut at 4 KiB; after 1 MiB of reasons in a call the
rest of the rows have none of their own.
"""

from __future__ import annotations

from array import array

from . import contract
from .text import offsets_of

_REASON = 4 * 1024
_CALL = 1024 * 1024
# Any reason beyond the bound will do: the host puts its own words in the place of it.
_DROPPED = "…".encode()


class Rejects:
    """The rows refused in one call."""

    def __init__(self) -> None:
        self._reasons: dict[int, bytes] = {}
        self._size = 0

    def add(self, row: int, reason: str) -> None:
        """Refuses a row of the batch. If one is refused twice the first reason stands."""
        if row in self._reasons:
            return
        room = min(_REASON, _CALL - self._size)
        text = _cut(reason.encode(errors="replace"), room) if room > 0 else _DROPPED
        self._size += len(text)
        self._reasons[row] = text

    def __len__(self) -> int:
        return len(self._reasons)

    def __contains__(self, row: int) -> bool:
        return row in self._reasons

    def buffers(self, rows: int) -> contract.Rejects | None:
        """As the contract has them; they must be among `rows` rows."""
        if not self._reasons:
            return None
        all = sorted(self._reasons)
        if all[0] < 0 or all[-1] >= rows:
            raise IndexError(f"row {all[0] if all[0] < 0 else all[-1]} is refused, of {rows} rows")
        reasons = [self._reasons[row] for row in all]
        return contract.Rejects(array("I", all).tobytes(), offsets_of(map(len, reasons)), b"".join(reasons))


def _cut(text: bytes, size: int) -> bytes:
    return text if len(text) <= size else text[:size].decode(errors="ignore").encode()
