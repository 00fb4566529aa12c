"""Column types and fields: a type is one value, nested types hold their children.

A type is written as in a job file: `"int64"`, `"list<utf8>"`, `"decimal(10, 2)"`, `"struct<sku: utf8, price: float64>"`.
The contract writes it flat, as a format string of Arrow's with the children behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import contract

_PLAIN = {
    "n": "null",
    "b": "boolean",
    "c": "int8",
    "s": "int16",
    "i": "int32",
    "l": "int64",
    "C": "uint8",
    "S": "uint16",
    "I": "uint32",
    "L": "uint64",
    "f": "float32",
    "g": "float64",
    "u": "utf8",
    "z": "binary",
    "tdD": "date",
    "tsu:UTC": "timestamp",
}
_FORMATS = {name: format for format, name in _PLAIN.items()} | {
    "string": "u",
    "text": "u",
    "bool": "b",
    "bytes": "z",
    "double": "g",
}
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9]*|-?[0-9]+|[<>(),:])")


@dataclass(frozen=True, slots=True)
class DataType:
    """A column's type: its format, and the fields of its children."""

    format: str
    children: tuple[Field, ...] = ()
    is_dictionary: bool = False

    @classmethod
    def of(cls, type: DataType | str) -> DataType:
        """The type of this name; a type is returned as it is."""
        return type if isinstance(type, DataType) else _parse(type)

    def __str__(self) -> str:
        children = self.children
        if self.is_dictionary:
            return f"dictionary of {children[0].type}"
        match self.format[:2]:
            case "d:":
                return f"decimal({', '.join(self.format[2:].split(',')[:2])})"
            case "+l":
                return f"list of {children[0].type}"
            case "+w":
                return f"list of {self.format[3:]} {children[0].type}"
            case "+s":
                return f"struct({', '.join(f'{child.name} {child.type}' for child in children)})"
            case "+m":
                key, value = children[0].type.children
                return f"map of {key.type} to {value.type}"
        return _PLAIN.get(self.format, self.format)

    @property
    def is_integer(self) -> bool:
        """Whether it is an integer of any width."""
        return self.format in ("c", "s", "i", "l", "C", "S", "I", "L") and not self.is_dictionary

    @property
    def is_decimal(self) -> bool:
        """Whether it is a decimal."""
        return self.format.startswith("d:")

    @property
    def is_number(self) -> bool:
        """Whether it is an integer, a floating point number or a decimal."""
        return self.is_integer or self.is_decimal or self.format in ("e", "f", "g")

    @property
    def is_nested(self) -> bool:
        """Whether it is a list, a struct or a map."""
        return self.format.startswith("+")


@dataclass(frozen=True, slots=True, init=False)
class Field:
    """A column's name and type, and whether it may hold nulls."""

    name: str
    type: DataType
    nullable: bool
    metadata: tuple[tuple[str, str], ...]

    def __init__(
        self, name: str, type: DataType | str, nullable: bool = True, metadata: Iterable[tuple[str, str]] = ()
    ) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "type", DataType.of(type))
        object.__setattr__(self, "nullable", nullable)
        object.__setattr__(self, "metadata", tuple(metadata))


def list_of(item: DataType | str) -> DataType:
    """A list of such items, which may be null."""
    return DataType("+l", (Field("item", item),))


def fixed_list_of(item: DataType | str, size: int) -> DataType:
    """So many such items a row, none of them null."""
    return DataType(f"+w:{size}", (Field("item", item, nullable=False),))


def struct_of(*fields: Field) -> DataType:
    """A struct of these fields."""
    return DataType("+s", fields)


def map_of(key: DataType | str, value: DataType | str) -> DataType:
    """A map of such keys to such values, which may be null."""
    entries = struct_of(Field("key", key, nullable=False), Field("value", value))
    return DataType("+m", (Field("entries", entries, nullable=False),))


def flatten(fields: Iterable[Field]) -> list[contract.Field]:
    """Fields as the contract has them."""
    flat: list[contract.Field] = []
    for field in fields:
        type = field.type
        metadata = list(field.metadata)
        flat.append(
            contract.Field(field.name, type.format, field.nullable, len(type.children), type.is_dictionary, metadata)
        )
        flat.extend(flatten(type.children))
    return flat


def unflatten(flat: Iterable[contract.Field]) -> list[Field]:
    """Fields of the contract, each with its children."""
    rest = iter(flat)
    fields = []
    for head in rest:
        fields.append(_with_children(head, rest))
    return fields


def _with_children(head: contract.Field, rest: Iterator[contract.Field]) -> Field:
    children = tuple(_with_children(next(rest), rest) for _ in range(head.children))
    return Field(head.name, DataType(head.format, children, head.dictionary), head.nullable, head.metadata)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def token(self) -> str:
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            raise ValueError(
                f"`{self.text}` is no type: it ends too early"
                if self.text[self.at :].strip() == ""
                else f"`{self.text}` is no type: what is `{self.text[self.at :].strip()}`?"
            )
        self.at = match.end()
        return match[1]

    def expect(self, token: str) -> None:
        found = self.token()
        if found != token:
            raise ValueError(f"`{self.text}` is no type: `{token}` is needed where `{found}` stands")

    def type(self) -> DataType:
        name = self.token().lower()
        if name in _FORMATS:
            return DataType(_FORMATS[name])
        if name == "decimal":
            self.expect("(")
            precision = int(self.token())
            self.expect(",")
            scale = int(self.token())
            self.expect(")")
            return DataType(f"d:{precision},{scale}")
        if name not in ("list", "fixed_list", "map", "struct"):
            raise ValueError(f"`{self.text}` is no type: `{name}` is none")
        self.expect("<")
        if name == "struct":
            return self.struct()
        first = self.type()
        if name == "list":
            self.expect(">")
            return list_of(first)
        self.expect(",")
        made = map_of(first, self.type()) if name == "map" else fixed_list_of(first, int(self.token()))
        self.expect(">")
        return made

    def struct(self) -> DataType:
        fields = []
        while True:
            name = self.token()
            self.expect(":")
            fields.append(Field(name, self.type()))
            end = self.token()
            if end == ">":
                return struct_of(*fields)
            if end != ",":
                raise ValueError(f"`{self.text}` is no type: `,` or `>` is needed where `{end}` stands")


def _parse(text: str) -> DataType:
    parser = _Parser(text)
    parsed = parser.type()
    if rest := text[parser.at :].strip():
        raise ValueError(f"`{text}` is no type: `{rest}` is left over")
    return parsed
