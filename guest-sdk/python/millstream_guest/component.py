"""The classes that a component exports, over the generated bindings. Only the generated entry module imports this.

Records cross as they are, since the bindings read their fields by name; enums and variants have classes of their own there.
"""

from __future__ import annotations

import importlib
import linecache
import os
import sys
from collections.abc import Callable
from typing import Any

from . import contract, log
from .errors import Refused
from .exports import Exports
from .registry import REGISTERED

KINDS = {"filter": "Filter", "map": "Map", "flat-map": "FlatMap", "aggregate": "Aggregate", "keyed": "Keyed"}


def classes() -> dict[str, Any]:
    """The exports' classes by their names, for the operators that are registered by now."""
    if not REGISTERED:
        raise ImportError("the plugin has no operator: put `@operator` before a class")
    _keep_sources()
    bindings = _Bindings()
    log.to(bindings.log)
    exports = Exports(REGISTERED)
    made = {"Catalog": _catalog(exports, bindings)}
    for kind in KINDS:
        made[KINDS[kind]] = _kind(kind, exports, bindings)
    made["Migration"] = _migration(exports, bindings)
    return made


class _Bindings:
    """What is generated, looked up once, while the component is built."""

    def __init__(self) -> None:
        self.err = importlib.import_module("componentize_py_types").Err
        self.types: Any = importlib.import_module("wit_world.imports.types")
        self.catalog: Any = importlib.import_module("wit_world.exports.catalog")
        self.logging: Any = importlib.import_module("wit_world.imports.log")
        try:
            self.keyed: Any = importlib.import_module("wit_world.exports.keyed")
        except ModuleNotFoundError:
            self.keyed = None

    def log(self, level: str, text: str) -> None:
        self.logging.log(getattr(self.logging.Level, level.upper()), text)

    def answer(self, call: Callable[[], Any]) -> Any:
        """What it returns, or what it is refused with, as the bindings have it."""
        if (random := sys.modules.get("random")) is not None:
            # Else a call would go on where another one has stopped, and a replay would not give the same.
            random.seed(0)
        try:
            return call()
        except Refused as refused:
            value: Any = refused.value
            if isinstance(value, contract.Failure) and value.about is not None:
                subject = getattr(self.types, f"Subject_{value.about.kind.capitalize()}")
                value = contract.Failure(value.message, subject(value.about.number))
            raise self.err(value) from None
        finally:
            # What is printed belongs to this call.
            sys.stdout.flush()


def _catalog(exports: Exports, bindings: _Bindings) -> type:
    class Catalog:
        def operators(self) -> list[contract.CatalogOperator]:
            operators = exports.operators()
            for operator in operators:
                for column in operator.columns:
                    column.direction = getattr(bindings.catalog.Direction, column.direction.upper())
            return operators

    return Catalog


def _kind(kind: str, exports: Exports, bindings: _Bindings) -> type:
    def answer(slot: int, name: str, *arguments: Any) -> Any:
        return bindings.answer(lambda: getattr(exports.slot(slot), name)(*arguments))

    class Kind:
        def bind(self, slot: int, request: Any, key: Any = None) -> Any:
            binding = bindings.answer(lambda: exports.bind(kind, slot, request, key))
            return _keyed_binding(binding, bindings.keyed) if kind == "keyed" else binding

        def partial(self, slot: int, groups: bytes, count: int, input: Any) -> Any:
            return answer(slot, "partial", groups, count, input)

        def merge(self, slot: int, groups: bytes, count: int, states: Any) -> Any:
            return answer(slot, "merge", groups, count, states)

        def finish(self, slot: int, states: Any) -> Any:
            return answer(slot, "finish", states)

        def needs(self, slot: int, step: Any) -> Any:
            return answer(slot, "needs", _step(step))

        def call(self, slot: int, input: Any, *resume: Any) -> Any:
            return answer(slot, "call", _step(input) if kind == "keyed" else input, *resume)

    return Kind


def _migration(exports: Exports, bindings: _Bindings) -> type:
    class Migration:
        def migrate(self, slot: int, from_version: int, fields: Any, states: Any) -> Any:
            return bindings.answer(lambda: exports.slot(slot).migrate(from_version, fields, states))

    return Migration


def _step(step: Any) -> Any:
    step.phase = step.phase.value
    return step


def _keyed_binding(binding: contract.KeyedBinding, keyed: Any) -> Any:
    ttl = binding.time_to_live
    return keyed.KeyedBinding(
        binding.binding,
        binding.state,
        binding.state_version,
        binding.adjustable,
        None if ttl is None else keyed.TimeToLive(list(keyed.TimeDomain)[ttl.domain], ttl.microseconds),
        list(keyed.LateRows)[binding.late_rows],
        binding.by_event_time,
        binding.event_time,
        binding.holds_back,
        binding.keep_timers,
    )


def _keep_sources() -> None:
    """Keeps the author's lines for tracebacks: there are no files once the component is built."""
    here = os.path.dirname(__file__)
    library = os.path.dirname(os.__file__)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.endswith(".py") and not file.startswith((here, library)):
            lines = linecache.getlines(file)
            if lines:
                # Without a time of change it is not looked for on the disk again.
                linecache.cache[file] = (len("".join(lines)), None, lines, file)
