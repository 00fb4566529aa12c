"""Filters, maps, flat-maps and aggregates under plain Python."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import contract
from ..bitmap import Mask
from ..bound import BoundAggregate, BoundFilter, BoundFlatMap, BoundMap
from ..data_type import DataType
from ..errors import Refused
from . import check
from .host import Failed, bind, handed_over, reasons
from .table import Rows, Table

Types = Mapping[str, DataType | str]


@dataclass
class Result:
    """What comes of rows: those that come out, and those that are refused, by their number, with the reason."""

    rows: list[dict[str, Any]]
    rejects: list[tuple[int, str]]
    #: The columns that come out, for whoever looks at bytes.
    table: Table


def run(operator: Any, config: Mapping[str, Any], rows: Rows, types: Types | None = None) -> Result:
    """Runs a filter, a map or a flat-map over rows: a list of dicts, or a dict of lists.

    As in a job the columns of the input come out as well, and a column that a map or a flat-map makes replaces one of its
    name. What a call raises comes as `Failed`, with the operator's own exception as its cause.
    """
    input = Table.of(rows, types)
    bound = bind(operator, config, input)
    if not isinstance(bound, BoundFilter | BoundMap | BoundFlatMap):
        raise TypeError("`run` is for filters, maps and flat-maps: see `aggregate` and `keyed`")
    given, kept, refused = handed_over(bound.binding, input)
    try:
        if isinstance(bound, BoundFilter):
            selection = bound.call(given.batch())
            keep, rejects = Mask.of_bitmap(given.rows, selection.keep), reasons(selection.rejects)
            parents, made = list(keep.indices()), Table([], [], given.rows)
            made = made.take(parents)
        elif isinstance(bound, BoundMap):
            mapped = bound.call(given.batch())
            rejects, made = reasons(mapped.rejects), check.table(bound.binding.output, mapped.output)
            parents = list(range(given.rows))
        else:
            parents, made, rejects = _expanded(bound, given)
    except Refused as failed:
        raise Failed(failed.value) from failed.__cause__
    gone = {row for row, _ in rejects}
    places = [place for place, parent in enumerate(parents) if parent not in gone]
    carried = input.take([kept[parents[place]] for place in places])
    own = made.take(places)
    names = {field.name for field in own.fields}
    stay = [(f, c) for f, c in zip(carried.fields, carried.columns, strict=True) if f.name not in names]
    table = Table([*(f for f, _ in stay), *own.fields], [*(c for _, c in stay), *own.columns], len(places))
    all_rejects = sorted([*refused, *((kept[row], reason) for row, reason in rejects)])
    return Result(table.to_rows(), all_rejects, table)


def _expanded(bound: BoundFlatMap, given: Table) -> tuple[list[int], Table, list[tuple[int, str]]]:
    """As often as it stops in between."""
    parents: list[int] = []
    parts: list[Table] = []
    rejects: list[tuple[int, str]] = []
    begin, resume = 0, None
    while True:
        rest = given.take(range(begin, given.rows)) if begin else given
        answer = bound.call(rest.batch(), resume)
        assert answer.consumed > 0 or answer.output.rows > 0 or rest.rows == 0, "a call brings nothing on"
        parents += [begin + parent for parent in memoryview(answer.parents).cast("I")]
        parts.append(check.table(bound.binding.output, answer.output))
        rejects += [(begin + row, reason) for row, reason in reasons(answer.rejects)]
        begin, resume = begin + answer.consumed, answer.resume
        if begin >= given.rows:
            break
    assert parents == sorted(parents), "parents never go down"
    return parents, concat(parts), rejects


def concat(parts: Sequence[Table]) -> Table:
    """The rows of all parts."""
    if len(parts) == 1:
        return parts[0]
    rows = [row for part in parts for row in part.to_rows()]
    return Table.of(
        {f.name: [row[f.name] for row in rows] for f in parts[0].fields}, {f.name: f.type for f in parts[0].fields}
    )


def aggregate(
    operator: Any, config: Mapping[str, Any], rows: Rows, by: str | None = None, types: Types | None = None
) -> Result:
    """Runs an aggregate over rows: a group for each value of the column `by`, in the order of their coming, or one."""
    run = _Aggregate(operator, config, rows, by, types)
    output = run.finish(run.partial(range(run.given.rows)))
    result = output.to_rows()
    if by is not None:
        result = [{by: key, **row} for key, row in zip(run.keys, result, strict=True)]
    return Result(result, run.refused, output)


def aggregate_laws(
    operator: Any, config: Mapping[str, Any], rows: Rows, by: str | None = None, types: Types | None = None
) -> None:
    """What must hold of every aggregate, on these rows; an `AssertionError` says what does not.

    Rows in parts give what they give at once, in whatever nesting states are merged; the state of no rows changes nothing;
    groups do not mix; two objects agree. Floats may differ by rounding.
    """
    run = _Aggregate(operator, config, rows, by, types)
    n = run.given.rows
    whole = run.partial(range(n))
    expected = run.finish(whole)
    _same(
        "another object", expected, (again := _Aggregate(operator, config, rows, by, types)).finish(again.partial(range(n)))
    )
    for cut in sorted({0, 1, n // 3, n // 2, n - 1, n} & set(range(n + 1))):
        parts = [run.partial(range(cut)), run.partial(range(cut, n))]
        _same(f"rows 0 to {cut} and {cut} to {n}, merged", expected, run.finish(run.merge(parts)))
    a, b, c = (run.partial(range(n * i // 3, n * (i + 1) // 3)) for i in range(3))
    left, right = run.merge([run.merge([a, b]), c]), run.merge([a, run.merge([b, c])])
    _same("(a, b), c and a, (b, c)", run.finish(left), run.finish(right))
    empty = run.partial(range(0))
    _same("the state of no rows in front", expected, run.finish(run.merge([empty, whole])))
    _same("the state of no rows behind", expected, run.finish(run.merge([whole, empty])))
    for group in range(run.count):
        rows_of = [row for row in range(n) if run.groups[row] == group]
        alone = run.finish(run.partial(rows_of))
        _same(f"group {group} by itself", expected.take([group]), alone.take([group]))


class _Aggregate:
    def __init__(self, operator: Any, config: Mapping[str, Any], rows: Rows, by: str | None, types: Types | None) -> None:
        input = Table.of(rows, types)
        bound = bind(operator, config, input)
        if not isinstance(bound, BoundAggregate):
            raise TypeError("this is for aggregates and folds: see `run` and `keyed`")
        self.bound = bound
        self.given, kept, self.refused = handed_over(bound.binding.binding, input)
        values = [None] * len(kept) if by is None else [input.column(by).to_list()[row] for row in kept]
        self.keys = list(dict.fromkeys(values))
        self.groups = [self.keys.index(value) for value in values]
        self.count = len(self.keys) if by is not None else 1

    def partial(self, rows: Sequence[int]) -> Table:
        groups = array("I", [self.groups[row] for row in rows]).tobytes()
        return self._called(self.bound.binding.state, self.bound.partial, groups, self.count, self.given.take(rows).batch())

    def merge(self, parts: Sequence[Table]) -> Table:
        states = concat(parts)
        groups = array("I", list(range(self.count)) * len(parts)).tobytes()
        return self._called(self.bound.binding.state, self.bound.merge, groups, self.count, states.batch())

    def finish(self, states: Table) -> Table:
        return self._called(self.bound.binding.binding.output, self.bound.finish, states.batch())

    def _called(self, fields: list[contract.Field], call: Any, *arguments: Any) -> Table:
        try:
            return check.table(fields, call(*arguments))
        except Refused as failed:
            raise Failed(failed.value) from failed.__cause__


def _same(what: str, expected: Table, found: Table) -> None:
    one, other = expected.to_rows(), found.to_rows()
    alike = len(one) == len(other) and all(_alike(row[name], other[at][name]) for at, row in enumerate(one) for name in row)
    if not alike:
        raise AssertionError(f"{what}:\n  {one}\nis not\n  {other}")


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


__all__ = ["Result", "aggregate", "aggregate_laws", "run"]
