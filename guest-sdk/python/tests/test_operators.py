"""Operators of all kinds, in the testing driver."""

import math
from array import array

import pytest

from millstream_guest import (
    Aggregate,
    Aggregation,
    Failure,
    Field,
    Filter,
    FlatMap,
    Fold,
    Folding,
    Map,
    Mask,
    Problem,
    Reject,
    filter_rows,
    log,
    map_rows,
    operator,
    testing,
)  # fmt: skip
from millstream_guest.expander import Expander
from millstream_guest.registry import REGISTERED, kebab


class KeepSlow(Filter):
    """Keeps the requests that took at least so many milliseconds"""

    def bind(self, config, input):
        self.millis = input.column("millis").int64()
        self.least = config.get_int("least")

    def call(self, batch):
        return batch[self.millis].at_least(self.least)


REQUESTS = {"url": ["/a", "/b", "/c", None], "millis": [20, 900, None, (1 << 63) - 1]}


def test_a_filter_keeps_rows_with_all_their_columns():
    result = testing.run(KeepSlow, {"least": 500}, REQUESTS)
    assert result.rows == [{"url": "/b", "millis": 900}, {"url": None, "millis": (1 << 63) - 1}]
    assert result.rejects == []
    assert testing.run(KeepSlow, {"least": 500}, [], {"millis": "int64"}).rows == []


def problem(operator, config, rows, types=None):
    with pytest.raises(testing.Failed) as caught:
        testing.run(operator, config, rows, types)
    return str(caught.value)


def test_problems_are_told_in_words():
    assert problem(KeepSlow, {}, REQUESTS) == "`least`: is missing: the plugin needs `least` in its `with` table"
    assert problem(KeepSlow, {"least": "a"}, REQUESTS) == '`least`: "a" is not a whole number'
    assert problem(KeepSlow, {"least": True}, REQUESTS) == "`least`: true is not a whole number"
    assert problem(KeepSlow, {"least": 1, "lest": 2}, REQUESTS) == "`lest`: there is no such key; it knows `least`"
    assert problem(KeepSlow, {"least": 1}, {"ms": [1]}) == "the input has no column `millis`; it has `ms`"
    refused = "column `millis` is binary; this plugin needs int64"
    assert problem(KeepSlow, {"least": 1}, {"millis": [b""]}) == refused


def test_columns_are_cast_and_what_does_not_fit_is_refused():
    result = testing.run(KeepSlow, {"least": 2}, {"millis": [1.0, 2.0, 2.5, None]})
    assert result.rows == [{"millis": 2.0}] and result.rejects == [(2, "2.5 does not fit int64")]
    result = testing.run(KeepSlow, {"least": 2}, {"millis": [150, 300, 301]}, {"millis": "decimal(10, 2)"})
    assert result.rows == [{"millis": 300}] and result.rejects == [
        (0, "1.5 does not fit int64"),
        (2, "3.01 does not fit int64"),
    ]


class Everything(Map):
    """Hands over columns of all types"""

    def bind(self, config, input):
        self.columns = [column.as_is() for column in input]
        return [Field(f"{column.name}2", column.type) for column in input]

    def call(self, batch):
        return [batch[column] for column in self.columns]


def test_columns_are_handed_through():
    types = {"a": "list<utf8>", "b": "struct<x: int64>", "c": "map<utf8, int64>", "d": "boolean", "e": "date"}
    row = {"a": ["x", None], "b": {"x": 1}, "c": {"k": 2}, "d": True, "e": 3}
    empty = dict.fromkeys(row)
    result = testing.run(Everything, {}, [row, empty], types)
    assert result.rows[0] == row | {f"{name}2": value for name, value in row.items()}
    assert set(result.rows[1].values()) == {None}


class Outputs(Map):
    """Returns what it is told"""

    made = None

    def bind(self, config, input):
        self.v = input.column("v").int64()
        return [Field("n", "int64", nullable=False), Field("t", "utf8")]

    def call(self, batch):
        return type(self).made(batch)


@pytest.mark.parametrize(
    "made, why",
    [
        (lambda b: {"n": [1, 2], "t": ["a", None]}, None),
        (lambda b: [array("q", [1, 2]), ["a", "b"]], None),
        (lambda b: [[1, 2]], "1 columns are returned; `bind` said 2"),
        (lambda b: {"n": [1, 2]}, "columns ['n'] are returned; `bind` said ['n', 't']"),
        (lambda b: {"n": [1], "t": ["a"]}, "column `n` has 1 rows and must have 2"),
        (lambda b: {"n": [1, None], "t": ["a", "b"]}, "column `n` is declared without nulls, and a value is None"),
        (lambda b: {"n": [1, 1 << 63], "t": ["a", "b"]}, "column `n`: 9223372036854775808 (int) does not fit int64"),
        (lambda b: array("q", [1, 2]), "a single column is returned"),
    ],
)
def test_what_is_returned_is_checked(made, why):
    Outputs.made = staticmethod(made)
    if why is None:
        assert len(testing.run(Outputs, {}, {"v": [1, 2]}).rows) == 2
    else:
        assert why in problem(Outputs, {}, {"v": [1, 2]})


