"""The native engine: the compiled core in `native/`, which does what the Python engine does.

It reads ahead on threads of its own. Each of them reads, decrypts, cuts off and flattens a batch,
in turns where the order matters, and none takes the interpreter's lock for it. What is done before
a thread would have begun, whoever asks for it does. Importing this module fails where the core was
not built.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Self, TypeVar

from myd_grpc import _native
from myd_grpc.convert.batch import Batch, Fragment, Scanned, Span
from myd_grpc.convert.engines import processors
from myd_grpc.convert.engines.engine import (
    BATCH_BYTES,
    BATCH_VALUES,
    LONG_GAP,
    Passed,
    RowRules,
    Take,
)
from myd_grpc.convert.engines.few_of_many import FewKinds, FewRows, NativeRows, rows_of
from myd_grpc.convert.input.source import Source
from myd_grpc.convert.jsontext.strict import Expect
from myd_grpc.convert.kinds import MaskedCells, TableKinds
from myd_grpc.convert.model import Limits
from myd_grpc.convert.piece import Juncture, Piece
from myd_grpc.convert.schema import Entry, NewColumn, NewTable, Schema
from myd_grpc.threads import Threads

_Made = TypeVar("_Made", Fragment, Scanned)

# More threads than this share what so many hold: memory does not grow with the machine.
_LARGE_SHARES = 4
# Bytes and values of a batch as parts of the usual, at least: each costs something by itself.
_SMALLEST_SHARE = 16
# To begin threads, and to wait for them, takes longer than to do a file of no more bytes alone.
_ALONE_BYTES = 256 << 10
# How many batches are under way at most, beside two for each thread,
_BATCHES_AHEAD = 3
# and how many bytes of their text and rows, with more for each thread that has a large share: all
# of that is there when rows are written slowly.
_HELD_BYTES = 12 << 20
_HELD_BY_THREAD = 6 << 20
_SPARE_NODES = 100_000
# How much of what is around records is read between two reports: a small part of a second's work.
_PASSED_BYTES = 16 << 20
# A record of more bytes is flattened by itself, on all threads: its long lists in stretches of so
# many bytes, or fewer where they have so many values.
_LONG_RECORD = 6 << 20
_MOST_HELPERS = 8
_STRETCH_BYTES = 512 << 10
_STRETCH_VALUES = 50_000
_NICE = 10


class NativeEngine:
    """Works with the compiled core, for one caller at a time, on `threads` threads."""

    name = "native"

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads or min(processors.usable(), processors.MOST_THREADS)
        self._reader = _Reader(self._threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def outline(self, head: bytes) -> bytes:
        """See `Engine.outline`."""
        return _native.outline(head)

    def pass_over(
        self, juncture: Juncture, head: bytes, source: Source, limits: Limits, passed: Passed
    ) -> tuple[Juncture, bytes]:
        """See `PassOver`."""
        reading = _native.AroundReader(
            juncture,
            head,
            source.stored(juncture.offset + len(head)),
            source.read,
            chunk=source.chunk,
            max_depth=limits.max_depth,
            max_bytes=limits.max_record_bytes,
        )
        del head
        goes_on = True
        while goes_on:
            goes_on = reading.read_on(_PASSED_BYTES)
            offset, place = reading.reached()
            source.pass_by(place)
            passed(offset)
        offset, around, expect, entered, rest = reading.juncture()
        return Juncture(offset, around, Expect[expect], juncture.names[entered:]), rest

    def flattener(self, rules: RowRules, schema: Schema) -> NativeFlattener:
        """See `Engine.flattener`."""
        return NativeFlattener(self._reader, rules, schema)

    def scanner(self, text: str, max_depth: int) -> NativeScanner:
        """See `Engine.scanner`."""
        return NativeScanner(self._reader, text, max_depth)


class _Reader:
    """Reads pieces ahead, on threads that are there once one is."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = Threads(threads, "engine", initializer=_stand_back)
        self._buffers = _native.Buffers()

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def read_ahead(
        self,
        work: _native.Flattener | _native.Scanner,
        piece: Piece,
        head: bytes,
        source: Source,
        made: Callable[..., _Made],
        follow: Callable[[], int],
    ) -> Generator[tuple[Batch, _Made], None, tuple[Piece, bytes]]:
        """See `ReadAhead`; `follow` is called before each batch is waited for.

        It answers how many entries the schema has.
        """
        entries = follow()
        stored = source.stored(piece.offset + len(head))
        # How much there is to be read is known of what the engine reads by itself.
        alone = stored is not None and source.size <= min(BATCH_BYTES, _ALONE_BYTES)
        threads = 1 if alone else self.threads
        share = min(max(1, threads // _LARGE_SHARES), _SMALLEST_SHARE)
        reading = _native.ReadAhead(
            work,
            self._buffers,
            piece,
            head,
            stored,
            source.read,
            chunk=source.chunk,
            batch_bytes=max(1, BATCH_BYTES // share),
            batch_values=max(1, BATCH_VALUES // share),
            long_gap=LONG_GAP,
            threads=threads,
            most=2 * threads + _BATCHES_AHEAD,
            most_bytes=_HELD_BYTES + min(threads, _LARGE_SHARES) * _HELD_BY_THREAD,
        )
        del head
        records = piece.records
        working = [] if alone else self._begun(reading.work, threads)
        try:
            while taken := reading.take(alone=not working, entries=entries):
                (data, spans, keys, offset, first, place), found = taken
                source.pass_by(place)
                text = memoryview(data)
                batch = Batch(text, spans, keys, offset, piece.file, first, piece.depth)
                records = first + len(spans) - 1
                yield batch, made(*found)
                # A long record's memory must not stay until the next one is there.
                del taken, data, text, spans, keys, found, batch
                entries = follow()
        finally:
            reading.stop()
            if working:
                wait(working)
        rest, offset, place = reading.rest()
        source.pass_by(place)
        return piece.after(records, offset), rest

    def _begun(self, work: Callable[[], None], threads: int) -> list[Future[None]]:
        """Has that done on as many threads as the system lets begin."""
        working = list[Future[None]]()
        for _ in range(threads):
            if (one := self._pool.begin(work)) is None:
                break
            working.append(one)
        return working


class NativeFlattener:
    """Makes rows with the compiled core."""

    def __init__(self, reader: _Reader, rules: RowRules, schema: Schema) -> None:
        self._reader = reader
        self._core = _native.Flattener(
            rules,
            _month_reader(rules.columns.this_year),
            spare_nodes=_SPARE_NODES,
            threads=min(reader.threads, _MOST_HELPERS),
            long_record=_LONG_RECORD,
            stretch_bytes=_STRETCH_BYTES,
            stretch_commas=_STRETCH_VALUES,
        )
        self._schema = schema
        # How much of the schema the core knows.
        self._known = 0

    def flatten(self, batch: Batch, take: Take | None = None) -> Fragment:
        """See `Flattener.flatten`."""
        self._follow()
        taking = None if take is None else lambda *fragment: take(_fragment(*fragment))
        return _fragment(
            *self._core.flatten(
                batch.data,
                _packed(batch.spans),
                _packed(batch.keys),
                taking,
                file=batch.file,
                first=batch.first,
                depth=batch.depth,
            )
        )

    def read_ahead(
        self, piece: Piece, head: bytes, source: Source
    ) -> Generator[tuple[Batch, Fragment], None, tuple[Piece, bytes]]:
        """See `ReadAhead`."""
        return self._reader.read_ahead(self._core, piece, head, source, _fragment, self._follow)

    def whole(self, piece: Piece, text: bytes) -> tuple[Batch, Fragment] | None:
        """See `Whole`."""
        self._follow()
        core = self._core
        whole = core.flatten_whole(text, piece, batch_bytes=BATCH_BYTES, batch_values=BATCH_VALUES)
        if whole is None:
            return None
        spans, keys, made = whole
        first = piece.records + 1
        batch = Batch(text, spans, keys, piece.offset, piece.file, first, piece.depth)
        return batch, _fragment(*made)

    def _follow(self) -> int:
        """Brings the core to the schema, which only ever grows; how many entries that has."""
        entries = self._schema.entries
        if new := entries[self._known :]:
            self._core.adopt([(isinstance(one, NewTable), one.owner, one.path) for one in new])
            self._known = len(entries)
        return self._known


class NativeScanner:
    """Looks records over with the compiled core."""

    def __init__(self, reader: _Reader, text: str, max_depth: int) -> None:
        self._reader = reader
        # No text that was read has an unpaired surrogate.
        self._core = _native.Scanner(text.encode(errors="replace"), max_depth)

    def scan(self, batch: Batch) -> Scanned:
        """See `Scanner.scan`."""
        spans, keys = _packed(batch.spans), _packed(batch.keys)
        return Scanned(*self._core.scan(batch.data, spans, keys, depth=batch.depth))

    def read_ahead(
        self, piece: Piece, head: bytes, source: Source
    ) -> Generator[tuple[Batch, Scanned], None, tuple[Piece, bytes]]:
        """See `ReadAhead`."""
        return self._reader.read_ahead(self._core, piece, head, source, Scanned, lambda: 0)


def _stand_back() -> None:
    """Lets the thread work when no other one of its process wants to.

    The others take fragments and write: what they do is short, and these threads wait for it in the
    end. Linux only, where threads have priorities of their own, and 0 is the one that asks: no
    other may be named in a worker's sandbox.
    """
    # Some sandboxes forbid it; the work is the same without.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def _packed(spans: Sequence[Span]) -> _native.Spans:
    return spans if isinstance(spans, _native.Spans) else _native.Spans(list(spans))


def _month_reader(this_year: int) -> Callable[[str], tuple[int, int] | None]:
    """What reads the year and the month of a date that is not as the core reads dates itself."""

    def read_month(text: str) -> tuple[int, int] | None:
        # Not needed where no dates are masked.
        from myd_grpc.convert.dates import read_time  # noqa: PLC0415

        moment = read_time(text, this_year)
        return (moment.year, moment.month) if moment else None

    return read_month


def _fragment(
    base: int,
    entries: Sequence[tuple[bool, int, tuple[str, ...]]],
    origins: Sequence[int],
    rows: Sequence[NativeRows] | _native.FewOfMany,
    columns: tuple[Sequence[tuple[int, bytes]], Sequence[tuple[int, int, int]]],
    records: int,
    is_full: bool,
) -> Fragment:
    kinds, masked = columns
    adopted, counted = [_entry(*entry) for entry in entries], [MaskedCells(*one) for one in masked]
    if isinstance(rows, _native.FewOfMany):
        few, few_kinds = FewRows(rows), FewKinds(rows)
        return Fragment(base, adopted, origins, few, few_kinds, records, is_full, counted, few)
    made, seen = [rows_of(*one) for one in rows], [TableKinds(*one) for one in kinds]
    return Fragment(base, adopted, origins, made, seen, records, is_full, counted)


def _entry(is_table: bool, owner: int, path: tuple[str, ...]) -> Entry:
    return NewTable(owner, path) if is_table else NewColumn(owner, path)
