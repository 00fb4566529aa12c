"""The kinds of operators without keys, as an author writes them: a class with `bind` and `call`.

An object is one use of an operator. `bind` comes first and keeps in `self` what follows from the configuration; `call`
comes for one batch after the other, and leaves nothing behind: the engine calls again after a crash, on another instance,
on half of the batch, and counts on the same answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from . import contract
from .batch import Batch
from .bitmap import Mask
from .builder import Values
from .config import Config
from .data_type import Field
from .expander import Expander
from .groups import Groups
from .schema import Schema

Columns: TypeAlias = "Mapping[str, Values] | Sequence[Values]"
S = TypeVar("S")


class Operator(ABC):  # noqa: B024 - what is abstract differs by kind
    """What all kinds share: what they say of themselves to whoever looks into the component."""

    kind: ClassVar[str] = ""
    #: A JSON schema of the configuration.
    config_schema: ClassVar[Mapping[str, Any] | None] = None
    #: Columns that it takes and makes, in words: name, type, what it holds. `<column>`: the configuration's `column`.
    takes: ClassVar[Sequence[tuple[str, str, str]]] = ()
    makes: ClassVar[Sequence[tuple[str, str, str]]] = ()


class Filter(Operator):
    """Keeps or drops rows."""

    kind = "filter"

    @abstractmethod
    def bind(self, config: Config, input: Schema) -> None:
        """Reads the configuration and asks for columns."""

    @abstractmethod
    def call(self, batch: Batch) -> Mask:
        """The rows to keep."""


class Map(Operator):
    """One row in, one row out: returns new columns, the engine keeps the others."""

    kind = "map"

    @abstractmethod
    def bind(self, config: Config, input: Schema) -> Sequence[Field]:
        """Reads the configuration, asks for columns, and says which come out."""

    @abstractmethod
    def call(self, batch: Batch) -> Columns:
        """The columns that `bind` said, by name or in its order."""


class FlatMap(Operator):
    """One row in, any number out."""

    kind = "flat-map"

    @abstractmethod
    def bind(self, config: Config, input: Schema) -> Sequence[Field]:
        """Reads the configuration, asks for columns, and says which come out."""

    @abstractmethod
    def call(self, batch: Batch, out: Expander) -> None:
        """Goes through `out.rows()` and pushes what comes of each row."""


@dataclass
class Aggregation:
    """What an aggregate's `bind` says."""

    state: Sequence[Field]
    output: Sequence[Field]
    #: Entries of the configuration that stored states do not depend on.
    adjustable: Sequence[str] = field(default=())


class Aggregate(Operator):
    """Many rows in, one result per group out, in three pure steps over whole columns."""

    kind = "aggregate"
    #: Raised whenever stored states change their meaning or their columns; see `migrate`.
    state_version: ClassVar[int] = 1

    @abstractmethod
    def bind(self, config: Config, input: Schema) -> Aggregation:
        """Reads the configuration, asks for columns, and says which are kept and which come out."""

    @abstractmethod
    def partial(self, groups: Groups, batch: Batch) -> Columns:
        """Rows to one state per group."""

    @abstractmethod
    def merge(self, groups: Groups, states: Batch) -> Columns:
        """States to one state per group. Associative; states come in the order of their rows."""

    @abstractmethod
    def finish(self, states: Batch) -> Columns:
        """States to results, one row each."""

    def migrate(self, from_version: int, states: Batch) -> Columns:
        """States of an older version to states of this one."""
        raise NotImplementedError(f"states of version {from_version} are not known to version {self.state_version}")


@dataclass
class Folding:
    """What a fold's `bind` says: the columns whose values `add` is given, and those that come out."""

    input: Sequence[Any]
    output: Sequence[Field]
    adjustable: Sequence[str] = field(default=())


class Fold(Operator, Generic[S]):
    """An aggregate, one group at a time. The state is what CBOR can write: numbers, texts, lists, dicts."""

    kind = "aggregate"
    state_version: ClassVar[int] = 1

    @abstractmethod
    def bind(self, config: Config, input: Schema) -> Folding:
        """Reads the configuration, asks for columns, and says which come out."""

    @abstractmethod
    def start(self) -> S:
        """The state of no rows."""

    @abstractmethod
    def add(self, state: S, *values: Any) -> S:
        """The state with one more row, of the values of the columns."""

    @abstractmethod
    def merge(self, state: S, later: S) -> S:
        """The state of the rows of both, those of `later` after the others."""

    @abstractmethod
    def finish(self, state: S) -> Sequence[Any]:
        """The values of the output's columns."""

    def migrate(self, from_version: int, stored: Any) -> S:
        """A state of an older version to one of this."""
        raise NotImplementedError(f"states of version {from_version} are not known to version {self.state_version}")


Site = contract.Site