def raises(batch):
    for row, value in enumerate(batch.columns[0]):
        if value == 13:
            raise ValueError("no thirteen")
        if value == 14:
            raise Failure("fourteen", row=row)


def test_exceptions_come_with_the_authors_line(caplog):
    Outputs.made = staticmethod(raises)
    with pytest.raises(testing.Failed) as caught:
        testing.run(Outputs, {}, {"v": [1, 13]})
    line = raises.__code__.co_firstlineno + 3
    assert caught.value.message == f"ValueError: no thirteen ({_file()}, line {line}, in raises)"
    assert isinstance(caught.value.__cause__, ValueError)
    assert "Traceback" in caplog.text and "no thirteen" in caplog.text
    with pytest.raises(testing.Failed) as caught:
        testing.run(Outputs, {}, {"v": [1, 14]})
    assert caught.value.message == "fourteen" and caught.value.about.number == 1


def _file():
    from millstream_guest.errors import _short

    return _short(__file__)


class Refuses(Map):
    """Refuses what is negative"""

    def bind(self, config, input):
        self.v = input.column("v").int64()
        return [Field("root", "float64")]

    def call(self, batch):
        values = batch[self.v]
        batch.reject_all(values.below(0), "it is negative")
        return [[None if value is None or value < 0 else math.sqrt(value) for value in values]]


def test_rows_are_refused_with_reasons():
    result = testing.run(Refuses, {}, {"v": [4, -1, None, -2]})
    assert result.rows == [{"v": 4, "root": 2.0}, {"v": None, "root": None}]
    assert result.rejects == [(1, "it is negative"), (3, "it is negative")]


class Pairs(FlatMap):
    """`key=value` pairs"""

    def bind(self, config, input):
        self.query = input.column("query").text()
        return [Field("key", "utf8", nullable=False), Field("value", "utf8", nullable=False)]

    def call(self, batch, out):
        queries = batch[self.query]
        for row in out.rows():
            for pair in (queries[row] or "").split("&"):
                if pair == "bad":
                    out.reject("a bad pair")
                    break
                key, _, value = pair.partition("=")
                out.push(key, value)


@pytest.mark.parametrize("most", [1, 2, 3, 1_000_000])
def test_a_flat_map_goes_on_where_it_stopped(most, monkeypatch):
    monkeypatch.setattr(Expander, "MAX_ROWS", most)
    rows = {"id": [7, 8, 9, 10], "query": ["a=1&b=2&c=3", "d", None, "x&bad&y"]}
    result = testing.run(Pairs, {}, rows)
    expected = [(7, "a", "1"), (7, "b", "2"), (7, "c", "3"), (8, "d", ""), (9, "", "")]
    assert [(row["id"], row["key"], row["value"]) for row in result.rows if row["id"] != 10] == expected
    assert (3, "a bad pair") in result.rejects


@pytest.mark.parametrize("most", [1, 2, 5, 7])
def test_many_rows_pushed_at_once_are_cut_where_it_is_full(most, monkeypatch):
    monkeypatch.setattr(Expander, "MAX_ROWS", most)

    class Digits(FlatMap):
        def bind(self, config, input):
            self.n = input.column("n").int64()
            return [Field("i", "int64", nullable=False)]

        def call(self, batch, out):
            counts = batch[self.n]
            for row in out.rows():
                out.extend(range(counts[row]))
                out.extend(range(100, 100 + counts[row]))

    class AllAtOnce(Digits):
        def call(self, batch, out):
            counts = batch[self.n].to_list()
            both = [i for n in counts for i in [*range(n), *range(100, 100 + n)]]
            out.extend_all([2 * n for n in counts], both)

    result = testing.run(Digits, {}, {"n": [3, 0, 6, 1]})
    assert testing.run(AllAtOnce, {}, {"n": [3, 0, 6, 1]}).rows == result.rows
    wanted = [(n, i) for n in (3, 0, 6, 1) for i in [*range(n), *range(100, 100 + n)]]
    assert [(row["n"], row["i"]) for row in result.rows] == wanted


class SumAndMost(Aggregate):
    """The sum and the greatest"""

    def bind(self, config, input):
        self.v = input.column("v").int64()
        state = [Field("sum", "decimal(38, 0)"), Field("most", "int64")]
        return Aggregation(state, [Field("sum", "int64"), Field("most", "int64")])

    def partial(self, groups, batch):
        values = batch[self.v]
        return {"sum": groups.sum(values), "most": groups.greatest(values)}

    def merge(self, groups, states):
        return {"sum": groups.sum(states.column("sum")), "most": groups.greatest(states.column("most"))}

    def finish(self, states):
        return [states.column("sum").to_list(), states.column("most")]


