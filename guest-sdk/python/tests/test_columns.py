"""Columns, masks and builders against naive models."""

import random
from array import array

import pytest

from millstream_guest import DataType, Field, Mask
from millstream_guest.builder import Misfit, build
from millstream_guest.data_type import flatten, unflatten
from millstream_guest.nested import column_of

INT64 = (-(1 << 63), (1 << 63) - 1)
UINT64 = (0, (1 << 64) - 1)
LENGTHS = [0, 1, 7, 8, 9, 63, 64, 65, 1000]


def again(column):
    """The column as it comes out of the contract's arrays."""
    fields = unflatten(flatten([Field("c", column.type)]))
    return column_of(fields[0], iter(column.arrays()))


@pytest.mark.parametrize("rows", LENGTHS)
def test_masks_are_bitmaps_of_any_length(rows):
    rng = random.Random(rows)
    one, other = ([rng.random() < 0.5 for _ in range(rows)] for _ in range(2))
    a, b = Mask.of(one), Mask.of(other)
    assert list(a) == one and len(a) == rows
    assert list(a & b) == [x and y for x, y in zip(one, other)]
    assert list(a | b) == [x or y for x, y in zip(one, other)]
    assert list(~a) == [not x for x in one]
    assert list(a.indices()) == [row for row, x in enumerate(one) if x]
    assert a.count() == sum(one) and bool(a) == any(one)
    bitmap = a.to_bitmap()
    assert len(bitmap) == (rows + 7) // 8
    assert all(bool(bitmap[row // 8] >> row % 8 & 1) == x for row, x in enumerate(one))
    # Padding, and bits past the last row, are of no account.
    assert Mask.of_bitmap(rows, bitmap + b"\xff" * 8) == a


VALUES = {
    "boolean": [True, False],
    "int8": [-128, 127, 0],
    "int16": [-(1 << 15), (1 << 15) - 1],
    "int32": [-(1 << 31), (1 << 31) - 1],
    "int64": [*INT64, 9007199254740993, -1],
    "uint8": [0, 255],
    "uint16": [0, 65535],
    "uint32": [0, (1 << 32) - 1],
    "uint64": [*UINT64, 9007199254740993],
    "float32": [0.5, -0.0, float("inf")],
    "float64": [0.1, -0.0, float("inf"), 1e308],
    "utf8": ["", "a", "ä€𝄞", "longer than that"],
    "binary": [b"", b"\0\xff"],
    "date": [0, -719162],
    "timestamp": [*INT64],
    "decimal(38, 2)": [10**38 - 1, -(10**38) + 1, 1250],
    "list<int64>": [[], [1, None, INT64[0]]],
    "list<list<utf8>>": [[], [["a"], [], None]],
    "fixed_list<float32, 2>": [[0.5, 1.0], [0.0, -1.0]],
    "struct<a: int64, b: utf8>": [{"a": 1, "b": "x"}, {"a": None, "b": ""}],
    "map<utf8, int64>": [{}, {"a": 1, "b": None}],
}


@pytest.mark.parametrize("type", VALUES)
@pytest.mark.parametrize("rows", LENGTHS)
@pytest.mark.parametrize("nulls", [0.0, 0.3, 1.0])
def test_values_of_every_type_come_back(type, rows, nulls):
    rng = random.Random(rows)
    values = [None if rng.random() < nulls else rng.choice(VALUES[type]) for _ in range(rows)]
    column = again(build(DataType.of(type), values))
    assert column.to_list() == values
    assert list(column) == [column[row] for row in range(rows)] == values
    assert column.null_count == values.count(None)
    assert list(column.valid) == [column.is_valid(row) for row in range(rows)]
    assert all(buffer.__class__ is bytes for array in column.arrays() for buffer in array.buffers)
    taken = [rng.randrange(rows) for _ in range(rows)] if rows else []
    assert again(column.take(taken)).to_list() == [values[row] for row in taken]
    mask = Mask.of([rng.random() < 0.5 for _ in range(rows)])
    assert column.filter(mask).to_list() == [value for value, kept in zip(values, mask) if kept]


@pytest.mark.parametrize("type, limits", [("int64", INT64), ("uint64", UINT64)])
def test_sums_are_exact_at_the_extremes(type, limits):
    rng = random.Random(1)
    least, most = limits
    near = [least, least + 1, most, most - 1, 0, 1, 9007199254740993, 1 << 62, (1 << 63) - 1]
    values = [rng.choice(near) for _ in range(300)] + [rng.randint(least, most) for _ in range(300)]
    values = [None if rng.random() < 0.1 else value for value in values]
    column = build(DataType.of(type), values)
    amounts = [0, 1, -1, most, -most, least, -least, 1 << 63, -(1 << 63), (1 << 64) - 1, -(1 << 64) + 1, 5, 1 << 70]
    for amount in [*amounts, *(rng.randint(-(1 << 64), 1 << 64) for _ in range(50))]:
        made, beyond = column.plus(amount)
        wanted = [None if value is None else value + amount for value in values]
        assert beyond == [row for row, sum in enumerate(wanted) if sum is not None and not least <= sum <= most]
        found = made.to_list()
        assert all(found[row] == sum for row, sum in enumerate(wanted) if row not in beyond)
        assert list(column.at_least(amount)) == [value is not None and value >= amount for value in values]
        assert list(column.below(amount)) == [value is not None and value < amount for value in values]


def test_sums_of_no_rows():
    made, beyond = build(DataType.of("int64"), []).plus(1)
    assert made.to_list() == [] and beyond == []


@pytest.mark.parametrize("seed", range(30))
def test_texts_are_searched_as_one_by_one(seed):
    rng = random.Random(seed)
    letters = "ab" if seed % 2 else "aäb€"
    texts = [
        None if rng.random() < 0.1 else "".join(rng.choice(letters) for _ in range(rng.randrange(8)))
        for _ in range(rng.randrange(200))
    ]
    column = again(build(DataType.of("utf8"), texts))
    for needle in ["", "a", "ab", "aa", "ba", "€", "aäb", "x" * 20]:
        present = [text if text is not None else "" for text in texts]
        valid = [text is not None for text in texts]
        for name, model in [
            ("contains", lambda text: needle in text),
            ("startswith", lambda text: text.startswith(needle)),
            ("endswith", lambda text: text.endswith(needle)),
            ("equals", lambda text: text == needle),
        ]:
            found = list(getattr(column, name)(needle))
            assert found == [v and model(text) for v, text in zip(valid, present)], (name, needle)
    assert list(column.empty()) == [text == "" for text in texts]
    lengths = column.lengths()
    assert all(lengths[row] == len(text.encode()) for row, text in enumerate(texts) if text is not None)


def test_what_does_not_fit_is_told_in_words():
    def misfit(type, values):
        with pytest.raises(Misfit) as caught:
            build(DataType.of(type), values, "column `x`")
        return str(caught.value), caught.value.row

    assert misfit("int8", [1, None, 300]) == ("column `x`: 300 (int) does not fit int8", 2)
    assert misfit("uint64", [-1]) == ("column `x`: -1 (int) does not fit uint64", 0)
    assert misfit("int64", ["a"]) == ("column `x`: 'a' (str) does not fit int64", 0)
    assert misfit("utf8", ["a", 5]) == ("column `x`: 5 (int) does not fit utf8", 1)
    assert misfit("int64", array("d", [1.0]))[0].startswith("column `x` is int64: array('q') is needed")
    assert misfit("utf8", "text")[0] == "column `x` is given a single value; a list of values is needed"
    assert "declared as utf8" in misfit("utf8", build(DataType.of("int64"), [1]))[0]


def test_types_are_read_as_a_job_file_writes_them():
    for text, format in [("string", "u"), ("BOOL", "b"), ("double", "g"), ("decimal(10, 2)", "d:10,2")]:
        assert DataType.of(text).format == format
    assert str(DataType.of("list<struct<sku: utf8, price: decimal(10, 2)>>")) == (
        "list of struct(sku utf8, price decimal(10, 2))"
    )
    assert str(DataType.of("map<utf8, list<int64>>")) == "map of utf8 to list of int64"
    for wrong, why in [
        ("list<int>", "`list<int>` is no type: `int` is none"),
        ("list<int64", "`list<int64` is no type: it ends too early"),
        ("int64 x", "`int64 x` is no type: `x` is left over"),
    ]:
        with pytest.raises(ValueError) as caught:
            DataType.of(wrong)
        assert str(caught.value) == why
