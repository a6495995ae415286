"""Files that are appended to in the background, and what it takes to have them survive."""

from __future__ import annotations

import errno
import mmap
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path

from myd_grpc.failpoints import reach
from myd_grpc.threads import Threads

Append = tuple[str, Sequence[bytes | memoryview]]
"""A file's name, and what comes next in it, in pieces."""

DIRECT_BYTES = 64 << 10
"""Bytes from which on an append is written directly to the disk.

To wait for the disk with less costs more than to copy it into the page cache.
"""

_WRITERS = 4
_IDLE_FILES = 64
_PIECES = 1000
"""Pieces in one call of pwritev(2), where Linux takes up to 1024."""
_SYNCS = 8
_BLOCK = 4096
"""Bytes of a block as any usual disk takes it, which is also a memory page."""
_BUFFER_BYTES = 1 << 20
_NO_BUFFER = memoryview(b"")
"""For appends that are not written directly."""
# Linux has this, and only some of its file systems take it.
_DIRECT = getattr(os, "O_DIRECT", 0)


class AppendOnlyFiles:
    """Files of a directory that are appended to; only so many of them are open at a time.

    Writing goes on in threads, for one call of `append` at a time and some of its files at once:
    disks are fast when they have several things to do. What is little is written right away. An
    OSError is raised by whichever method comes next, and nothing more is written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._idle = OrderedDict[str, _File]()
        self._lock = threading.Lock()
        self._pool: Threads | None = None
        self._under_way: list[Future[None]] = []
        self._failure: OSError | None = None

    def append(self, appends: Sequence[Append], *, is_last: bool = False) -> None:
        """Begins to append to files, each of them once, when what came before is written.

        What is the last is taken meanwhile; all else waits, so that no more is held.
        """
        before = self._under_way
        if not is_last or all(one.done() for one in before):
            self._wait()
            before = []
        rest = iter(appends)
        if not before and sum(_size(pieces) for _, pieces in appends) < DIRECT_BYTES:
            # To begin a thread takes longer than to copy that.
            try:
                self._append_some(rest, _NO_BUFFER)
            except OSError as error:
                self._failure = error
                if is_last:
                    raise
            return
        # Threads that do not wait for the disk would be in each other's way.
        threads = sum(_is_direct(pieces) for _, pieces in appends) or 1
        # Small sets need no threads, and to make what holds them takes a while.
        pool = self._pool = self._pool or Threads(_WRITERS, "write")
        begun = [
            pool.submit(self._append_after, before, rest, buffer)
            for buffer in self._buffers[:threads]
        ]
        self._under_way = before + begun

    def begin(self, write: Callable[[], None]) -> None:
        """Begins to write what is no append to an open file, when what came before is written."""
        self._wait()
        pool = self._pool = self._pool or Threads(_WRITERS, "write")
        self._under_way = [pool.submit(_reached, write)]

    @cached_property
    def _buffers(self) -> Sequence[memoryview]:
        return [_new_buffer() for _ in range(_WRITERS)]

    def drain(self) -> None:
        """Returns when nothing is being written."""
        self._wait()

    def flush(self) -> None:
        """Returns when the files hold all that was appended."""
        self._wait()
        for file in self._idle.values():
            file.flush()

    def _wait(self) -> None:
        for writing in self._under_way:
            writing.result()
        if self._failure:
            raise self._failure

    def _append_after(
        self, before: Sequence[Future[None]], rest: Iterator[Append], buffer: memoryview
    ) -> None:
        """Appends when what was begun before is written, which no later thread is needed for."""
        for one in before:
            one.result()
        self._append_some(rest, buffer)

    def _append_some(self, rest: Iterator[Append], buffer: memoryview) -> None:
        """Appends to whatever files no other thread has come to."""
        for name, pieces in rest:
            with self._borrowed(name) as file:
                reach("write")
                file.append(pieces, buffer)

    @contextmanager
    def _borrowed(self, name: str) -> Iterator[_File]:
        """An open file, nobody else's meanwhile."""
        with self._lock:
            file = self._idle.pop(name, None)
        file = file or _File(self._directory / name)
        try:
            yield file
        except BaseException:
            file.close()
            raise
        with self._lock:
            self._idle[name] = file
            if len(self._idle) > _IDLE_FILES:
                # Within the lock: whoever opens it next must find all that was appended.
                self._put_away(self._idle.popitem(last=False)[1])

    def _put_away(self, file: _File) -> None:
        try:
            file.flush()
        finally:
            file.close()

    def put_away(self, name: str) -> None:
        """Closes a file that holds all that was appended then; nothing is being written to it."""
        file = self._idle.pop(name, None)
        if file:
            self._put_away(file)

    def close_one(self, name: str) -> None:
        """Closes a file, to which nothing is being written."""
        file = self._idle.pop(name, None)
        if file:
            file.close()

    def close(self) -> None:
        """Closes all files, flushed or not, when what is being written has been, or has failed."""
        if self._pool:
            self._pool.shutdown()
        while self._idle:
            self._idle.popitem()[1].close()


def _reached(write: Callable[[], None]) -> None:
    reach("append")
    write()


