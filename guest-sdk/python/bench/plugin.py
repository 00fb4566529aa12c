"""Operators of a row, to be measured."""

from millstream_guest import filter_rows, map_rows


@filter_rows
def keep(line: str) -> bool:
    """Keeps lines of the administration"""
    return "/admin" in line


@map_rows("total")
def add(n: int) -> int:
    """Adds to a number"""
    return n + 12345
