"""Keyed operators as an author writes them: state and timers for each key.

A call has many keys; an operator is called with one key after the other, with its rows or with a timer that is due. What it
changes of the key's state is stored with the epoch or not at all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from . import cbor
from .batch import Batch
from .column import Column
from .config import Config
from .data_type import Field
from .key_state import KeyState, Wanted
from .operators import Operator
from .schema import Schema

if TYPE_CHECKING:
    from .schema import Input

T = TypeVar("T")
#: The name of the one value that is kept of a key, where `bind` names none.
STATE = "state"


class Clock(IntEnum):
    """Which clock a timer or a time to live runs by."""

    EVENT_TIME = 0
    PROCESSING_TIME = 1


class Codec(Protocol):
    """How states are written and read: `cbor`, `raw`, or a module or object of your own."""

    def dumps(self, value: Any, /) -> bytes:
        """The value's bytes, always the same for the same value."""

    def loads(self, data: bytes, /) -> Any:
        """The value that the bytes are."""


class Raw:
    """States are bytes, as they are."""

    def dumps(self, value: Any, /) -> bytes:
        """Bytes as they are."""
        return bytes(value)

    def loads(self, data: bytes, /) -> Any:
        """Bytes as they are."""
        return data


raw = Raw()


@dataclass
class KeyedOutput:
    """What a keyed operator's `bind` says."""

    #: The columns that come out, behind those of the key.
    output: Sequence[Field]
    #: The column of the output, a timestamp, that is the event time for what follows.
    event_time: str | None = None
    #: The columns of the key come out in front.
    with_key: bool = True
    #: What is kept of a key: values, each read and written whole; maps, whose entries are fetched and stored singly.
    values: Sequence[str] = (STATE,)
    maps: Sequence[str] = ()
    codec: Codec = field(default=cbor)
    #: Entries of the configuration that stored states do not depend on.
    adjustable: Sequence[str] = ()
    #: A key's state goes after so many microseconds without a change.
    time_to_live: tuple[Clock, int] | None = None
    #: Rows whose event time the watermark has passed go to the late output.
    late_rows_aside: bool = False
    #: A key's rows come by event time and not in their order of arrival.
    rows_by_event_time: bool = False
    #: So far may the output's event times lie behind the watermark, in microseconds.
    holds_back: int = 0
    #: Timers stay when their key's state is removed.
    keep_timers: bool = False


class Key:
    """The key's values: `key[0]`, or `key["user"]`."""

    def __init__(self, batch: Batch, row: int) -> None:
        self._batch = batch
        self.index = row

    def __getitem__(self, column: int | str) -> Any:
        of = self._batch.columns[column] if isinstance(column, int) else self._batch.column(column)
        return of[self.index]

    def __len__(self) -> int:
        return len(self._batch.columns)


class Rows:
    """The key's rows: `rows[self.at]` is a list with the column's value for each of them, `None` for null."""

    def __init__(self, batch: Batch, start: int, end: int) -> None:
        self._batch = batch
        self._start, self._end = start, end

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, input: Input[Column[T]]) -> list[T | None]:
        column: Column[T] = self._batch[input]
        return column.to_list()[self._start : self._end]


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that is due; `at` is when it was to fire, in microseconds since 1970."""

    clock: Clock
    tag: int
    at: int


class Timers:
    """The clocks as they stand in this epoch, and the key's timers to be set and cleared.

    A timer is known by its key, its clock and its tag: setting one again moves it. One that is set to a time which has
    passed fires in the next epoch.
    """

    def __init__(self, now: int, watermark: int | None, previous_watermark: int | None) -> None:
        #: The epoch's processing time, in microseconds since 1970. A replay sees the same.
        self.now = now
        #: Microseconds since 1970; `None` = there is none yet.
        self.watermark = watermark
        #: The watermark of the epoch before.
        self.previous_watermark = previous_watermark
        self.key = 0
        # The last word on a timer counts.
        self.changes: dict[tuple[int, int, int], int | None] = {}

    def set(self, tag: int, at: int, clock: Clock = Clock.EVENT_TIME) -> None:
        """Sets a timer: it is due when the clock reaches `at`, in microseconds since 1970."""
        if not 0 <= tag < 1 << 32:
            raise ValueError(f"{tag} is no tag: 0 to 2^32 - 1 are")
        if not -(1 << 63) <= at < 1 << 63:
            raise ValueError(f"{at} is no time in microseconds")
        self.changes[self.key, int(clock), tag] = at

    def clear(self, tag: int, clock: Clock = Clock.EVENT_TIME) -> None:
        """Takes a timer away, if it is set."""
        self.changes[self.key, int(clock), tag] = None


class Out:
    """Takes the output rows of one key after the other, and the rows that are refused or late."""

    def __init__(self, fields: Sequence[Field], batch: Batch) -> None:
        self._fields = fields
        self._batch = batch
        self.values: list[list[Any]] = [[] for _ in fields]
        self.of: list[int] = []
        self.late_rows: set[int] = set()
        self._number = 0
        self._rows = range(0)

    def begin(self, number: int, rows: range) -> None:
        """What is pushed from now on belongs to this key or timer; for the SDK alone."""
        self._number, self._rows = number, rows

    def push(self, *values: Any) -> None:
        """One output row: a value for each column of the output, without the key's."""
        if len(values) != len(self._fields):
            raise TypeError(f"{len(values)} values are pushed; the output has {len(self._fields)} columns")
        for column, value in zip(self.values, values, strict=True):
            column.append(value)
        self.of.append(self._number)

    def reject(self, row: int, reason: str) -> None:
        """Refuses the key's row of this number: it goes to the dead letters with this reason."""
        self._batch.reject(self._rows[row], reason)

    def late(self, row: int) -> None:
        """Sends the key's row of this number to the late output."""
        self.late_rows.add(self._rows[row])


class Keyed(Operator):
    """State and timers per key."""

    kind = "keyed"
    #: Raised whenever stored states change their meaning; see `migrate`.
    state_version: ClassVar[int] = 1

    @abstractmethod
    def bind(self, config: Config, input: Schema, key: Sequence[Field]) -> KeyedOutput:
        """Reads the configuration, asks for columns, and says what comes out and what is kept."""

    @abstractmethod
    def on_rows(self, key: Key, rows: Rows, state: KeyState, out: Out, timers: Timers) -> None:
        """Rows of a key. One with very many comes in several calls: what comes out must not tell."""

    def on_timer(self, key: Key, timer: Timer, state: KeyState, out: Out, timers: Timers) -> None:
        """A timer of a key is due."""

    def needs(self, key: Key, rows: Rows, state: KeyState, wanted: Wanted) -> None:
        """Which entries of maps `on_rows` will look at; `state` has the values there."""

    def needs_for_timer(self, key: Key, timer: Timer, state: KeyState, wanted: Wanted) -> None:
        """Which entries of maps `on_timer` will look at."""

    def migrate(self, from_version: int, stored: dict[str, Any]) -> dict[str, Any]:
        """The values that an older version has stored of a key, by their names, to those of this one. Maps stay."""
        raise NotImplementedError(f"states of version {from_version} are not known to version {self.state_version}")
