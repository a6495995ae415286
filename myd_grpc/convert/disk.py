"""Files that are appended to in the background, and what it takes to have them survive."""

from __future__ import annotations

import ctypes
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from myd_grpc.failpoints import reach

Appended = tuple[str, Sequence[bytes]]
"""A file's name, and what comes next in it, in pieces."""

_OPEN_FILES = 64
# Of one call: Linux takes up to 1024.
_PIECES = 1000
_SYNCS = 8
# From <linux/fs.h>: begin to write out what is dirty, and do not wait.
_SYNC_FILE_RANGE_WRITE = 2

_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)
if _sync_file_range:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class AppendedFiles:
    """Files of a directory that are appended to; only so many of them are open at a time.

    Writing goes on in a thread, one lot at a time. Its OSError is raised by whichever method
    comes next, and nothing more is written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: OrderedDict[str, int] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "write")
        self._under_way: Future[None] | None = None

    def append(self, lot: Sequence[Appended]) -> None:
        """Begins to append to files, once the lot before is written."""
        self.wait()
        self._under_way = self._thread.submit(self._append_all, lot)

    def wait(self) -> None:
        """Returns when everything is written."""
        if self._under_way:
            self._under_way.result()

    def _append_all(self, lot: Sequence[Appended]) -> None:
        for name, pieces in lot:
            fd = self._opened(name)
            for first in range(0, len(pieces), _PIECES):
                reach("write")
                _write_all(fd, pieces[first : first + _PIECES])
            _begin_writing_back(fd)

    def _opened(self, name: str) -> int:
        fd = self._open.pop(name, None)
        if fd is None:
            if len(self._open) >= _OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            fd = os.open(self._directory / name, flags, 0o666)
        self._open[name] = fd
        return fd

    def close_one(self, name: str) -> None:
        """Closes a file, to which nothing is being written."""
        fd = self._open.pop(name, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        """Closes all files, when the lot under way is written or has failed."""
        self._thread.shutdown()
        while self._open:
            os.close(self._open.popitem()[1])


def _write_all(fd: int, pieces: Sequence[bytes]) -> None:
    """Writes all pieces, without joining them if they can be written at once."""
    written, size = os.writev(fd, pieces), sum(map(len, pieces))
    if written < size:
        view = memoryview(b"".join(pieces))[written:]
        while view:
            view = view[os.write(fd, view) :]


def _begin_writing_back(fd: int) -> None:
    """Lets the disk work while rows are still made, where the system knows how: Linux does.

    It is no sync, and hides no error from the one that follows.
    """
    if _sync_file_range:
        _sync_file_range(fd, 0, 0, _SYNC_FILE_RANGE_WRITE)


def sync(path: Path) -> None:
    """Makes a file's content, or a directory's entries, survive a loss of power."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        reach("sync")
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_all(paths: Iterable[Path]) -> None:
    """Syncs files some at a time: the file system then has one commit for several of them."""
    with ThreadPoolExecutor(_SYNCS) as pool:
        # The answers are asked for, as that raises what went wrong.
        list(pool.map(sync, paths))
