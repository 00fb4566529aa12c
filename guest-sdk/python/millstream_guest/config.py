"""A plugin's configuration: the job's `with` table, which arrives as JSON.

It is read key by key. What is wrong with one is a problem that names it, so that the job's check points at the line; and a
key that nobody asks for is refused, since it would be without effect, and nobody would know.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar, overload

from .errors import Problem

T = TypeVar("T")


class _Missing:
    """No default was given."""


MISSING: Final = _Missing()


class Config:
    """The `with` table of the job, empty if there is none."""

    def __init__(self, text: str = "{}") -> None:
        try:
            table = json.loads(text)
        except ValueError as error:
            raise Problem(f"the configuration is not a JSON object: {error}") from None
        if not isinstance(table, dict):
            raise Problem("the configuration is not a JSON object")
        self._table: dict[str, Any] = table
        self._known: set[str] = set()

    @overload
    def text(self, key: str) -> str: ...
    @overload
    def text(self, key: str, default: T) -> str | T: ...
    def text(self, key: str, default: Any = MISSING) -> Any:
        """The text of `key`, or `default` if it is not there."""
        return self._of(key, default, str, "a text")

    @overload
    def get_int(self, key: str) -> int: ...
    @overload
    def get_int(self, key: str, default: T) -> int | T: ...
    def get_int(self, key: str, default: Any = MISSING) -> Any:
        """The whole number of `key`, exact at any size, or `default` if it is not there."""
        return self._of(key, default, int, "a whole number")

    @overload
    def get_float(self, key: str) -> float: ...
    @overload
    def get_float(self, key: str, default: T) -> float | T: ...
    def get_float(self, key: str, default: Any = MISSING) -> Any:
        """The number of `key` as a float, or `default` if it is not there."""
        value = self._of(key, default, (int, float), "a number")
        try:
            return value if value is default else float(value)
        except OverflowError:
            raise Problem(f"{_shown(value)} is too large for a float", key) from None

    @overload
    def get_bool(self, key: str) -> bool: ...
    @overload
    def get_bool(self, key: str, default: T) -> bool | T: ...
    def get_bool(self, key: str, default: Any = MISSING) -> Any:
        """The `true` or `false` of `key`, or `default` if it is not there."""
        return self._of(key, default, bool, "true or false")

    @overload
    def get_list(self, key: str, of: type[T]) -> list[T]: ...
    @overload
    def get_list(self, key: str, of: type[T], default: list[T]) -> list[T]: ...
    def get_list(self, key: str, of: type[Any], default: Any = MISSING) -> Any:
        """The list of `key`, all of whose items are of one type (`object`: of any), or `default`."""
        value = self._of(key, default, list, "a list")
        for at, item in enumerate(value):
            if not isinstance(item, of) or (isinstance(item, bool) and of is int):
                raise Problem(f"item {at} is {_shown(item)}, and not of type {of.__name__}", key)
        return value

    def get_table(self, key: str, default: dict[str, Any] | _Missing = MISSING) -> dict[str, Any]:
        """The table of `key`, or `default` if it is not there."""
        table: dict[str, Any] = self._of(key, default, dict, "a table")
        return table

    def get(self, key: str, default: Any = MISSING) -> Any:
        """The value of `key` as JSON has it, or `default` if it is not there."""
        return self._of(key, default, object, "a value")

    def _of(self, key: str, default: Any, types: Any, what: str) -> Any:
        self._known.add(key)
        value = self._table.get(key)
        if value is None:
            if default is MISSING:
                raise Problem(f"is missing: the plugin needs `{key}` in its `with` table", key)
            return default
        # `True` is an int to Python, and to nobody else.
        if not isinstance(value, types) or (isinstance(value, bool) and types not in (bool, object)):
            raise Problem(f"{_shown(value)} is not {what}", key)
        return value

    def refuse_unknown_keys(self) -> None:
        """Raises a problem for a key that nobody has asked for."""
        for key in self._table:
            if key not in self._known:
                known = ", ".join(f"`{name}`" for name in sorted(self._known))
                hint = f"it knows {known}" if known else "it takes no configuration"
                raise Problem(f"there is no such key; {hint}", key)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:99]}…"
