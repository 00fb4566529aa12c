"""Which operators a component has: those with `@operator`, and decorated functions, in the order of their definition."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from . import contract
from .operators import Operator

O = TypeVar("O", bound=type[Operator])  # noqa: E741 - an operator


@dataclass(frozen=True)
class Entry:
    """An operator of the component."""

    name: str
    operator: type[Operator]

    def catalog(self) -> contract.CatalogOperator:
        """As the contract has it."""
        of = self.operator
        columns = [
            contract.CatalogColumn(name, direction, type_text, summary)
            for direction, all in (("takes", of.takes), ("makes", of.makes))
            for name, type_text, summary in all
        ]
        schema = None if of.config_schema is None else json.dumps(of.config_schema)
        lines = inspect.cleandoc(of.__doc__ or "").splitlines()
        return contract.CatalogOperator(self.name, of.kind, lines[0] if lines else "", schema, columns)


REGISTERED: dict[str, Entry] = {}


def register(name: str, operator: type[Operator]) -> None:
    """Makes the class an operator of the component."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(f"`{name}` is no name of an operator: letters, digits, `-` and `_` make one")
    if inspect.isabstract(operator):
        missing = ", ".join(f"`{method}`" for method in sorted(operator.__abstractmethods__))
        raise TypeError(f"operator `{name}` has no {missing}")
    before = REGISTERED.get(name)
    if before and before.operator.__qualname__ != operator.__qualname__:
        raise ValueError(f"two operators are called `{name}`")
    REGISTERED[name] = Entry(name, operator)


@overload
def operator(name: O) -> O: ...
@overload
def operator(name: str) -> Callable[[O], O]: ...
def operator(name: Any) -> Any:
    """Makes a class an operator of the component: `@operator`, or `@operator("name")`.

    Its name is the class's in small letters with `-` between the words; its summary the first line of its docstring.
    """
    if isinstance(name, str):

        def named(of: O) -> O:
            register(name, of)
            return of

        return named
    register(kebab(name.__name__), name)
    return name


def kebab(name: str) -> str:
    """`KeepSlow` and `keep_slow` as `keep-slow`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).replace("_", "-").lower()
