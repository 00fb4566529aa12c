"""What a component exports, by slots: the catalog, and per kind `bind` and its calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import contract
from .bound import BoundAggregate, BoundFilter, BoundFlatMap, BoundMap, FoldAggregate
from .bound_keyed import BoundKeyed
from .errors import Refused
from .keyed import Keyed
from .operators import Aggregate, Filter, FlatMap, Fold, Map, Operator
from .registry import Entry

BoundAny = BoundFilter | BoundMap | BoundFlatMap | BoundAggregate | BoundKeyed


class Exports:
    """The operators of a component, and what is bound of them."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._slots: dict[int, BoundAny] = {}

    def operators(self) -> list[contract.CatalogOperator]:
        """The catalog."""
        return [entry.catalog() for entry in self._entries.values()]

    def bind(self, kind: str, slot: int, request: contract.Request, key: list[contract.Field] | None = None) -> Any:
        """Binds an operator of this kind in a slot."""
        entry = self._entries.get(request.operator)
        if entry is None or entry.operator.kind != kind:
            message = f"there is no {kind} `{request.operator}` in this component"
            raise Refused(contract.Problem(None, message))
        made = bound(entry.operator, request, key)
        self._slots[slot] = made
        return made.binding

    def slot(self, slot: int) -> Any:
        """What is bound there."""
        if slot not in self._slots:
            raise Refused(contract.Failure(f"nothing is bound in slot {slot}"))
        return self._slots[slot]


def bound(operator: type[Operator], request: contract.Request, key: list[contract.Field] | None = None) -> BoundAny:
    """A new object of the operator, bound."""
    made = operator()
    match made:
        case Filter():
            return BoundFilter(made, request)
        case Map():
            return BoundMap(made, request)
        case FlatMap():
            return BoundFlatMap(made, request)
        case Aggregate():
            return BoundAggregate(made, request)
        case Fold():
            return BoundAggregate(FoldAggregate(made), request)
        case Keyed():
            return BoundKeyed(made, request, key or [])
    raise TypeError(f"{operator.__name__} is of no kind")
