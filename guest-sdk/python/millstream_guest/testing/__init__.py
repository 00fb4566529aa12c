"""Runs operators under plain Python, without Wasm: in pytest, in a debugger.

`run` for filters, maps and flat-maps; `aggregate` and `aggregate_laws`; `KeyedJob` and `keyed_laws`. What comes back is
checked as the host checks it. What a component is not given (files, threads, the network) is there in such a test.
"""

from .check import BadOutput
from .host import Failed
from .keyed import Epoch, KeyedJob, keyed_laws
from .run import Result, aggregate, aggregate_laws, run
from .table import Table

__all__ = [
    "BadOutput", "Epoch", "Failed", "KeyedJob", "Result", "Table", "aggregate", "aggregate_laws", "keyed_laws", "run",
]  # fmt: skip