class _File:
    """A file that is appended to.

    Large appends are written in whole blocks, directly from a buffer to the disk (open(2),
    O_DIRECT): that takes the processor a fraction of the time which a copy into the page cache
    does, and no sync has to wait for it. Small ones and the rest of a block go through the page
    cache, as everything does where the file system has no other way.
    """

    def __init__(self, path: Path, flags: int = 0) -> None:
        self._path = path
        self._cached = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o666)
        self._direct: int | None = None
        self._size = os.fstat(self._cached).st_size
        # Less than a block, to come after whole ones.
        self._pending = b""

    def append(self, pieces: Sequence[bytes | memoryview], buffer: memoryview) -> None:
        """Appends pieces; a part of a block may be left for the next time, or `flush`."""
        if _is_direct(pieces):
            self._append_blocks(pieces, buffer)
        else:
            self._append_cached((self._pending, *pieces))

    def fill(self, pieces: Iterable[bytes | memoryview], buffer: memoryview) -> int:
        """Writes all of a file that was empty; answers how long it is."""
        for text in _poured(pieces, buffer):
            if _is_direct((text,)):
                self._write_whole_blocks(text)
            else:
                self._append_cached((text,))
        self.flush()
        return self._size

    def flush(self) -> None:
        """Writes what is left."""
        if self._pending:
            self._append_cached((self._pending,))

    def close(self) -> None:
        """Closes the file, flushed or not."""
        os.close(self._cached)
        if self._direct is not None:
            os.close(self._direct)

    def _append_blocks(self, pieces: Sequence[bytes | memoryview], buffer: memoryview) -> None:
        begun = self._size % _BLOCK
        self._size -= begun
        head = os.pread(self._cached, begun, self._size) if begun else self._pending
        for text in _poured((head, *pieces), buffer):
            self._write_whole_blocks(text)

    def _write_whole_blocks(self, text: memoryview) -> None:
        whole = len(text) - len(text) % _BLOCK
        self._write_blocks(text[:whole])
        self._pending = bytes(text[whole:])

    def _write_blocks(self, blocks: memoryview) -> None:
        try:
            reach("direct")
            if self._direct is None:
                self._direct = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC | _DIRECT)
            _write_all(self._direct, blocks, self._size)
        except OSError as error:
            # The file system has no direct writing, or larger blocks.
            if error.errno != errno.EINVAL:
                raise
            _write_all(self._cached, blocks, self._size)
        self._size += len(blocks)

    def _append_cached(self, pieces: Sequence[bytes | memoryview]) -> None:
        for first in range(0, len(pieces), _PIECES):
            some = pieces[first : first + _PIECES]
            size = _size(some)
            written = os.pwritev(self._cached, some, self._size)
            if written < size:
                rest = memoryview(b"".join(some))[written:]
                _write_all(self._cached, rest, self._size + written)
            self._size += size
        self._pending = b""


def write(path: Path, pieces: Iterable[bytes | memoryview]) -> int:
    """Writes a new file as `AppendOnlyFiles` writes large appends; answers how long it is."""
    file = _File(path, os.O_EXCL)
    try:
        return file.fill(pieces, _new_buffer())
    finally:
        file.close()


def _new_buffer() -> memoryview:
    """Memory that begins where a page does."""
    return memoryview(mmap.mmap(-1, _BUFFER_BYTES))


def _size(pieces: Sequence[bytes | memoryview]) -> int:
    return sum(map(len, pieces))


def _is_direct(pieces: Sequence[bytes | memoryview]) -> bool:
    return bool(_DIRECT) and _size(pieces) >= DIRECT_BYTES


def _poured(pieces: Iterable[bytes | memoryview], buffer: memoryview) -> Iterator[memoryview]:
    """Copies pieces one after another, and yields as much at a time as the buffer holds."""
    used = 0
    for piece in pieces:
        rest = memoryview(piece)
        while used + len(rest) >= len(buffer):
            fitting = len(buffer) - used
            buffer[used:] = rest[:fitting]
            yield buffer
            rest, used = rest[fitting:], 0
        buffer[used : used + len(rest)] = rest
        used += len(rest)
    yield buffer[:used]


def _write_all(fd: int, text: memoryview, offset: int) -> None:
    while text:
        written = os.pwrite(fd, text, offset)
        text, offset = text[written:], offset + written


def write_whole(path: str, text: bytes) -> None:
    """Writes a small file, in the place of one that is there."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(fd, rest) :]
    finally:
        os.close(fd)


def sync(path: str | Path) -> None:
    """Makes a file's content, or a directory's entries, survive a loss of power."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        reach("sync")
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_all(paths: Iterable[str | Path]) -> None:
    """Syncs files some at a time: the file system then has one commit for several of them."""
    todo = list(paths)
    rest = iter(todo)
    # Each takes what no other has come to: to hand them over one by one takes longer than that.
    helpers = min(_SYNCS, len(todo)) - 1
    syncing = [_sync_threads().submit(_sync_some, rest) for _ in range(helpers)]
    try:
        _sync_some(rest)
    finally:
        # One that has not begun by now finds nothing to do.
        begun = [one for one in syncing if not one.cancel()]
        wait(begun)
    for one in begun:
        one.result()  # raises what went wrong


@cache
def _sync_threads() -> Threads:
    """Threads that stay: to begin them takes longer than to sync a few small files."""
    return Threads(_SYNCS - 1, "sync")


def _sync_some(rest: Iterator[str | Path]) -> None:
    for path in rest:
        sync(path)
