"""The conformance operators in Python: what `plugins/conformance/README.md` defines."""

import importlib.util
import random
from pathlib import Path

import pytest

from millstream_guest import testing

HERE = Path(__file__).resolve().parents[3] / "plugins" / "conformance"


def of(kind, name):
    spec = importlib.util.spec_from_file_location(f"conformance_{kind}", HERE / kind / "python" / "plugin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def test_contains():
    rows = {"s": ["abc", "xbx", "", None, "ä", "c"]}
    result = testing.run(of("filter", "Contains"), {"column": "s", "text": "b"}, rows)
    assert result.rows == [{"s": "abc"}, {"s": "xbx"}] and result.rejects == [(2, "an empty text")]
    all = testing.run(of("filter", "Contains"), {"column": "s", "text": ""}, rows)
    assert len(all.rows) == 4 and all.rejects == [(2, "an empty text")]


@pytest.mark.parametrize("type, least, most", [("int64", -(1 << 63), (1 << 63) - 1), ("uint64", 0, (1 << 64) - 1)])
def test_plus_is_exact(type, least, most):
    rng = random.Random(0)
    values = [None, least, most, 0, *(rng.randint(least, most) for _ in range(50))]
    for plus in [0, 1, -1, "9007199254740993", str(most), str(-most), "18446744073709551615", "-18446744073709551615"]:
        result = testing.run(of("map", "Plus"), {"column": "v", "plus": plus}, {"v": values}, {"v": type})
        sums = [None if v is None else v + int(plus) for v in values]
        fits = [s is None or least <= s <= most for s in sums]
        assert [row["sum"] for row in result.rows] == [s for s, one in zip(sums, fits) if one]
        assert result.rejects == [
            (row, f"{values[row]} + {int(plus)} does not fit {type}") for row, one in enumerate(fits) if not one
        ]
    for plus in ["18446744073709551616", "1.5", "+1", "", 1.5, True, None]:
        with pytest.raises(testing.Failed):
            testing.run(of("map", "Plus"), {"column": "v", "plus": plus}, {"v": [1]}, {"v": type})


def test_plus_of_floats():
    result = testing.run(of("map", "Plus"), {"column": "v", "plus": 0.1}, {"v": [0.2, None, float("inf")]})
    assert [row["sum"] for row in result.rows] == [0.1 + 0.2, None, float("inf")]
    with pytest.raises(testing.Failed, match="this plugin needs int64, uint64 or float64"):
        testing.run(of("map", "Plus"), {"column": "v", "plus": 1}, {"v": ["a"]})


def test_words():
    rows = {"s": ["to be  or ", None, "", " ", "x\ty", " ".join("a" * 1000), " ".join("a" * 1001)]}
    result = testing.run(of("flat-map", "Words"), {"column": "s"}, rows)
    assert [(row["word"], row["at"]) for row in result.rows[:4]] == [("to", 0), ("be", 1), ("or", 2), ("x\ty", 0)]
    assert len(result.rows) == 1004 and result.rejects == [(6, "more than 1000 words")]


def test_mean():
    rows = {"k": [1, 2, 1, 3], "v": [1.5, None, 2.5, -0.0]}
    result = testing.aggregate(of("aggregate", "Mean"), {"column": "v"}, rows, by="k")
    assert [(row["mean"], row["count"]) for row in result.rows] == [(2.0, 2), (None, 0), (0.0, 1)]
    testing.aggregate_laws(of("aggregate", "Mean"), {"column": "v"}, rows, by="k")
    assert testing.aggregate(of("aggregate", "Mean"), {"column": "v"}, [], types={"v": "int64"}).rows == [
        {"mean": None, "count": 0}
    ]


def test_visits():
    types = {"k": "utf8", "t": "timestamp"}
    job = testing.KeyedJob(of("keyed", "Visits"), {"time": "t"}, ["k"], types)
    second = 1_000_000
    rows = {"k": ["a", "a", "b", "a", "c"], "t": [5 * second, 3 * second, (1 << 63) - 1, None, None]}
    first = job.epoch(rows, watermark=0)
    assert [tuple(row.values()) for row in first.rows] == [
        ("a", 5 * second, "seen", 1), ("a", 5 * second, "seen", 2), ("b", (1 << 63) - 1, "seen", 1),
    ]  # fmt: skip
    assert first.rejects == [(3, "no time"), (4, "no time")]
    assert job.timers("a") == {0: 65 * second} and job.timers("b") == {0: (1 << 63) - 1}
    assert list(job.state("a").items()) == [("count", 2), ("last", 5 * second)]
    assert [tuple(row.values()) for row in job.watermark(65 * second).rows] == [("a", 65 * second, "gone", 2)]
    assert job.keys() == [("b",)]
    with pytest.raises(testing.Failed, match="`gap_seconds`"):
        testing.KeyedJob(of("keyed", "Visits"), {"time": "t", "gap_seconds": 0}, ["k"], types)
