"""The Python engine: it has no fast way to do anything, and can be read."""

from __future__ import annotations

import sys
from typing import Self

from myd_grpc.convert.batch import Batch, Scanned
from myd_grpc.convert.engines.engine import PassOver, ReadAhead, RowRules
from myd_grpc.convert.engines.flatten import PythonFlattener
from myd_grpc.convert.jsontext.outline import outline
from myd_grpc.convert.schema import Schema

_OTHER_CALLS = 1000


class PythonEngine:
    """Works with the standard library's parser, one batch after the other."""

    name = "python"
    pass_over: PassOver | None = None

    def __init__(self, threads: int = 0) -> None:
        del threads  # of the interpreter, only one works at a time

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def outline(self, head: bytes) -> bytes:
        """See `Engine.outline`."""
        return outline(head)

    def flattener(self, rules: RowRules, schema: Schema) -> PythonFlattener:
        """See `Engine.flattener`."""
        _allow_depth(rules.max_depth)
        return PythonFlattener(rules, schema)

    def scanner(self, text: str, max_depth: int) -> PythonScanner:
        """See `Engine.scanner`."""
        del text
        _allow_depth(max_depth)
        return PythonScanner()


def _allow_depth(containers: int) -> None:
    """Lets calls nest as deep as a document needs: up to four for each of its containers."""
    deep = _OTHER_CALLS + 4 * containers
    sys.setrecursionlimit(max(deep, sys.getrecursionlimit()))


class PythonScanner:
    """Leaves all records to whoever parses them: it has no faster way to look them over."""

    read_ahead: ReadAhead[Scanned] | None = None

    def scan(self, batch: Batch) -> Scanned:
        """Has all records parsed."""
        return Scanned(len(batch.spans), range(len(batch.spans)))
