"""Works ahead of the batch whose turn it is: reads on, and flattens the batches that come after."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from queue import LifoQueue
from typing import Self, TypeVar

from myd_grpc.convert.engine import Batch, Engine, Fragment
from myd_grpc.convert.errors import ConversionError
from myd_grpc.convert.memory import Chunk
from myd_grpc.convert.schema import Entry

_Made = TypeVar("_Made")

# Each is about a batch's worth.
_CHUNKS_AHEAD = 2
_BATCHES_AHEAD = 3

MOST_THREADS = 4
"""Unless more are asked for: each holds a batch and its rows, however many cores there are."""


def usual_threads() -> int:
    """On how many threads engines work when it is not said: memory does not grow with cores."""
    return min(len(os.sched_getaffinity(0)), MOST_THREADS)


_NICE = 10
_HELD_BYTES = 6 << 20
"""Of fragments at a time, but for one, for each thread."""


class Flatteners:
    """Engines of one kind, each on a thread of its own if they can work at the same time.

    Some batches more than there are threads are read ahead, so that none of them has to wait while
    rows are written. A fragment is made for the schema at the time when its batch was read. If it
    has entries of its own and the schema has grown since, it is made once more; otherwise it is
    right as it is, and its rows are at most narrower.
    """

    def __init__(self, make: Callable[[], Engine], threads: int) -> None:
        engine = make()
        self.name = engine.name
        self.cut_off = engine.cut_off
        self.outline = engine.outline
        self.scan = engine.scan
        # The last that was used comes first: engines that are not needed keep no large buffers.
        self._idle = LifoQueue[Engine]()
        self._idle.put(engine)
        self._ahead = self._allowed = self._held_bytes = 0
        self._pool: ThreadPoolExecutor | None = None
        if engine.parallel:
            threads = threads or usual_threads()
            for _ in range(1, threads):
                self._idle.put(make())
            self._ahead = self._allowed = threads + _BATCHES_AHEAD
            self._held_bytes = threads * _HELD_BYTES
            self._pool = ThreadPoolExecutor(threads, "flatten", initializer=_stand_back)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    @contextmanager
    def reading(self, read: Callable[[], Chunk]) -> Iterator[Callable[[], Chunk]]:
        """`read`, called in advance on a thread of its own if engines work on such."""
        if not self._pool:
            yield read
            return
        coming: deque[Future[Chunk]] = deque()
        with ThreadPoolExecutor(1, "read") as reader:

            def next_chunk() -> Chunk:
                while len(coming) <= _CHUNKS_AHEAD:
                    coming.append(reader.submit(read))
                return coming.popleft().result()

            try:
                yield next_chunk
            finally:
                reader.shutdown(cancel_futures=True)

    def in_order(
        self, batches: Iterator[Batch], file: int, entries: Sequence[Entry]
    ) -> Iterator[tuple[Batch, Fragment]]:
        """The batches of file number `file`, each with its fragment for the schema `entries`.

        `entries` grow as the entries of fragments are adopted.
        """
        begin = partial(self._begin, file=file, entries=entries)
        # Until the first fragment shows how much memory they take.
        self._allowed = min(self._ahead, 1)
        for batch, made in self.each(batches, begin):
            fragment = self._current(batch, file, entries, made())
            self._allowed = min(self._ahead, self._held_bytes // _held_by(fragment))
            yield batch, fragment

    def each(
        self, batches: Iterator[Batch], begin: Callable[[Batch], Callable[[], _Made]]
    ) -> Iterator[tuple[Batch, Callable[[], _Made]]]:
        """The batches in order, each with what `begin` answered for it some batches earlier.

        When reading on fails, the batches before come first, since one of them may hold an
        earlier error.
        """
        waiting: deque[tuple[Batch, Callable[[], _Made]]] = deque()
        failure: ConversionError | None = None
        more = True
        while more or waiting:
            try:
                batch = next(batches, None) if more else None
            except ConversionError as error:
                batch, failure = None, error
            if batch:
                waiting.append((batch, begin(batch)))
            more = batch is not None
            while waiting and (len(waiting) > self._allowed or not more):
                yield waiting.popleft()
        if failure:
            raise failure

    def _current(
        self, batch: Batch, file: int, entries: Sequence[Entry], fragment: Fragment
    ) -> Fragment:
        if fragment.entries and fragment.base < len(entries):
            return self._begin(batch, file, entries)()
        return fragment

    def _begin(self, batch: Batch, file: int, entries: Sequence[Entry]) -> Callable[[], Fragment]:
        return self.begin(partial(self._flatten, batch, file, tuple(entries)))

    def begin(self, work: Callable[[], _Made]) -> Callable[[], _Made]:
        """Does something in the background, if there is one; answers how to get the result."""
        return self._pool.submit(work).result if self._pool else work

    def _flatten(self, batch: Batch, file: int, entries: Sequence[Entry]) -> Fragment:
        engine = self._idle.get()
        try:
            return engine.flatten(batch, file, entries)
        finally:
            self._idle.put(engine)


def _stand_back() -> None:
    """Lets the thread work when no other one of its process wants to.

    The others read, cut off and write, one thing after the other, and keep these threads busy: when
    they have to take turns with them, a core is idle now and then. Linux only, where threads have
    priorities of their own.
    """
    # Some sandboxes forbid it; the work is the same without.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _held_by(fragment: Fragment) -> int:
    """About how many bytes a fragment holds, at least one."""
    return 1 + sum(len(rows.data) + 8 * len(rows.ends) for rows in fragment.rows)