def test_an_aggregate_has_a_row_for_each_group():
    rows = {"k": ["a", "b", "a", "c"], "v": [(1 << 62), 5, 1 << 61, None]}
    result = testing.aggregate(SumAndMost, {}, rows, by="k")
    assert result.rows == [
        {"k": "a", "sum": 3 << 61, "most": 1 << 62}, {"k": "b", "sum": 5, "most": 5}, {"k": "c", "sum": 0, "most": None},
    ]  # fmt: skip
    testing.aggregate_laws(SumAndMost, {}, rows, by="k")
    assert testing.aggregate(SumAndMost, {}, [], types={"v": "int64"}).rows == [{"sum": 0, "most": None}]


class TopWord(Fold):
    """The most frequent word"""

    def bind(self, config, input):
        return Folding([input.column("word").text()], [Field("top", "utf8"), Field("different", "int64")])

    def start(self):
        return {}

    def add(self, state, word):
        if word is not None:
            state[word] = state.get(word, 0) + 1
        return state

    def merge(self, state, later):
        for word, count in later.items():
            state[word] = state.get(word, 0) + count
        return state

    def finish(self, state):
        top = max(state.items(), key=lambda entry: (entry[1], entry[0]), default=(None, 0))
        return top[0], len(state)


def test_a_fold_is_an_aggregate():
    rows = {"word": ["to", "be", "or", "not", "to", "be", "to", None]}
    assert testing.aggregate(TopWord, {}, rows).rows == [{"top": "to", "different": 4}]
    testing.aggregate_laws(TopWord, {}, rows)


class MeanOfMeans(Fold):
    """Wrong: the mean of two means is not the mean of all"""

    def bind(self, config, input):
        return Folding([input.column("v").float64()], [Field("mean", "float64")])

    def start(self):
        return None

    def add(self, state, value):
        return self.merge(state, value)

    def merge(self, state, later):
        return later if state is None else state if later is None else (state + later) / 2

    def finish(self, state):
        return [state]


def test_laws_find_what_is_no_aggregate():
    with pytest.raises(AssertionError, match="is not"):
        testing.aggregate_laws(MeanOfMeans, {}, {"v": [1.0, 2.0, 4.0]})


@filter_rows
def small(v: int, *, most: int = 10) -> bool:
    """Keeps small ones"""
    if v == 7:
        raise Reject("seven is refused")
    return v <= most


@map_rows("greeting")
def greet(name: str, title: str | None) -> str:
    """A greeting"""
    return f"{title or ''} {name}".strip()


def test_functions_are_operators_and_stay_functions():
    assert small(3) and not small(30)
    result = testing.run(small, {}, {"v": [1, 7, 30, None]})
    assert result.rows == [{"v": 1}] and result.rejects == [(1, "seven is refused")]
    assert [row["v"] for row in testing.run(small, {"most": 30}, {"v": [1, 30]}).rows] == [1, 30]
    assert problem(small, {"mots": 1}, {"v": [1]}) == "`mots`: there is no such key; it knows `most`"
    rows = {"name": ["Ann", None, "Bob"], "title": [None, "Dr", "Dr"]}
    assert [row["greeting"] for row in testing.run(greet, {}, rows).rows] == ["Ann", None, "Dr Bob"]
    entry = REGISTERED["small"].catalog()
    assert (entry.kind, entry.summary) == ("filter", "Keeps small ones")


def test_operators_have_names_of_their_own():
    @operator
    class KeepSome2(KeepSlow):
        """Keeps some"""

    assert "keep-some2" in REGISTERED and kebab("split_words") == "split-words"
    with pytest.raises(ValueError, match="two operators"):
        operator("keep-some2")(KeepSlow)
    with pytest.raises(ValueError, match="no name of an operator"):
        operator("keep some")(KeepSlow)
    with pytest.raises(TypeError, match="has no `bind`, `call`"):
        operator(type("Nothing", (Filter,), {}))
    del REGISTERED["keep-some2"]


def test_a_filter_may_return_truth_values_and_must_return_all():
    class Odd(Filter):
        def bind(self, config, input):
            self.v = input.column("v").int64()
            if config.get_bool("refuse", False):
                raise Problem("no", key="refuse")

        def call(self, batch):
            return [v % 2 == 1 for v in batch[self.v]] if batch.rows < 4 else Mask.all(1)

    assert [row["v"] for row in testing.run(Odd, {}, {"v": [1, 2, 3]}).rows] == [1, 3]
    assert "a mask of 1 rows is returned for 4 rows" in problem(Odd, {}, {"v": [1, 2, 3, 4]})
    assert problem(Odd, {"refuse": True}, {"v": [1]}) == "`refuse`: no"


def test_reasons_are_bounded():
    class All(Filter):
        def bind(self, config, input):
            self.v = input.column("v").int64()

        def call(self, batch):
            log.info("refusing")
            for row in reversed(range(batch.rows)):
                batch.reject(row, "ü" * 3000)
            return Mask(batch.rows)

    rejects = testing.run(All, {}, {"v": list(range(400))}).rejects
    assert [row for row, _ in rejects] == list(range(400))
    assert max(len(reason.encode()) for _, reason in rejects) <= 4096
    assert sum(len(reason.encode()) for _, reason in rejects) < (1 << 20) + 400 * 3
