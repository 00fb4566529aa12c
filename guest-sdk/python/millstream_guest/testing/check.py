"""What the host checks of columns that come back, so that a test finds what a job would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .. import contract
from ..column import code_of
from ..data_type import DataType, Field, unflatten
from ..nested import column_of
from ..text import BytesLike
from .table import Table


class BadOutput(AssertionError):
    """Output that the host would refuse."""


def table(flat: Sequence[contract.Field], batch: contract.Batch) -> Table:
    """The columns of these fields, if they are well-formed."""
    fields = unflatten(flat)
    if len(batch.arrays) != len(flat):
        raise BadOutput(f"{len(batch.arrays)} arrays for {len(flat)} fields")
    arrays = iter(batch.arrays)
    for field in fields:
        _check(field, arrays, batch.rows, f"column `{field.name}`")
    arrays = iter(batch.arrays)
    return Table(fields, [column_of(field, arrays) for field in fields], batch.rows)


def _check(field: Field, arrays: Iterator[contract.Array], rows: int | None, name: str) -> contract.Array:
    array = next(arrays)
    type = field.type
    if rows is not None and array.rows != rows:
        raise BadOutput(f"{name} has {array.rows} rows and must have {rows}")
    rows = array.rows
    for buffer in [*array.buffers, *([] if array.validity is None else [array.validity])]:
        if not isinstance(buffer, bytes):
            raise BadOutput(f"{name} has a buffer of type {buffer.__class__.__name__}: only `bytes` cross")
    if array.validity is not None and len(array.validity) < (rows + 7) // 8:
        raise BadOutput(f"{name} has a bitmap of {len(array.validity)} bytes for {rows} rows")
    below = _below(type, array, name)
    for child in type.children:
        made = _check(child, arrays, below, f"{name}.{child.name}")
        if type.format in ("+l", "+m"):
            _offsets(array, made.rows, name)
    if not field.nullable and array.validity is not None:
        valid = int.from_bytes(array.validity, "little")
        if valid & ((1 << rows) - 1) != (1 << rows) - 1:
            raise BadOutput(f"{name} is declared without nulls, and has some")
    return array


def _below(type: DataType, array: contract.Array, name: str) -> int | None:
    """How many rows the children must have, if that is known; checks the buffers."""
    format, rows = type.format, array.rows
    wanted: list[int | None]
    if format == "n":
        wanted = []
    elif format == "b":
        wanted = [(rows + 7) // 8]
    elif format in ("u", "z"):
        wanted = [4 * rows + 4, None]
    elif format in ("+l", "+m"):
        wanted = [4 * rows + 4]
    elif format.startswith("+"):
        wanted = []
    elif type.is_decimal:
        wanted = [16 * rows]
    elif format.startswith("w:"):
        wanted = [int(format[2:]) * rows]
    else:
        wanted = [memoryview(bytes(8)).cast(_any(code_of(type))).itemsize * rows]
    if len(array.buffers) != len(wanted):
        raise BadOutput(f"{name} has {len(array.buffers)} buffers and must have {len(wanted)}")
    for at, (buffer, size) in enumerate(zip(array.buffers, wanted, strict=True)):
        if size is not None and len(buffer) != size and not (format == "b" and size <= len(buffer) <= size + 8):
            raise BadOutput(f"{name}: buffer {at} has {len(buffer)} bytes and must have {size}")
    if format in ("u", "z"):
        _offsets(array, len(array.buffers[1]), name)
    if format == "u":
        column = column_of(Field("", type), iter([array]))
        assert isinstance(column, BytesLike)
        for row in range(rows):
            try:
                column.bytes_at(row).decode()
            except UnicodeDecodeError as error:
                raise BadOutput(f"{name}: row {row} is not valid UTF-8: {error}") from None
    if format == "+s":
        return rows
    return int(format[3:]) * rows if format.startswith("+w:") else None


def _offsets(array: contract.Array, end: int, name: str) -> None:
    offsets = memoryview(array.buffers[0]).cast("i").tolist()
    if offsets[0] != 0 or offsets[-1] > end or any(a > b for a, b in zip(offsets, offsets[1:], strict=False)):
        raise BadOutput(f"{name}: offsets {offsets[:5]} … do not ascend from 0 to at most {end}")


def _any(value: Any) -> Any:
    return value
