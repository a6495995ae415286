"""The native engine: the compiled core in `native/`, which does what `PythonEngine` does.

Importing this module fails where the core was not built.
"""

from __future__ import annotations

from collections.abc import Sequence

from myd_grpc._native import Core, Spans, cut, outline
from myd_grpc._native import scan as native_scan
from myd_grpc.convert.engine import (
    Batch,
    CutOff,
    Flattening,
    Fragment,
    Outline,
    Rows,
    Scan,
    Scanned,
    Span,
)
from myd_grpc.convert.schema import CHILD_LINKS, ROOT_LINKS, Entry, NewColumn, NewTable

_SPARE_NODES = 100_000


def scan(batch: Batch, max_depth: int, text: str) -> Scanned:
    """See `Scan`."""
    found = native_scan(
        batch.data,
        _packed(batch.spans),
        _packed(batch.keys),
        depth=batch.depth,
        max_depth=max_depth,
        # No text that was read has an unpaired surrogate.
        text=text.encode(errors="replace"),
    )
    return Scanned(*found)


class NativeEngine:
    """Flattens with the compiled core; not for use by several threads at once."""

    name = "native"
    cut_off: CutOff | None = staticmethod(cut)
    outline: Outline | None = staticmethod(outline)
    scan: Scan | None = staticmethod(scan)
    parallel = True

    def __init__(self, flattening: Flattening) -> None:
        self._core = Core(flattening.line_end, flattening.id_field, flattening.max_depth)
        self._log: list[Entry] = []

    def flatten(self, batch: Batch, file: int, entries: Sequence[Entry]) -> Fragment:
        """See `Engine.flatten`."""
        good = self._flatten(batch, file, entries, len(batch.spans))
        if good < len(batch.spans):
            # Part of the bad record is in the rows and the tree already: begin again without it.
            self._reset()
            self._flatten(batch, file, entries, good)
        base = len(self._log)
        found = self._core.entries()
        self._log += [_entry(*entry) for entry in found]
        rows = [
            Rows(table, memoryview(data), ends, columns + _links(table))
            for table, data, ends, columns in self._core.take_rows()
        ]
        origins = [origin for *_, origin in found]
        return Fragment(base, self._log[base:], origins, rows, good)

    def _flatten(self, batch: Batch, file: int, entries: Sequence[Entry], count: int) -> int:
        self._follow(entries)
        return self._core.flatten(
            batch.data,
            _packed(batch.spans),
            _packed(batch.keys),
            count,
            file=file,
            first=batch.first,
            depth=batch.depth,
        )

    def _follow(self, entries: Sequence[Entry]) -> None:
        """Brings the core to the state that `entries` describe."""
        known = len(self._log)
        crowded = self._core.nodes > len(entries) + _SPARE_NODES
        if crowded or self._log != list(entries[:known]):
            self._reset()
            known = 0
        for entry in entries[known:]:
            is_table = isinstance(entry, NewTable)
            owner = entry.parent if isinstance(entry, NewTable) else entry.table
            self._core.follow(is_table, owner, entry.path)
            self._log.append(entry)

    def _reset(self) -> None:
        self._core.reset()
        self._log.clear()


def _links(table: int) -> int:
    return len(CHILD_LINKS if table else ROOT_LINKS)


def _packed(spans: Sequence[Span]) -> Spans:
    return spans if isinstance(spans, Spans) else Spans(list(spans))


def _entry(is_table: bool, owner: int, path: tuple[str, ...], _origin: int) -> Entry:
    return NewTable(owner, path) if is_table else NewColumn(owner, path)
