"""The native engine: the compiled core in `native/`, which does what `PythonEngine` does.

It works ahead on threads of its own. Each of them reads, decrypts, cuts off and flattens a batch,
in turns where the order matters, and none takes the interpreter's lock for it. Importing this
module fails where the core was not built.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self, TypeVar

from typing_extensions import Buffer

from myd_grpc._native import Core, Ends, Line, Spans, outline
from myd_grpc._native import scan as native_scan
from myd_grpc.convert.engines import processors
from myd_grpc.convert.engines.engine import (
    Ahead,
    Batch,
    Flattening,
    Fragment,
    Outline,
    Rows,
    Scanned,
    Span,
    Stretch,
    Take,
)
from myd_grpc.convert.input.source import Source, Stored
from myd_grpc.convert.jsontext.window import Window
from myd_grpc.convert.schema import CHILD_LINKS, ROOT_LINKS, Entry, NewColumn, NewTable

_Made = TypeVar("_Made", Fragment, Scanned)

# Unless more are asked for: each holds batches and rows, however many cores there are.
_MOST_THREADS = 4
# How many batches are under way at most, beside two for each thread,
_BATCHES_AHEAD = 3
# and how many bytes of records and rows for each thread.
_HELD_BYTES = 18 << 20
_SPARE_NODES = 100_000
_NICE = 10


@dataclass(frozen=True, slots=True)
class Start:
    """Where a line begins, and how it goes on: the core reads these by name.

    `head` is text that was read already, `offset` its place in the file. Text after it comes from
    `file`, or from calls of `read` where there is none, `chunk` bytes at a time. At most so many
    batches are under way, which take about so many bytes with their rows.
    """

    head: bytes = field(repr=False)
    offset: int
    stretch: Stretch
    file: Stored | None
    read: Callable[[], bytes]
    chunk: int
    threads: int
    most: int
    most_bytes: int


class NativeEngine:
    """Flattens with the compiled core, for one caller at a time, on `threads` threads."""

    name = "native"
    outline: Outline | None = staticmethod(outline)

    def __init__(self, flattening: Flattening, threads: int = 0) -> None:
        self._core = Core(flattening, _SPARE_NODES)
        # What the core knows of the schema.
        self._log: list[Entry] = []
        self._threads = threads or min(processors.usable(), _MOST_THREADS)
        self._pool = ThreadPoolExecutor(self._threads, "engine", initializer=_stand_back)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def flatten(
        self, batch: Batch, file: int, entries: Sequence[Entry], take: Take | None = None
    ) -> Fragment:
        """See `Engine.flatten`."""
        self._follow(entries)
        values, keys = _packed(batch.spans), _packed(batch.keys)
        place = {"file": file, "first": batch.first, "depth": batch.depth}
        taking = None if take is None else lambda *fragment: take(_fragment(*fragment))
        return _fragment(*self._core.flatten(batch.data, values, keys, taking, **place))

    def scan(self, batch: Batch, max_depth: int, text: str) -> Scanned:
        """See `Engine.scan`."""
        values, keys = _packed(batch.spans), _packed(batch.keys)
        wanted = _wanted(text)
        return Scanned(
            *native_scan(
                batch.data, values, keys, depth=batch.depth, max_depth=max_depth, text=wanted
            )
        )

    def flattening(self, source: Source, file: int, entries: Sequence[Entry]) -> Ahead | None:
        """See `Engine.flattening`."""

        def ahead(window: Window, stretch: Stretch) -> Generator[Batch]:
            self._follow(entries)
            start = self._start(source, window, stretch)
            line = self._core.flattening(start, file)
            for batch in self._work(line, start, source, window, _fragment):
                yield batch
                del batch
                self._follow(entries)

        return ahead

    def scanning(self, source: Source, max_depth: int, text: str) -> Ahead | None:
        """See `Engine.scanning`."""

        def ahead(window: Window, stretch: Stretch) -> Generator[Batch]:
            start = self._start(source, window, stretch)
            line = self._core.scanning(start, max_depth, _wanted(text))
            return self._work(line, start, source, window, Scanned)

        return ahead

    def _start(self, source: Source, window: Window, stretch: Stretch) -> Start:
        return Start(
            head=bytes(window.data),
            offset=window.base,
            stretch=stretch,
            file=source.stored(window.base + len(window.data)),
            read=source.read,
            chunk=source.chunk,
            threads=self._threads,
            most=2 * self._threads + _BATCHES_AHEAD,
            most_bytes=self._threads * _HELD_BYTES,
        )

    def _work(
        self,
        line: Line,
        start: Start,
        source: Source,
        window: Window,
        made: Callable[..., _Made],
    ) -> Generator[Batch]:
        """What comes of a line, batch by batch; the window gets what is left in the end."""
        depth = start.stretch.depth
        window.restart(b"", start.offset)
        threads = [self._pool.submit(line.work) for _ in range(self._threads)]
        try:
            while taken := line.take():
                (data, spans, keys, offset, first), found = taken
                text = memoryview(data)
                yield Batch(text, spans, keys, offset, first, depth, made(*found))
                # A long record's memory must not stay until the next one is there.
                del taken, data, text, spans, keys, found
        finally:
            line.stop()
            wait(threads)
        rest, base = line.rest()
        window.restart(rest, base)
        if start.file:
            source.go_on(base + len(rest))

    def _follow(self, entries: Sequence[Entry]) -> None:
        """Brings the core to the schema that `entries` describe."""
        known = len(self._log)
        if self._log != list(entries[:known]):
            self._core.reset()
            self._log.clear()
            known = 0
        for entry in entries[known:]:
            is_table = isinstance(entry, NewTable)
            owner = entry.parent if isinstance(entry, NewTable) else entry.table
            self._core.adopt(is_table, owner, entry.path)
            self._log.append(entry)


def _stand_back() -> None:
    """Lets the thread work when no other one of its process wants to.

    The others take fragments and write: what they do is short, and these threads wait for it in the
    end. Linux only, where threads have priorities of their own.
    """
    # Some sandboxes forbid it; the work is the same without.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _wanted(text: str) -> bytes:
    # No text that was read has an unpaired surrogate.
    return text.encode(errors="replace")


def _packed(spans: Sequence[Span]) -> Spans:
    return spans if isinstance(spans, Spans) else Spans(list(spans))


def _fragment(
    base: int,
    entries: Sequence[tuple[bool, int, tuple[str, ...]]],
    origins: Sequence[int],
    rows: Sequence[tuple[int, Buffer, Ends, int]],
    records: int,
    is_full: bool,
) -> Fragment:
    return Fragment(
        base,
        [_entry(*entry) for entry in entries],
        origins,
        [
            Rows(table, memoryview(data), ends, columns + _links(table))
            for table, data, ends, columns in rows
        ],
        records,
        is_full,
    )


def _entry(is_table: bool, owner: int, path: tuple[str, ...]) -> Entry:
    return NewTable(owner, path) if is_table else NewColumn(owner, path)


def _links(table: int) -> int:
    return len(CHILD_LINKS if table else ROOT_LINKS)
