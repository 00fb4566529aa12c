"""Operators from functions of one row: for what is simple, and need not be quick.

The parameters are the columns, by their names and with the types of their annotations; what stands behind `*` are entries of
the configuration, with their defaults. A row with a null in a column that is not `… | None` is not asked about: a filter
drops it, a map's result is null.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

from . import contract
from .batch import Batch
from .bitmap import Mask
from .config import MISSING, Config
from .data_type import Field
from .errors import Problem, Refused, Reject, failure
from .operators import Columns, Filter, Map, Operator
from .registry import kebab, register
from .schema import Input, Schema

F = TypeVar("F", bound=Callable[..., Any])
_TYPES: dict[Any, str] = {int: "int64", float: "float64", str: "utf8", bytes: "binary", bool: "boolean"}
ATTRIBUTE = "__millstream_operator__"


@dataclass(frozen=True)
class _Column:
    name: str
    type: str
    nullable: bool


def _plain(annotation: Any, what: str) -> tuple[str, bool]:
    """The column type of an annotation, and whether it takes null."""
    arguments = [annotation]
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        arguments = list(typing.get_args(annotation))
    kept = [argument for argument in arguments if argument is not type(None)]
    if len(kept) != 1 or kept[0] not in _TYPES:
        raise TypeError(f"{what} is annotated {annotation!r}: int, float, str, bytes or bool are needed, or one `| None`")
    return _TYPES[kept[0]], len(kept) < len(arguments)


class _Function(Operator):
    """What filters and maps of a function share."""

    #: The author's function alone in a tuple, where it is no method of the class.
    function: ClassVar[tuple[Callable[..., Any]]]
    columns: ClassVar[Sequence[_Column]]
    settings: ClassVar[Sequence[tuple[str, Any, Any]]]

    def _bind(self, config: Config, input: Schema) -> None:
        self.inputs: list[Input[Any]] = []
        for place, column in enumerate(self.columns):
            told = input.argument(place) if input.is_sql_call else input.column(column.name)
            self.inputs.append(told._read(column.type))
        self.given = {name: _setting(config, name, of, default) for name, of, default in self.settings}
        if not any(column.nullable for column in self.columns):
            input.skip_nulls()

    def _results(self, batch: Batch, absent: Any) -> list[Any]:
        columns = [batch[input] for input in self.inputs]
        asked = Mask.all(batch.rows)
        for column, of in zip(columns, self.columns, strict=True):
            asked = asked if of.nullable else asked & column.valid
        (function,) = self.function
        given = self.given
        lists = [column.to_list() for column in columns]
        if asked.count() == batch.rows:
            try:
                return list(map(partial(function, **given) if given else function, *lists))
            except Exception:
                # Once more, row by row: a function of a row is pure, and it is known then which row it is.
                pass
        results: list[Any] = [absent] * batch.rows
        every = zip(*lists, strict=True)
        row = 0
        try:
            for row, (is_asked, values) in enumerate(zip(asked.to_bytes(), every, strict=True)):
                if is_asked:
                    try:
                        results[row] = function(*values, **given)
                    except Reject as reject:
                        batch.reject(row, str(reject))
        except Exception as error:
            raise Refused(failure(error, contract.Subject("row", row))) from error
        return results


def _setting(config: Config, name: str, of: Any, default: Any) -> Any:
    if of is str:
        return config.text(name, default)
    if of is int:
        return config.get_int(name, default)
    if of is float:
        return config.get_float(name, default)
    return config.get_bool(name, default) if of is bool else config.get(name, default)


class _RowFilter(_Function, Filter):
    def bind(self, config: Config, input: Schema) -> None:
        self._bind(config, input)

    def call(self, batch: Batch) -> Mask:
        return Mask.of(self._results(batch, False))


class _RowMap(_Function, Map):
    output: ClassVar[Field]

    def bind(self, config: Config, input: Schema) -> Sequence[Field]:
        self._bind(config, input)
        return [self.output]

    def call(self, batch: Batch) -> Columns:
        return [self._results(batch, None)]


def _made(function: Callable[..., Any], base: type[Operator], name: str | None, **more: Any) -> None:
    hints = typing.get_type_hints(function)
    columns, settings = [], []
    for parameter in inspect.signature(function).parameters.values():
        annotation = hints.get(parameter.name, inspect.Parameter.empty)
        if parameter.kind is parameter.KEYWORD_ONLY:
            default = MISSING if parameter.default is parameter.empty else parameter.default
            settings.append((parameter.name, annotation, default))
        elif parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            columns.append(_Column(parameter.name, *_plain(annotation, f"parameter `{parameter.name}`")))
        else:
            raise TypeError(f"`*{parameter.name}` is neither a column nor an entry of the configuration")
    if not columns:
        raise TypeError(f"`{function.__name__}` has no parameter that is a column")
    takes = [(column.name, column.type, "") for column in columns]
    body = {
        "function": (function,), "columns": columns, "settings": settings, "takes": takes,
        "__doc__": function.__doc__, "__module__": function.__module__, "__qualname__": function.__qualname__, **more,
    }  # fmt: skip
    made = type(function.__name__, (base,), body)
    setattr(function, ATTRIBUTE, made)
    register(name or kebab(function.__name__), made)


def filter_rows(function: F) -> F:
    """Makes a filter of a function that says whether a row is kept. The function itself stays as it is."""
    _made(function, _RowFilter, None)
    return function


def map_rows(output: str) -> Callable[[F], F]:
    """Makes a map of a function of a row: what it returns is the column `output`, of the type of its annotation."""

    def decorated(function: F) -> F:
        returned = typing.get_type_hints(function).get("return", inspect.Parameter.empty)
        type, _ = _plain(returned, f"what `{function.__name__}` returns")
        _made(function, _RowMap, None, output=Field(output, type), makes=[(output, type, "")])
        return function

    return decorated


def class_of(operator: Any) -> type[Operator]:
    """The operator's class: of a decorated function the one that was made of it."""
    made = getattr(operator, ATTRIBUTE, operator)
    if not (isinstance(made, type) and issubclass(made, Operator)):
        raise Problem(f"{operator!r} is no operator")
    return made
