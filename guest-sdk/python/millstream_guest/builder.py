"""Values to columns: what an operator returns, as the exact bytes that the host reads.

An author returns plain Python: a list with `None` for null, an `array`, or a column as it is. An `array` and a column are
taken without looking at a value; a list costs an object a row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

from .bitmap import Mask
from .column import Column, code_of
from .data_type import DataType, Field
from .nested import kind_of
from .text import offsets_of

Values: TypeAlias = "Column[Any] | array[Any] | Mask | Iterable[Any]"


class Misfit(ValueError):
    """A value that its column cannot hold; `row` is its row, if it is known."""

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


def column(field: Field, values: Values, rows: int | None = None) -> Column[Any]:
    """The field's column of these values, of which there must be `rows`."""
    made = build(field.type, values, f"column `{field.name}`")
    if rows is not None and made.rows != rows:
        raise Misfit(f"column `{field.name}` has {made.rows} rows and must have {rows}")
    if not field.nullable and made.null_count:
        row = next((~made.valid).indices())
        raise Misfit(f"column `{field.name}` is declared without nulls, and a value is None", row)
    return made


def build(type: DataType, values: Values, name: str = "column") -> Column[Any]:
    """A column of this type."""
    if isinstance(values, Column):
        if values.type != type and not _same_layout(values.type, type):
            raise Misfit(f"{name} is declared as {type}, and what is returned is {values.type}")
        return values
    if isinstance(values, array):
        return _of_array(type, values, name)
    if isinstance(values, Mask):
        if type.format != "b":
            raise Misfit(f"{name} is declared as {type}, and what is returned is a mask")
        return kind_of(type)(type, values.rows, None, [values.to_bitmap()])
    if isinstance(values, str | bytes):
        raise Misfit(f"{name} is given a single value; a list of values is needed")
    rows = values if isinstance(values, list) else list(values)
    format = type.format
    if format in ("u", "z"):
        return _of_bytes(type, rows, name)
    try:
        code = code_of(type)
    except KeyError:
        return _of_others(type, rows, name)
    try:
        # Nulls are the exception: look for them where it does not go without.
        return kind_of(type)(type, len(rows), None, [array(code, rows).tobytes()])
    except (TypeError, OverflowError):
        filled, validity = _without_nulls(rows, 0)
    try:
        buffer = array(code, filled).tobytes()
    except (TypeError, OverflowError):
        row = next(row for row, value in enumerate(filled) if not _fits(code, value))
        raise Misfit(f"{name}: {_shown(filled[row])} does not fit {type}", row) from None
    return kind_of(type)(type, len(rows), validity, [buffer])


def _same_layout(given: DataType, wanted: DataType) -> bool:
    return (
        given.format == wanted.format
        and len(given.children) == len(wanted.children)
        and all(_same_layout(one.type, other.type) for one, other in zip(given.children, wanted.children, strict=True))
    )


def _of_array(type: DataType, values: array[Any], name: str) -> Column[Any]:
    try:
        code = code_of(type)
    except KeyError:
        code = ""
    if values.typecode != code:
        needed = f"array({code!r})" if code else "a list"
        raise Misfit(f"{name} is {type}: {needed} is needed, and what is returned is array({values.typecode!r})")
    return kind_of(type)(type, len(values), None, [values.tobytes()])


def _without_nulls(values: list[Any], instead: Any) -> tuple[list[Any], bytes | None]:
    if None not in values:
        return values, None
    validity = Mask.of_bytes(bytes([value is not None for value in values])).to_bitmap()
    return [instead if value is None else value for value in values], validity


def _of_bytes(type: DataType, values: list[Any], name: str) -> Column[Any]:
    is_text = type.format == "u"
    filled, validity = _without_nulls(values, "" if is_text else b"")
    try:
        if is_text:
            joined = "".join(filled)
            if joined.isascii():
                return kind_of(type)(type, len(values), validity, [offsets_of(map(len, filled)), joined.encode()])
            filled = [value.encode() for value in filled]
        data = b"".join(filled)
    except (TypeError, UnicodeEncodeError):
        wanted = str if is_text else (bytes, bytearray, memoryview)
        for row, value in enumerate(filled):
            if not isinstance(value, wanted):
                raise Misfit(f"{name}: {_shown(value)} does not fit {type}", row) from None
        raise
    return kind_of(type)(type, len(values), validity, [offsets_of(map(len, filled)), data])


def _of_others(type: DataType, values: list[Any], name: str) -> Column[Any]:
    format, rows = type.format, len(values)
    kind = kind_of(type)
    if format == "n":
        return kind(type, rows, None, [])
    if format == "b":
        filled, validity = _without_nulls(values, False)
        return kind(type, rows, validity, [Mask.of(filled).to_bitmap()])
    if type.is_decimal:
        filled, validity = _without_nulls(values, 0)
        width = 32 if format.endswith(",256") else 16
        try:
            data = b"".join([value.to_bytes(width, "little", signed=True) for value in filled])
        except (AttributeError, OverflowError):
            raise Misfit(f"{name}: a value does not fit {type}: whole numbers of the last place are needed") from None
        return kind(type, rows, validity, [data])
    if format == "+l":
        filled, validity = _without_nulls(values, ())
        items = build(type.children[0].type, list(chain.from_iterable(filled)), f"{name}, items")
        return kind(type, rows, validity, [offsets_of(map(len, filled))], [items])
    if format.startswith("+w:"):
        return _of_fixed(type, values, name)
    if format == "+s":
        filled, validity = _without_nulls(values, {})
        children = [
            build(child.type, [value.get(child.name) for value in filled], f"{name}.{child.name}") for child in type.children
        ]
        return kind(type, rows, validity, [], children)
    if format == "+m":
        return _of_maps(type, values, name)
    if format.startswith("w:"):
        filled, validity = _without_nulls(values, bytes(int(format[2:])))
        return kind(type, rows, validity, [b"".join(filled)])
    raise Misfit(f"{name} is declared as {type}, which is not made from values: return a column of it")


def _of_fixed(type: DataType, values: list[Any], name: str) -> Column[Any]:
    item, size = type.children[0], int(type.format[3:])
    instead = [None if item.nullable else _zero(item.type)] * size
    filled, validity = _without_nulls(values, instead)
    for row, value in enumerate(filled):
        if len(value) != size:
            raise Misfit(f"{name}: a row has {len(value)} items and must have {size}", row)
    items = build(item.type, list(chain.from_iterable(filled)), f"{name}, items")
    return kind_of(type)(type, len(values), validity, [], [items])


def _of_maps(type: DataType, values: Sequence[Any], name: str) -> Column[Any]:
    filled, validity = _without_nulls(list(values), {})
    entries = type.children[0].type
    keys, of_keys = entries.children
    children = [
        build(keys.type, list(chain.from_iterable(filled)), f"{name}, keys"),
        build(of_keys.type, [one for value in filled for one in value.values()], f"{name}, values"),
    ]
    structs = kind_of(entries)(entries, children[0].rows, None, [], children)
    return kind_of(type)(type, len(values), validity, [offsets_of(map(len, filled))], [structs])


def _zero(type: DataType) -> Any:
    return {"u": "", "z": b"", "b": False, "f": 0.0, "g": 0.0}.get(type.format, 0)


def _fits(code: str, value: Any) -> bool:
    try:
        array(code, [value])
    except (TypeError, OverflowError):
        return False
    return True


def _shown(value: Any) -> str:
    text = f"{value!r} ({type(value).__name__})"
    return text if len(text) <= 100 else f"{text[:99]}…"
