"""Lines in the job's log, with the names of the plugin and its operator. At most 4 KiB a line and 64 KiB a call."""

from __future__ import annotations

import logging
from collections.abc import Callable

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def _natively(level: str, text: str) -> None:
    logging.getLogger("millstream").log(_LEVELS[level], "%s", text)


_sink: Callable[[str, str], None] = _natively


def to(sink: Callable[[str, str], None]) -> None:
    """Sends lines elsewhere: `sink(level, text)`."""
    global _sink
    _sink = sink


def debug(text: object) -> None:
    """A line for whoever looks for a fault."""
    _sink("debug", str(text))


def info(text: object) -> None:
    """A line that is good to know."""
    _sink("info", str(text))


def warn(text: object) -> None:
    """A line about something that is probably wrong."""
    _sink("warn", str(text))


def error(text: object) -> None:
    """A line about something that is wrong."""
    _sink("error", str(text))
