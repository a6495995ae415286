"""The data dictionary: titles and meanings of columns, in Korean and English.

`fields.csv` is what comes with the program, `MYD_DICTIONARY` names an operator's file of the same
form that counts before it (docs/spec.md 3.11). `load` makes the `Dictionary` of both.
"""

from __future__ import annotations

from myd_grpc.dictionary.loading import FIELDS, load
from myd_grpc.dictionary.lookup import LINK_COLUMNS, Dictionary
from myd_grpc.dictionary.model import DictionaryError, Entry
from myd_grpc.dictionary.table import decoded, entries_of

__all__ = [
    "FIELDS",
    "LINK_COLUMNS",
    "Dictionary",
    "DictionaryError",
    "Entry",
    "decoded",
    "entries_of",
    "load",
]
