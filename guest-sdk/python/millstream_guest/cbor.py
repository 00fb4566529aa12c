"""CBOR (RFC 8949): values to bytes and back, for states. What is written here the Rust SDK reads, and the other way round.

`None`, `bool`, `int` of 64 bits, `float`, `str`, `bytes`, lists, tuples (which come back as lists) and dicts. A dict is
written in its order: build it in the same order each time, as its bytes are what is stored and compared.
"""

from __future__ import annotations

import struct
from typing import Any

_DEPTH = 128


class CborError(ValueError):
    """Bytes that are no value, or a value that has no bytes."""


def dumps(value: Any) -> bytes:
    """The value's bytes."""
    out = bytearray()
    _write(value, out, 0)
    return bytes(out)


def loads(data: bytes) -> Any:
    """The value that the bytes are, all of them."""
    value, at = _read(bytes(data), 0, 0)
    if at != len(data):
        raise CborError(f"{len(data) - at} bytes are left over")
    return value


def _head(major: int, number: int, out: bytearray) -> None:
    first = major << 5
    if number < 24:
        out.append(first | number)
    elif number < 0x100:
        out += bytes((first | 24, number))
    elif number < 0x1_0000:
        out.append(first | 25)
        out += number.to_bytes(2, "big")
    elif number < 0x1_0000_0000:
        out.append(first | 26)
        out += number.to_bytes(4, "big")
    else:
        out.append(first | 27)
        out += number.to_bytes(8, "big")


def _write(value: Any, out: bytearray, depth: int) -> None:
    if depth > _DEPTH:
        raise CborError(f"the value is nested deeper than {_DEPTH}")
    if value is None:
        out.append(0xF6)
    elif isinstance(value, bool):
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        if not -(1 << 64) <= value < 1 << 64:
            raise CborError(f"{value} does not fit 64 bits")
        if value >= 0:
            _head(0, value, out)
        else:
            _head(1, ~value, out)
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xFB, value)
    elif isinstance(value, str):
        text = value.encode()
        _head(3, len(text), out)
        out += text
    elif isinstance(value, bytes | bytearray):
        _head(2, len(value), out)
        out += value
    elif isinstance(value, list | tuple):
        _head(4, len(value), out)
        for item in value:
            _write(item, out, depth + 1)
    elif isinstance(value, dict):
        _head(5, len(value), out)
        for key, of_key in value.items():
            _write(key, out, depth + 1)
            _write(of_key, out, depth + 1)
    else:
        raise CborError(f"a {type(value).__name__} has no bytes: None, bool, int, float, str, bytes, list, dict have")


def _take(data: bytes, at: int, size: int) -> int:
    if size > len(data) - at:
        raise CborError("the bytes end too early")
    return at + size


def _read(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    end = _take(data, at, 1)
    first = data[at]
    at = end
    if first in (0xF4, 0xF5):
        return first == 0xF5, at
    if first == 0xF6:
        return None, at
    if first in (0xFA, 0xFB):
        size = 4 if first == 0xFA else 8
        end = _take(data, at, size)
        return struct.unpack(">f" if size == 4 else ">d", data[at:end])[0], end
    major, number = first >> 5, first & 31
    if major > 5:
        raise CborError(f"no value begins with {first:#04x}")
    if 24 <= number <= 27:
        end = _take(data, at, 1 << (number - 24))
        number = int.from_bytes(data[at:end], "big")
        at = end
    elif number == 31 and major in (4, 5):
        number = -1
    elif number > 27:
        raise CborError(f"no value begins with {first:#04x}")
    if major == 0:
        return number, at
    if major == 1:
        return ~number, at
    if major in (2, 3):
        end = _take(data, at, number)
        try:
            return (data[at:end] if major == 2 else data[at:end].decode()), end
        except UnicodeDecodeError:
            raise CborError("a text is not valid UTF-8") from None
    if depth == _DEPTH:
        raise CborError(f"the value is nested deeper than {_DEPTH}")
    return _items(data, at, depth + 1, number) if major == 4 else _entries(data, at, depth + 1, number)


def _more(data: bytes, at: int, count: int, number: int) -> bool:
    """Whether there is one more: of `number`, or up to the mark where that is not known."""
    if number >= 0:
        return count < number
    _take(data, at, 1)
    return data[at] != 0xFF


def _items(data: bytes, at: int, depth: int, number: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    while _more(data, at, len(items), number):
        item, at = _read(data, at, depth)
        items.append(item)
    return items, at + (number < 0)


def _entries(data: bytes, at: int, depth: int, number: int) -> tuple[dict[Any, Any], int]:
    entries: dict[Any, Any] = {}
    count = 0
    while _more(data, at, count, number):
        key, at = _read(data, at, depth)
        value, at = _read(data, at, depth)
        entries[_hashable(key)] = value
        count += 1
    return entries, at + (number < 0)


def _hashable(key: Any) -> Any:
    if isinstance(key, list):
        return tuple(map(_hashable, key))
    if isinstance(key, dict):
        raise CborError("a dict is no key of another")
    return key
