"""What is kept of a key, in the hands of a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import Failure

if TYPE_CHECKING:
    from .keyed import Codec

N = TypeVar("N")


class Value:
    """A value that is kept of a key. It is written if its bytes are others in the end than they were.

    So a dict that `get` has given may be changed in place.
    """

    def __init__(self, codec: Codec, stored: bytes | None, key: int, name: str) -> None:
        self._codec = codec
        self._stored = stored
        self._key = key
        self._name = name
        self._is_read = False
        self._value: Any = None
        self.is_removed = False

    def get(self, default: Any = None) -> Any:
        """What is kept; where there is nothing, `default`."""
        if not self._is_read:
            self._is_read = True
            if self._stored is not None:
                try:
                    self._value = self._codec.loads(self._stored)
                except Exception as error:
                    # No input is to blame: the job stops, and no state is lost.
                    raise Failure(f"the stored value `{self._name}` cannot be read: {error}", state=self._key) from error
        return default if self._value is None else self._value

    def set(self, value: Any) -> None:
        """Keeps this."""
        self._is_read, self._value = True, value

    def remove(self) -> None:
        """Keeps nothing."""
        self._is_read, self._value, self.is_removed = True, None, True

    def change(self, before_is_gone: bool) -> tuple[bool, bytes | None]:
        """Whether it changes, and its new bytes; for the SDK alone."""
        before = None if before_is_gone else self._stored
        if not self._is_read:
            return False, None
        now = None if self._value is None else self._codec.dumps(self._value)
        return now != before, now


class MapEntries:
    """A map that is kept of a key. A call has the entries that `needs` asked for, and those that it has set itself."""

    def __init__(self, codec: Codec, number: int, name: str, key: int) -> None:
        self._codec = codec
        self.number = number
        self.name = name
        self._key = key
        self._stored: dict[bytes, bytes | None] = {}
        self._now: dict[bytes, Any] = {}
        self._is_whole = False

    def fetched(self, own: bytes, value: bytes | None) -> None:
        """An entry that was asked for; for the SDK alone."""
        if own == b"":
            # No value has no bytes: it is asked for beside all entries.
            self._is_whole = True
            return
        self._stored[own] = value
        self._now[own] = None if value is None else self._loads(value)

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of an entry that `needs` has asked for, or that this call has set."""
        own = self._codec.dumps(key)
        if own not in self._now and not self._is_whole:
            raise Failure(f"an entry of `{self.name}` is looked at that `needs` did not ask for")
        value = self._now.get(own)
        return default if value is None else value

    def __contains__(self, key: Any) -> bool:
        return self.get(key) is not None

    def set(self, key: Any, value: Any) -> None:
        """Sets an entry, whatever it was before."""
        self._now[self._codec.dumps(key)] = value

    def remove(self, key: Any) -> None:
        """Takes an entry away, if there is one."""
        self._now[self._codec.dumps(key)] = None

    def items(self) -> Iterator[tuple[Any, Any]]:
        """All entries, by the bytes of their keys; `needs` must have asked for all."""
        if not self._is_whole:
            raise Failure(f"all entries of `{self.name}` are looked at, and `needs` did not ask for all")
        return ((self._loads(own), value) for own, value in sorted(self._now.items()) if value is not None)

    def clear(self) -> None:
        """Takes all entries away; `needs` must have asked for all."""
        for key, _ in list(self.items()):
            self.remove(key)

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Entries whose bytes are others than they were; for the SDK alone."""
        for own, value in sorted(self._now.items()):
            now = None if value is None else self._codec.dumps(value)
            if own in self._stored and self._stored[own] == now:
                continue
            if now is None and self._is_whole and own not in self._stored:
                continue
            yield own, now

    def _loads(self, data: bytes) -> Any:
        try:
            return self._codec.loads(data)
        except Exception as error:
            raise Failure(f"a stored entry of `{self.name}` cannot be read: {error}", state=self._key) from error


class KeyState:
    """All that is kept of a key. Where that is one value, it is looked at here: `get`, `set`, `remove`."""

    def __init__(self, values: dict[str, Value], maps: dict[str, MapEntries]) -> None:
        self._values = values
        self._maps = maps
        self.is_all_removed = False

    def get(self, default: Any = None) -> Any:
        """The one value; where there is nothing, `default`."""
        return self._one().get(default)

    def set(self, value: Any) -> None:
        """Keeps this as the one value."""
        self._one().set(value)

    def remove(self) -> None:
        """Keeps nothing of the key: values, maps, and its timers, but for those that the same call sets."""
        for value in self._values.values():
            value.remove()
        for map in self._maps.values():
            map._stored.clear()
            map._now.clear()
            map._is_whole = True
        self.is_all_removed = True

    def value(self, name: str) -> Value:
        """The value of this name."""
        return _of(self._values, name, "value")

    def map(self, name: str) -> MapEntries:
        """The map of this name."""
        return _of(self._maps, name, "map")

    def _one(self) -> Value:
        if len(self._values) != 1:
            raise TypeError(f"{len(self._values)} values are kept of a key: say which, `state.value(NAME)`")
        return next(iter(self._values.values()))


class Wanted:
    """Takes note of the entries of maps that a call will look at."""

    def __init__(self) -> None:
        self.key = 0
        self.entries: dict[int, set[tuple[int, bytes]]] = {}
        self.whole: dict[int, set[int]] = {}

    def entry(self, map: MapEntries, key: Any) -> None:
        """The entry of this key will be looked at."""
        self.entries.setdefault(map.number, set()).add((self.key, map._codec.dumps(key)))

    def all(self, map: MapEntries) -> None:
        """All entries will be looked at. There is a limit of 32 MiB for all that one call asks for."""
        self.whole.setdefault(map.number, set()).add(self.key)
        self.entries.setdefault(map.number, set()).add((self.key, b""))


def _of(all: dict[str, N], name: str, what: str) -> N:
    if name not in all:
        raise KeyError(f"no {what} `{name}` is kept of a key; there are {', '.join(all) or 'none'}")
    return all[name]
