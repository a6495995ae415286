"""The dictionary that comes with the program, read when it is first asked for."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from myd_grpc.dictionary.lookup import Dictionary, Layer, layer_of
from myd_grpc.dictionary.table import decoded, entries_of

FIELDS = Path(__file__).with_name("fields.csv")
"""The table of entries. A worker reads it before it enters its sandbox."""

_KEPT = 2
"""Dictionaries that are kept: one with an operator's table, and one without."""


def load(own: str = "") -> Dictionary:
    """What is known of columns; an operator's table `own`, unless it is "", counts first.

    The same text, which mostly comes again, has the same dictionary.
    """
    return _loaded(own)


@lru_cache(_KEPT)
def _loaded(own: str) -> Dictionary:
    return Dictionary(layer_of(entries_of(own)), _built_in()) if own else Dictionary(_built_in())


@cache
def _built_in() -> Layer:
    return layer_of(entries_of(decoded(FIELDS.read_bytes())))
