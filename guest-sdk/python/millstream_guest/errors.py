"""What an author raises, and what becomes of exceptions that nobody catches.

A message says the exception's type and words and the author's own line, since the traceback stays inside of the sandbox.
The traceback goes to the log, bounded.
"""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType

from . import contract, log

_SDK = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Not of `os`, which is frozen into a component's runtime and has no file.
_LIBRARY = os.path.dirname(os.path.abspath(traceback.__file__)) + os.sep
_LOGGED = 3_500


class Problem(Exception):
    """Raised in `bind`: the configuration or the input will not do. `key` is the configuration's entry, if it is one."""

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(f"`{key}`: {message}" if key is not None else message)
        self.message = message
        self.key = key


class Failure(Exception):
    """Raised in a call. What it is about, if that is known: an input row, or a stored state that cannot be read.

    A row becomes a dead letter and the others are given again. Without one the host looks for it by dividing the call.
    """

    def __init__(self, message: str, *, row: int | None = None, key: int | None = None, state: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row, self.key, self.state = row, key, state

    def subject(self) -> contract.Subject | None:
        """What it is about, as the contract has it."""
        for kind, number in (("row", self.row), ("key", self.key), ("state", self.state)):
            if number is not None:
                return contract.Subject(kind, number)
        return None


class Reject(Exception):  # noqa: N818 - it is a verdict about a row and no error of the program
    """Raised in a function of one row: the row goes to the dead letters with this reason."""


class Refused(Exception):
    """What a bind or a call comes out as, when it does not succeed."""

    def __init__(self, value: contract.Problem | contract.Failure) -> None:
        super().__init__(value.message)
        self.value = value


def problem(error: BaseException) -> contract.Problem:
    """What `bind` answers after this exception."""
    if isinstance(error, Problem):
        return contract.Problem(error.key, error.message)
    _log_traceback(error)
    return contract.Problem(None, described(error))


def failure(error: BaseException, about: contract.Subject | None = None) -> contract.Failure:
    """What a call answers after this exception; `about` is what the caller was at."""
    if isinstance(error, Failure):
        return contract.Failure(error.message, error.subject() or about)
    _log_traceback(error)
    return contract.Failure(described(error), about)


def described(error: BaseException) -> str:
    """`ValueError: no number (plugin.py, line 12, in call)`."""
    text = str(error)
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{what} ({place})" if (place := _place(error.__traceback__)) else what


def _place(trace: TracebackType | None) -> str | None:
    """The innermost line of the author's."""
    found = None
    for frame, line in traceback.walk_tb(trace):
        file = os.path.abspath(frame.f_code.co_filename)
        if not file.startswith(_SDK) and not file.startswith(_LIBRARY) and not file.startswith("/<"):
            found = f"{_short(file)}, line {line}, in {frame.f_code.co_name}"
    return found


def _short(file: str) -> str:
    """The file as the author knows it: without the folder that modules are found in."""
    folders = [os.path.abspath(path) + os.sep for path in sys.path if path]
    inside = [folder for folder in folders if file.startswith(folder)]
    return file[len(max(inside, key=len)) :] if inside else os.path.basename(file)


_told: set[str] = set()


def _log_traceback(error: BaseException) -> None:
    # The host repeats a failed call on parts of it, to find the row: once for each place is enough.
    place = described(error).rpartition(" (")[2]
    if place in _told:
        return
    _told.add(place)
    trace = error.__traceback__
    while trace is not None and os.path.abspath(trace.tb_frame.f_code.co_filename).startswith(_SDK):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
    if len(text) > _LOGGED:
        text = f"{text[: _LOGGED // 2]}\n  …\n{text[-_LOGGED // 2 :]}"
    log.error(text.rstrip())
