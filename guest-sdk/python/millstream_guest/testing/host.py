"""What a host does before and after a call, in short: columns are cast as `bind` has asked, refused rows leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .. import contract
from ..builder import Misfit, build
from ..column import Column
from ..data_type import DataType, Field, unflatten
from ..errors import Refused
from ..exports import BoundAny, bound
from ..functions import class_of
from .table import Table


class Failed(AssertionError):
    """A bind that is refused, or a call that fails. Its cause is what the operator's code has raised."""

    def __init__(self, value: contract.Problem | contract.Failure) -> None:
        key = getattr(value, "key", None)
        super().__init__(f"`{key}`: {value.message}" if key else value.message)
        self.message = value.message
        self.key: str | None = key
        self.about: contract.Subject | None = getattr(value, "about", None)


def bind(operator: Any, config: Mapping[str, Any], input: Table, key: list[contract.Field] | None = None) -> BoundAny:
    """Binds an operator, a class or a decorated function."""
    request = contract.Request("", json.dumps(config), input.input(), contract.Site("test"))
    try:
        return bound(class_of(operator), request, key)
    except Refused as refused:
        raise Failed(refused.value) from refused.__cause__


def handed_over(binding: contract.Binding, input: Table) -> tuple[Table, list[int], list[tuple[int, str]]]:
    """The columns that are read, which of the input's rows they have, and the rows that could not be cast."""
    columns: list[tuple[Field, list[Any] | Column[Any]]] = []
    refused: dict[int, str] = {}
    for read in binding.reads:
        told, column = input.fields[read.column], input.columns[read.column]
        if not read.shape:
            columns.append((told, column))
            continue
        wanted = unflatten(read.shape)[0].type
        values = []
        for row, value in enumerate(column.to_list()):
            try:
                values.append(None if value is None else cast_value(value, told.type, wanted))
            except ValueError as error:
                values.append(None)
                refused.setdefault(row, str(error))
        columns.append((Field(told.name, wanted, told.nullable), values))
    made = Table([field for field, _ in columns], [build(field.type, values) for field, values in columns], input.rows)
    kept = [row for row in range(input.rows) if row not in refused]
    return (made.take(kept) if refused else made), kept, sorted(refused.items())


def cast_value(value: Any, given: DataType, wanted: DataType) -> Any:
    """One value as the host casts it; a `ValueError` where it does not fit."""
    if given.is_nested:
        return [None if v is None else cast_value(v, given.children[0].type, wanted.children[0].type) for v in value]
    if given.is_decimal and wanted.is_number:
        scale = 10 ** int(given.format.split(",")[1])
        value = value / scale if wanted.format in ("e", "f", "g") or value % scale else value // scale
    if wanted.format == "u":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if wanted.is_integer and isinstance(value, float):
        if not value.is_integer():
            raise ValueError(f"{value} does not fit {wanted}")
        value = int(value)
    if wanted.format in ("f", "g"):
        value = float(value)
    try:
        build(wanted, [value])
    except Misfit:
        raise ValueError(f"{value} does not fit {wanted}") from None
    return value


def reasons(rejects: contract.Rejects | None) -> list[tuple[int, str]]:
    """The rows that are refused, and why."""
    if rejects is None:
        return []
    rows = memoryview(rejects.rows).cast("I").tolist()
    ends = memoryview(rejects.offsets).cast("i").tolist()
    assert rows == sorted(set(rows)) and len(ends) == len(rows) + 1, "rows ascend, each once"
    return [(row, rejects.reasons[start:end].decode()) for row, start, end in zip(rows, ends, ends[1:], strict=False)]
