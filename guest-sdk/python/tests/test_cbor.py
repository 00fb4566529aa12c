"""CBOR: the examples of RFC 8949, and what the Rust SDK writes."""

import math
import random

import pytest

from millstream_guest import cbor


@pytest.mark.parametrize(
    "value, hex",
    [
        (0, "00"), (23, "17"), (24, "1818"), (255, "18ff"), (256, "190100"), (1000000, "1a000f4240"),
        (18446744073709551615, "1bffffffffffffffff"), (-1, "20"), (-1000, "3903e7"),
        (-9223372036854775808, "3b7fffffffffffffff"), (-18446744073709551616, "3bffffffffffffffff"),
        (1.1, "fb3ff199999999999a"), (False, "f4"), (True, "f5"), (None, "f6"), ("\u6c34", "63e6b0b4"), (b"\1\2", "420102"),
        ([1, [2, 3]], "82018202" + "03"), ({"a": 1, "b": 2}, "a2616101616202"), ([], "80"), ({}, "a0"),
    ],
)  # fmt: skip
def test_what_is_written_is_cbor(value, hex):
    assert cbor.dumps(value).hex() == hex
    back = cbor.loads(bytes.fromhex(hex))
    assert back == value and type(back) is type(value)


def test_lengths_that_are_not_known_beforehand_are_read():
    assert cbor.loads(bytes.fromhex("9f0102ff")) == [1, 2]
    assert cbor.loads(bytes.fromhex("bf616101ff")) == {"a": 1}
    assert cbor.loads(bytes.fromhex("fa3f000000")) == 0.5


@pytest.mark.parametrize(
    "hex, why",
    [
        ("", "the bytes end too early"),
        ("9bffffffffffffffff01", "the bytes end too early"),
        ("810101", "1 bytes are left over"),
        ("811c", "no value begins with 0x1c"),
        ("ff", "no value begins with 0xff"),
        ("61ff", "a text is not valid UTF-8"),
        ("81" * 100_000, "the value is nested deeper than 128"),
    ],
)
def test_bytes_that_are_no_value_are_told_in_words(hex, why):
    with pytest.raises(cbor.CborError, match=why):
        cbor.loads(bytes.fromhex(hex))


def test_values_without_bytes_are_refused():
    for value in (1 << 64, object(), {1, 2}, 1j):
        with pytest.raises(cbor.CborError):
            cbor.dumps(value)


def _value(rng, depth=0):
    kind = rng.randrange(9 if depth < 4 else 7)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice([-1, 1]) * rng.getrandbits(rng.randrange(64))
    if kind == 2:
        return rng.choice([rng.random(), math.inf, -0.0, 5e-324])
    if kind in (3, 4):
        return "".join(rng.choice("aä€𝄞") for _ in range(rng.choice([0, 3, 30, 300])))
    if kind in (5, 6):
        return rng.randbytes(rng.choice([0, 23, 24, 256]))
    if kind == 7:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(5))]
    return {rng.choice([rng.randrange(99), str(rng.random())]): _value(rng, depth + 1) for _ in range(rng.randrange(5))}


def test_values_of_every_shape_come_back_and_broken_bytes_are_errors():
    rng = random.Random(0)
    for _ in range(300):
        value = _value(rng)
        written = cbor.dumps(value)
        assert cbor.loads(written) == value
        for at in range(0, len(written), 7):
            with pytest.raises(cbor.CborError):
                cbor.loads(written[:at])
        if written:
            broken = bytearray(written)
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
            try:
                cbor.loads(bytes(broken))
            except cbor.CborError:
                pass
