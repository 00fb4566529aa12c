"""The contract's records as plain Python, field by field as `wit/millstream.wit` has them.

The generated bindings exist only inside of a component; these are what the SDK works with, there as well as in a test.
A component hands them over as they are, since a record is read by its fields' names.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Field:
    """A column's name and type, or a child's."""

    name: str
    format: str
    nullable: bool = True
    children: int = 0
    dictionary: bool = False
    metadata: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Array:
    """The values of one column or child."""

    rows: int
    validity: bytes | None
    buffers: list[bytes]


@dataclass(slots=True)
class Batch:
    """Columns of the same number of rows."""

    rows: int
    arrays: list[Array]


@dataclass(slots=True)
class InputField:
    """An input column as `bind` sees it."""

    fields: list[Field]
    constant: list[Array] | None = None
    readable: bool = True


@dataclass(slots=True)
class Site:
    """Where an operator is used."""

    node: str
    sql: str | None = None
    abilities: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Request:
    """What an operator is bound to."""

    operator: str
    config: str
    input: list[InputField]
    site: Site


@dataclass(slots=True)
class Problem:
    """Why a request was refused."""

    key: str | None
    message: str


@dataclass(slots=True)
class Read:
    """An input column to be handed over."""

    column: int
    shape: list[Field]


@dataclass(slots=True)
class Hints:
    """What the host may do with an operator."""

    skip_nulls: bool = False
    rows_per_call: int | None = None
    deterministic: bool = True


@dataclass(slots=True)
class Binding:
    """What an operator needs and gives."""

    reads: list[Read]
    output: list[Field]
    hints: Hints


@dataclass(slots=True)
class Subject:
    """What a failed call is about: `kind` is `row`, `key` or `state`."""

    kind: str
    number: int


@dataclass(slots=True)
class Failure:
    """Why a call failed."""

    message: str
    about: Subject | None = None


@dataclass(slots=True)
class Rejects:
    """Input rows that are refused, and why."""

    rows: bytes
    offsets: bytes
    reasons: bytes


@dataclass(slots=True)
class CatalogColumn:
    """A column that an operator takes (`takes`) or makes, in words."""

    name: str
    direction: str
    type_text: str
    summary: str


@dataclass(slots=True)
class CatalogOperator:
    """An operator, as the catalog has it."""

    name: str
    kind: str
    summary: str
    config_schema: str | None
    columns: list[CatalogColumn]


@dataclass(slots=True)
class Selection:
    """A filter's answer."""

    keep: bytes
    rejects: Rejects | None


@dataclass(slots=True)
class Mapped:
    """A map's answer."""

    output: Batch
    rejects: Rejects | None


@dataclass(slots=True)
class Expanded:
    """A flat-map's answer."""

    parents: bytes
    output: Batch
    rejects: Rejects | None
    consumed: int
    resume: int | None


@dataclass(slots=True)
class AggregateBinding:
    """What an aggregate needs, gives, and keeps per group."""

    binding: Binding
    state: list[Field]
    state_version: int
    adjustable: list[str]


@dataclass(slots=True)
class StateField:
    """What is kept per key under a name."""

    name: str
    is_map: bool


@dataclass(slots=True)
class TimeToLive:
    """`domain` is 0 for event time, 1 for processing time."""

    domain: int
    microseconds: int


@dataclass(slots=True)
class KeyedBinding:
    """What a keyed operator needs and gives; `late_rows` is 0 to hand them over, 1 to set them aside."""

    binding: Binding
    state: list[StateField]
    state_version: int
    adjustable: list[str]
    time_to_live: TimeToLive | None
    late_rows: int
    by_event_time: bool
    event_time: int | None
    holds_back: int
    keep_timers: bool


@dataclass(slots=True)
class Timers:
    """Four buffers of the same number of entries."""

    keys: bytes = b""
    domains: bytes = b""
    tags: bytes = b""
    at: bytes = b""


@dataclass(slots=True)
class Entries:
    """Entries of one map, of some of the call's keys."""

    state: int
    keys: bytes
    entries: Batch


@dataclass(slots=True)
class Wanted:
    """Which entries of maps a call needs."""

    entries: list[Entries]
    all: list[tuple[int, bytes]]


@dataclass(slots=True)
class Step:
    """One keyed call's input; `phase` is 0 for rows, 1 for timers."""

    phase: int
    now: int
    watermark: int | None
    previous_watermark: int | None
    keys: Batch
    row_offsets: bytes
    rows: Batch
    values: Batch
    maps: list[Entries]
    due: Timers


@dataclass(slots=True)
class ValueChanges:
    """Changes of one value."""

    state: int
    keys: bytes
    values: Batch


@dataclass(slots=True)
class Outcome:
    """One keyed call's result."""

    output: Batch
    output_of: bytes
    values: list[ValueChanges]
    entries: list[Entries]
    removed: bytes
    set_timers: Timers
    clear_timers: Timers
    rejects: Rejects | None
    late: bytes
