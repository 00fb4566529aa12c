"""Plugins for Millstream in Python: write a class for a filter, a map, a flat-map, an aggregate or a keyed operator.

`README.md` begins with an example. Modules by what is in them: `operators` and `keyed` (what an author writes), `schema` and
`config` (what `bind` is given), `batch`, `column`, `text`, `nested` and `bitmap` (what a call is given), `builder` (what it
returns), `functions` (operators from functions), `testing` (a driver for tests). The rest is between these and the contract.
"""

from . import cbor, log
from .batch import Batch
from .bitmap import Mask
from .column import BoolColumn, Column, DecimalColumn, NumberColumn, RawColumn
from .config import Config
from .data_type import DataType, Field, fixed_list_of, list_of, map_of, struct_of
from .errors import Failure, Problem, Reject
from .expander import Expander
from .functions import filter_rows, map_rows
from .groups import Groups
from .key_state import KeyState, MapEntries, Value, Wanted
from .keyed import Clock, Key, Keyed, KeyedOutput, Out, Rows, Timer, Timers, raw
from .nested import ListColumn, MapColumn, StructColumn
from .operators import Aggregate, Aggregation, Columns, Filter, FlatMap, Fold, Folding, Map
from .registry import operator
from .schema import Input, InputColumn, Schema
from .text import BinaryColumn, TextColumn

__all__ = [
    "Aggregate", "Aggregation", "Batch", "BinaryColumn", "BoolColumn", "Clock", "Column", "Columns", "Config", "DataType",
    "DecimalColumn", "Expander", "Failure", "Field", "Filter", "FlatMap", "Fold", "Folding", "Groups", "Input",
    "InputColumn", "Key", "KeyState", "Keyed", "KeyedOutput", "ListColumn", "Map", "MapColumn", "MapEntries", "Mask",
    "NumberColumn", "Out", "Problem", "RawColumn", "Reject", "Rows", "Schema", "StructColumn", "TextColumn", "Timer",
    "Timers", "Value", "Wanted", "cbor", "filter_rows", "fixed_list_of", "list_of", "log", "map_of", "map_rows",
    "operator", "raw", "struct_of",
]  # fmt: skip
