"""A keyed operator bound in a slot: steps of many keys to calls of one key, and what those change to buffers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from . import builder, contract
from .batch import Batch
from .bound import answering, bound, packed
from .data_type import DataType, Field, unflatten
from .errors import Failure, Problem, Refused, failure, problem
from .key_state import KeyState, MapEntries, Value, Wanted
from .keyed import Clock, Key, Keyed, KeyedOutput, Out, Rows, Timer, Timers
from .text import BinaryColumn

_BYTES = DataType("z")


class BoundKeyed:
    """A keyed operator in a slot."""

    def __init__(self, operator: Keyed, request: contract.Request, key: list[contract.Field]) -> None:
        self._operator = operator
        self._key = unflatten(key)
        schema, said = bound(request, lambda config, input: operator.bind(config, input, self._key))
        self._fields = schema.fields()
        self._said: KeyedOutput = said
        self._own = list(said.output)
        self._output = [*self._key, *self._own] if said.with_key else self._own
        self._values = list(said.values)
        self._maps = {name: len(self._values) + at for at, name in enumerate(said.maps)}
        try:
            self.binding = self._answer(schema.binding(self._output))
        except Problem as error:
            raise Refused(problem(error)) from error

    def _answer(self, binding: contract.Binding) -> contract.KeyedBinding:
        said = self._said
        names = [field.name for field in self._output]
        for field in self._own:
            if names.count(field.name) > 1:
                raise Problem(
                    f"it makes a column `{field.name}`, and the key has one of that name, which comes out as well: give "
                    "the key's column another name"
                )
        event_time = None
        if said.event_time is not None:
            if said.event_time not in names:
                raise Problem(f"the output has no column `{said.event_time}` to be its event time")
            event_time = names.index(said.event_time)
        state = [contract.StateField(name, False) for name in said.values]
        state += [contract.StateField(name, True) for name in said.maps]
        ttl = said.time_to_live
        return contract.KeyedBinding(
            binding, state, self._operator.state_version, list(said.adjustable),
            None if ttl is None else contract.TimeToLive(int(ttl[0]), ttl[1]),
            int(said.late_rows_aside), said.rows_by_event_time, event_time, said.holds_back, said.keep_timers,
        )  # fmt: skip

    def needs(self, step: contract.Step) -> contract.Wanted:
        """Which entries of maps `call` will need."""
        at = _Place()
        with answering(at.subject):
            keys, rows = Batch(self._key, step.keys), Batch(self._fields, step.rows)
            state = self._states(step)
            wanted = Wanted()

            def ask(key: int, ask_for: Callable[[KeyState], None]) -> None:
                wanted.key = at.key = key
                _of_key(key, lambda: ask_for(state(key)))

            if step.phase == 0:
                for key, (start, end) in enumerate(pairwise(memoryview(step.row_offsets).cast("i"))):
                    of_key = Rows(rows, start, end)
                    ask(key, lambda state, k=key, r=of_key: self._operator.needs(Key(keys, k), r, state, wanted))  # type: ignore[misc]
            else:
                for _, key, timer in _due(step.due):
                    ask(key, lambda state, k=key, t=timer: self._operator.needs_for_timer(Key(keys, k), t, state, wanted))  # type: ignore[misc]
            return _wanted(wanted)

    def call(self, step: contract.Step) -> contract.Outcome:
        """Handles the rows or the timers of some keys."""
        at = _Place()
        with answering(at.subject):
            keys, rows = Batch(self._key, step.keys), Batch(self._fields, step.rows)
            state = self._states(step)
            out = Out(self._own, rows)
            timers = Timers(step.now, step.watermark, step.previous_watermark)
            states: dict[int, KeyState] = {}
            of_keys: list[int] | None = None
            if step.phase == 0:
                for key, (start, end) in enumerate(pairwise(memoryview(step.row_offsets).cast("i"))):
                    timers.key = at.key = key
                    out.begin(key, range(start, end))
                    of = states[key] = state(key)
                    deal = self._operator.on_rows
                    _of_key(key, lambda: deal(Key(keys, key), Rows(rows, start, end), of, out, timers))  # noqa: B023 - called at once
            else:
                of_keys = []
                # A key's timers may have those of others between them.
                for number, key, timer in _due(step.due):
                    timers.key = at.key = key
                    out.begin(number, range(0))
                    of = states.get(key) or states.setdefault(key, state(key))
                    of_keys.append(key)
                    fire = self._operator.on_timer
                    _of_key(key, lambda: fire(Key(keys, key), timer, of, out, timers))  # noqa: B023 - called at once
            at.key = None
            return self._outcome(keys, out, timers, dict(sorted(states.items())), of_keys, at)

    def migrate(self, version: int, fields: list[contract.Field], states: contract.Batch) -> contract.Batch:
        """Stored values of an older version to those of this one."""
        with answering():
            old = Batch(unflatten(fields), states)
            codec = self._said.codec
            columns: dict[str, list[bytes | None]] = {name: [] for name in self._values}
            for row in range(old.rows):
                try:
                    stored = {
                        field.name: None if (data := column[row]) is None else codec.loads(data)
                        for field, column in zip(old.fields, old.columns, strict=True)
                    }
                    made = self._operator.migrate(version, stored) if any(v is not None for v in stored.values()) else {}
                except Exception as error:
                    raise Refused(failure(error, contract.Subject("state", row))) from error
                if unknown := set(made) - set(columns):
                    raise ValueError(f"`migrate` returns {sorted(unknown)}; what is kept is {self._values}")
                for name, values in columns.items():
                    value = made.get(name)
                    values.append(None if value is None else codec.dumps(value))
            return packed([Field(name, _BYTES) for name in self._values], columns, old.rows)

    def _states(self, step: contract.Step) -> Callable[[int], KeyState]:
        """What is kept of a key, by its index."""
        codec = self._said.codec
        fields = [Field(name, _BYTES) for name in self._values]
        columns = [column.to_list() for column in Batch(fields, step.values).columns]
        fetched: dict[int, dict[int, list[tuple[bytes, bytes | None]]]] = {}
        for entries in step.maps:
            own, values = Batch([Field("key", _BYTES), Field("value", _BYTES)], entries.entries).columns
            of_map = fetched.setdefault(entries.state, {})
            for key, of, value in zip(memoryview(entries.keys).cast("I"), own, values, strict=True):
                of_map.setdefault(key, []).append((of or b"", value))

        def state(key: int) -> KeyState:
            values = {name: Value(codec, column[key], key, name) for name, column in zip(self._values, columns, strict=True)}
            maps = {name: MapEntries(codec, number, name, key) for name, number in self._maps.items()}
            for map in maps.values():
                for entry in fetched.get(map.number, {}).get(key, ()):
                    map.fetched(*entry)
            return KeyState(values, maps)

        return state

    def _outcome(
        self,
        keys: Batch,
        out: Out,
        timers: Timers,
        states: dict[int, KeyState],
        of_keys: list[int] | None,
        at: _Place,
    ) -> contract.Outcome:
        numbers = out.of if of_keys is None else [of_keys[number] for number in out.of]
        of_key = [column.take(numbers) for column in keys.columns] if self._said.with_key else []
        output = packed(self._output, [*of_key, *out.values], len(out.of))
        changed: list[tuple[list[int], list[bytes | None]]] = [([], []) for _ in self._values]
        entries: dict[int, list[tuple[int, bytes, bytes | None]]] = {}
        removed = []
        for key, state in states.items():
            at.key = key
            if state.is_all_removed:
                removed.append(key)
            for (of, values), value in zip(changed, state._values.values(), strict=True):
                is_changed, now = value.change(state.is_all_removed)
                if is_changed:
                    of.append(key)
                    values.append(now)
            for map in state._maps.values():
                entries.setdefault(map.number, []).extend((key, own, now) for own, now in map.changes())
        at.key = None
        set_, cleared = _changes(timers)
        return contract.Outcome(
            output,
            _u32(out.of),
            [contract.ValueChanges(number, _u32(of), _binary(values)) for number, (of, values) in enumerate(changed) if of],
            [contract.Entries(number, *_entries(of_map)) for number, of_map in entries.items() if of_map],
            _u32(removed),
            set_,
            cleared,
            out._batch.rejects.buffers(out._batch.rows),
            _u32(sorted(out.late_rows)),
        )


class _Place:
    """Which key a call is at: an exception that nobody catches is about it."""

    key: int | None = None

    def subject(self) -> contract.Subject | None:
        return None if self.key is None else contract.Subject("key", self.key)


def _of_key(key: int, call: Callable[[], None]) -> None:
    """Calls the author; a failure names the key in any case, so that the host knows it without looking for it."""
    try:
        call()
    except Failure as error:
        kind = "key" if error.state is None else "state"
        raise Refused(contract.Failure(error.message, contract.Subject(kind, key))) from error


def _due(due: contract.Timers) -> Iterable[tuple[int, int, Timer]]:
    """Each timer that is due with its number and its key's index."""
    tags, times = memoryview(due.tags).cast("I"), memoryview(due.at).cast("q")
    keys = memoryview(due.keys).cast("I")
    for number, (key, domain, tag, at) in enumerate(zip(keys, due.domains, tags, times, strict=True)):
        yield number, key, Timer(Clock(domain), tag, at)


