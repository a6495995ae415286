"""Small files of sets that follow one another, written while the next sets are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from myd_grpc.convert.output import disk
from myd_grpc.failpoints import reach

WholeFile = tuple[str, bytes]
"""A file's path, and all that is to be in it."""

MOST_BYTES = 64 << 10
"""Bytes of a file up to which it is small: more would wait in memory, and goes to the disk."""

_WAITING_BYTES = 4 << 20
"""What waits to be written at most, or the files of one call."""

_THREADS = 2
"""Where sets are made faster than a file system makes their files, one would be waited for."""

_AT_A_TIME = 32
_BYTES_AT_A_TIME = 256 << 10
"""Files, and what is in them, from which on they are handed over: to wake who writes takes time."""


class _Core(Protocol):
    """What writes files: after a failure none, and it raises that OSError with each call."""

    def write(self, files: Sequence[WholeFile]) -> None: ...
    def drain(self) -> None: ...
    def close(self) -> None: ...


def write_at_once(files: Sequence[WholeFile]) -> None:
    """Writes files as wholes, each in the place of one that is there; raises OSError."""
    for path, text in files:
        reach("write")
        disk.write_whole(path, text)


class _AtOnce:
    """Writes files at once, where there is no compiled core."""

    def write(self, files: Sequence[WholeFile]) -> None:
        for path, text in files:
            disk.write_whole(path, text)

    def drain(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is left."""


class SmallFiles:
    """Writes files as wholes, each in the place of one that is there.

    They need not be there before `drain` returns. Methods raise OSError as the file system does,
    be it of a file that an earlier call was given.
    """

    def __init__(self) -> None:
        self._core: _Core = _MADE[-1]()
        self._gathered: list[WholeFile] = []
        self._bytes = 0
        self._most = _AT_A_TIME

    def write_at_once(self) -> None:
        """Lets none wait, as where to close a file tells of what a sync does not (NFS)."""
        self._core.close()
        self._core = _AtOnce()
        self._most = 1

    def write(self, files: Sequence[WholeFile]) -> None:
        """Has files written, in a directory in this order; waits where too much waits already."""
        for _ in files:
            reach("write")
        self._gathered += files
        self._bytes += sum(len(text) for _, text in files)
        if len(self._gathered) >= self._most or self._bytes >= _BYTES_AT_A_TIME:
            self._hand_over()

    def drain(self) -> None:
        """Returns when all files are as they are to be."""
        self._hand_over()
        self._core.drain()

    def _hand_over(self) -> None:
        gathered, self._gathered, self._bytes = self._gathered, [], 0
        self._core.write(gathered)

    def close(self) -> None:
        """Writes no more: what is not drained may be missing."""
        self._core.close()


_MADE: list[Callable[[], _Core]] = [_AtOnce]
try:
    from myd_grpc import _native
except ImportError:
    pass
else:
    _MADE.append(lambda: _native.SmallFiles(_WAITING_BYTES, _THREADS))
