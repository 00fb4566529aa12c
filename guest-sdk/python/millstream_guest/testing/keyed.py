"""Keyed operators under plain Python: epochs of rows, watermarks, timers; states are kept here as a host keeps them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from .. import contract
from ..bound_keyed import BoundKeyed
from ..builder import build
from ..column import Column
from ..data_type import DataType, Field, flatten
from ..errors import Refused
from ..text import BinaryColumn, offsets_of
from . import check
from .host import Failed, bind, handed_over, reasons
from .run import Types
from .table import Rows, Table

_BYTES = DataType("z")
KeyValues = tuple[Any, ...]


@dataclass
class Epoch:
    """What comes of an epoch."""

    rows: list[dict[str, Any]]
    #: By the row's number in the epoch.
    rejects: list[tuple[int, str]]
    #: The numbers of the rows that go to the late output.
    late: list[int]


@dataclass
class _Kept:
    """All that is kept of a key."""

    key: KeyValues
    values: dict[str, bytes] = field(default_factory=dict)
    maps: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    timers: dict[tuple[int, int], int] = field(default_factory=dict)


class KeyedJob:
    """A keyed operator in a job of one epoch after the other. A time to live is not looked after."""

    def __init__(
        self,
        operator: Any,
        config: Mapping[str, Any],
        key: Sequence[str],
        types: Types,
        event_time: str | None = None,
        rows_per_call: int | None = None,
    ) -> None:
        self._types = types
        self._key = list(key)
        self._event_time = event_time
        self._rows_per_call = rows_per_call
        empty = Table.of([], types)
        fields = [field for field in empty.fields if field.name in self._key]
        self._key_fields = sorted(fields, key=lambda field: self._key.index(field.name))
        bound = bind(operator, config, empty, flatten(self._key_fields))
        if not isinstance(bound, BoundKeyed):
            raise TypeError("this is for keyed operators: see `run` and `aggregate`")
        self._bound = bound
        self._kept: dict[KeyValues, _Kept] = {}
        self._watermark: int | None = None
        self._now = 0

    def epoch(self, rows: Rows, watermark: int | None = None, now: int | None = None) -> Epoch:
        """Rows, then the timers that are due. `watermark` and `now` are in microseconds; without one it stays."""
        previous = self._watermark
        self._watermark = previous if watermark is None else max(watermark, previous if previous is not None else watermark)
        self._now = self._now if now is None else now
        self._previous = previous
        result = Epoch([], [], [])
        due = self._due()
        input = Table.of(rows, self._types)
        if input.rows:
            self._rows(input, result)
        # What the rows have cleared or moved does not fire, and what they have set fires in the next epoch at the earliest.
        due = [one for one in due if (kept := self._kept.get(one[1])) and kept.timers.get(one[2:]) == one[0]]
        if due:
            self._fire(due, result)
        return result

    def watermark(self, watermark: int) -> Epoch:
        """An epoch without rows."""
        return self.epoch([], watermark)

    def state(self, *key: Any, name: str | None = None) -> Any:
        """The value that is kept of a key; `None` where there is none."""
        kept = self._kept.get(key)
        stored = None if kept is None else kept.values.get(name or self._bound._values[0])
        return None if stored is None else self._bound._said.codec.loads(stored)

    def entries(self, map: str, *key: Any) -> dict[Any, Any]:
        """The entries of a map that are kept of a key."""
        loads = self._bound._said.codec.loads
        kept = self._kept.get(key)
        return {} if kept is None else {loads(own): loads(value) for own, value in kept.maps.get(map, {}).items()}

    def timers(self, *key: Any) -> dict[int, int]:
        """The timers by event time that are set for a key: when each tag is due."""
        kept = self._kept.get(key)
        return {} if kept is None else {tag: at for (domain, tag), at in kept.timers.items() if domain == 0}

    def keys(self) -> list[KeyValues]:
        """The keys of which something is kept."""
        return [key for key, kept in self._kept.items() if kept.values or any(kept.maps.values())]

    def store(self, from_version: int, key: KeyValues, **values: Any) -> None:
        """Stores values of an older version of a key, as that had written them, by way of `migrate`."""
        dumps = self._bound._said.codec.dumps
        fields = flatten([Field(name, _BYTES) for name in values])
        columns = [build(_BYTES, [dumps(value)]) for value in values.values()]
        made = self._called(self._bound.migrate, from_version, fields, _batch(1, columns))
        table = check.table(flatten([Field(name, _BYTES) for name in self._bound._values]), made)
        kept = self._kept.setdefault(key, _Kept(key))
        kept.values = {name: value for name, value in table.to_rows()[0].items() if value is not None}

    def _rows(self, input: Table, result: Epoch) -> None:
        binding = self._bound.binding
        given, numbers, refused = handed_over(binding.binding, input)
        result.rejects += refused
        order = list(range(given.rows))
        if self._event_time is not None:
            times = [input.column(self._event_time).to_list()[row] for row in numbers]
            if binding.late_rows and self._watermark is not None:
                late = {at for at in order if (time := times[at]) is not None and time <= self._watermark}
                result.late += [numbers[at] for at in sorted(late)]
                order = [at for at in order if at not in late]
            if binding.by_event_time:
                order.sort(key=lambda at: (times[at] is None, times[at] or 0))  # noqa: B023 - called at once
        keys = list(zip(*(input.column(name).to_list() for name in self._key), strict=True))
        by_key: dict[KeyValues, list[int]] = {}
        for at in order:
            by_key.setdefault(keys[numbers[at]], []).append(at)
        while by_key:
            most = self._rows_per_call or given.rows
            now = {key: rows[:most] for key, rows in by_key.items()}
            by_key = {key: rows[most:] for key, rows in by_key.items() if rows[most:]}
            places = [at for rows in now.values() for at in rows]
            offsets = offsets_of(map(len, now.values()))
            self._call(0, list(now), given.take(places), offsets, [], [numbers[at] for at in places], result)
        result.rejects.sort()

    def _fire(self, due: list[tuple[int, KeyValues, int, int]], result: Epoch) -> None:
        keys = list(dict.fromkeys(key for _, key, _, _ in due))
        for _, key, domain, tag in due:
            del self._kept[key].timers[domain, tag]
        rows = Table.of([], self._types)
        given, _, _ = handed_over(self._bound.binding.binding, rows)
        self._call(1, keys, given, offsets_of([0] * len(keys)), due, [], result)

    def _due(self) -> list[tuple[int, KeyValues, int, int]]:
        """Time, key, domain and tag of the timers that are due, by time, then key as it came."""
        due = []
        for place, (key, kept) in enumerate(self._kept.items()):
            for (domain, tag), at in kept.timers.items():
                clock = self._watermark if domain == 0 else self._now
                if clock is not None and at <= clock:
                    due.append((at, place, key, domain, tag))
        return [(at, key, domain, tag) for at, _, key, domain, tag in sorted(due, key=lambda one: (one[0], one[1], one[3:]))]

    def _call(
        self,
        phase: int,
        keys: list[KeyValues],
        rows: Table,
        offsets: bytes,
        due: list[tuple[int, KeyValues, int, int]],
        numbers: list[int],
        result: Epoch,
    ) -> None:
        binding = self._bound.binding
        kept = [self._kept.get(key) or _Kept(key) for key in keys]
        columns = [build(field.type, [key[at] for key in keys]) for at, field in enumerate(self._key_fields)]
        values = [build(_BYTES, [of.values.get(name) for of in kept]) for name in self._bound._values]
        step = contract.Step(
            phase, self._now, self._watermark, self._previous, _batch(len(keys), columns), offsets, rows.batch(),
            _batch(len(keys), values), [], _timers(keys, due),
        )  # fmt: skip
        if self._bound._maps:
            step.maps = self._fetched(kept, self._called(self._bound.needs, step))
        outcome: contract.Outcome = self._called(self._bound.call, step)
        output = check.table(binding.binding.output, outcome.output).to_rows()
        of = memoryview(outcome.output_of).cast("I").tolist()
        assert len(of) == len(output), "output_of has a number for each row"
        for row, number in zip(output, of, strict=True):
            if phase == 1 and binding.event_time is not None:
                row[binding.binding.output[binding.event_time].name] = due[number][0]
        result.rows += output
        result.rejects += [(numbers[row], reason) for row, reason in reasons(outcome.rejects)]
        result.late += [numbers[row] for row in memoryview(outcome.late).cast("I")]
        self._store(kept, outcome)

    def _fetched(self, kept: list[_Kept], wanted: contract.Wanted) -> list[contract.Entries]:
        names = {number: name for name, number in self._bound._maps.items()}
        found: dict[int, set[tuple[int, bytes]]] = {}
        for entries in wanted.entries:
            own = _columns(entries.entries)[0]
            pairs = zip(memoryview(entries.keys).cast("I"), own, strict=True)
            found.setdefault(entries.state, set()).update((key, of) for key, of in pairs if of is not None)
        for number, keys in wanted.all:
            for key in memoryview(keys).cast("I"):
                found.setdefault(number, set()).update((key, own) for own in kept[key].maps.get(names[number], {}))
        fetched = []
        for number, all in found.items():
            ordered = sorted(all)
            values = [kept[key].maps.get(names[number], {}).get(own) for key, own in ordered]
            columns = [build(_BYTES, [own for _, own in ordered]), build(_BYTES, values)]
            keys_of = array("I", [key for key, _ in ordered]).tobytes()
            fetched.append(contract.Entries(number, keys_of, _batch(len(ordered), columns)))
        return fetched

    def _store(self, kept: list[_Kept], outcome: contract.Outcome) -> None:
        for key in memoryview(outcome.removed).cast("I"):
            kept[key].values, kept[key].maps = {}, {}
            if not self._bound.binding.keep_timers:
                kept[key].timers = {}
        for change in outcome.values:
            name = self._bound._values[change.state]
            for key, value in zip(memoryview(change.keys).cast("I"), _columns(change.values)[0], strict=True):
                if value is None:
                    kept[key].values.pop(name, None)
                else:
                    kept[key].values[name] = value
        names = {number: name for name, number in self._bound._maps.items()}
        for entries in outcome.entries:
            own, values = _columns(entries.entries)
            for key, of, value in zip(memoryview(entries.keys).cast("I"), own, values, strict=True):
                map = kept[key].maps.setdefault(names[entries.state], {})
                if value is not None and of is not None:
                    map[of] = value
                elif of is not None:
                    map.pop(of, None)
        for timers, is_set in ((outcome.set_timers, True), (outcome.clear_timers, False)):
            for key, domain, tag, at in zip(
                memoryview(timers.keys).cast("I"), timers.domains, memoryview(timers.tags).cast("I"),
                memoryview(timers.at).cast("q"), strict=True,
            ):  # fmt: skip
                kept[key].timers.pop((domain, tag), None)
                if is_set:
                    kept[key].timers[domain, tag] = at
        for one in kept:
            if one.values or any(one.maps.values()) or one.timers:
                self._kept[one.key] = one
            else:
                self._kept.pop(one.key, None)

    def _called(self, call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Refused as failed:
            raise Failed(failed.value) from failed.__cause__


def keyed_laws(
    operator: Any,
    config: Mapping[str, Any],
    key: Sequence[str],
    rows: Rows,
    types: Types,
    event_time: str | None = None,
) -> None:
    """What must hold of every keyed operator, on these rows: a key's rows in several calls give what they give in one.

    An `AssertionError` says what does not. How rows are cut into calls means nothing, so what comes out must not tell.
    """
    outputs = []
    for most in (None, 1, 2):
        job = KeyedJob(operator, config, key, types, event_time, most)
        first = job.epoch(rows, watermark=-(1 << 63))
        last = job.watermark((1 << 63) - 1)
        of_key: dict[KeyValues, list[dict[str, Any]]] = {}
        for row in first.rows + last.rows:
            of_key.setdefault(tuple(row.get(name) for name in key), []).append(row)
        outputs.append((of_key, first.rejects))
    for most, found in zip((1, 2), outputs[1:], strict=True):
        if found != outputs[0]:
            raise AssertionError(f"a key's rows in calls of {most}:\n  {found}\nand in one:\n  {outputs[0]}")


def _batch(rows: int, columns: list[Column[Any]]) -> contract.Batch:
    return contract.Batch(rows, [one for column in columns for one in column.arrays()])


def _columns(batch: contract.Batch) -> list[BinaryColumn]:
    fields = flatten([Field(str(at), _BYTES) for at in range(len(batch.arrays))])
    return cast("list[BinaryColumn]", check.table(fields, batch).columns)


def _timers(keys: list[KeyValues], due: list[tuple[int, KeyValues, int, int]]) -> contract.Timers:
    return contract.Timers(
        array("I", [keys.index(key) for _, key, _, _ in due]).tobytes(),
        bytes(domain for _, _, domain, _ in due),
        array("I", [tag for _, _, _, tag in due]).tobytes(),
        array("q", [at for at, _, _, _ in due]).tobytes(),
    )