def _changes(timers: Timers) -> tuple[contract.Timers, contract.Timers]:
    """Those to set, and those to clear."""
    all = sorted(timers.changes.items(), key=lambda change: change[0])
    return _timers([one for one in all if one[1] is not None]), _timers([one for one in all if one[1] is None])


def _timers(changes: list[tuple[tuple[int, int, int], int | None]]) -> contract.Timers:
    return contract.Timers(
        _u32(key for (key, _, _), _ in changes),
        bytes(domain for (_, domain, _), _ in changes),
        _u32(tag for (_, _, tag), _ in changes),
        array("q", [at or 0 for _, at in changes]).tobytes(),
    )


def _wanted(wanted: Wanted) -> contract.Wanted:
    entries = []
    for number, of_map in sorted(wanted.entries.items()):
        entries.append(contract.Entries(number, *_entries([(key, own, None) for key, own in sorted(of_map)])))
    return contract.Wanted(entries, [(number, _u32(sorted(keys))) for number, keys in sorted(wanted.whole.items())])


def _entries(entries: list[tuple[int, bytes, bytes | None]]) -> tuple[bytes, contract.Batch]:
    own = builder.build(_BYTES, [own for _, own, _ in entries])
    values = builder.build(_BYTES, [value for _, _, value in entries])
    return _u32(key for key, _, _ in entries), contract.Batch(len(entries), [*own.arrays(), *values.arrays()])


def _binary(values: list[bytes | None]) -> contract.Batch:
    column = builder.build(_BYTES, values)
    assert isinstance(column, BinaryColumn)
    return contract.Batch(len(values), column.arrays())


def _u32(values: Iterable[Any]) -> bytes:
    return array("I", values).tobytes()
