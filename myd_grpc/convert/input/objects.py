"""An object in object storage as a source of bytes: read by ranges, some of them ahead."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import TypeAlias

from myd_grpc.convert.input.byte_source import InputVersion
from myd_grpc.convert.input.keys import find_object, hidden_in
from myd_grpc.objectstore import reach
from myd_grpc.objectstore.access import Found, ObjectAccess
from myd_grpc.objectstore.client import RANGE_BYTES
from myd_grpc.objectstore.location import Location

_Begin: TypeAlias = Callable[[int, int], Future[bytes]]
"""Begins to read so many bytes from an offset on."""

_AHEAD = 4
"""Ranges that are on their way while one is read."""

_SMALL = 1 << 16
"""Up to so many bytes are a look at some place, and not the way through the file."""


def open_object(
    url: str, relative: str, excluded_dirs: Sequence[str], confined_to: str
) -> ObjectFile:
    """The object `relative`, relative to `confined_to` in the location of a URL, for reading.

    Raises ConversionError as `find_object` does.
    """
    location = Location.parse(url)
    access = reach.inputs(location)
    hidden = hidden_in(location, excluded_dirs)
    return ObjectFile(access, *find_object(access, relative, hidden, confined_to))


class InputObjects:
    """`Inputs` in object storage, opened as `open_object` does."""

    def __init__(self, url: str, excluded_dirs: Sequence[str], confined_to: str) -> None:
        self._url = url
        self._excluded_dirs = excluded_dirs
        self._confined_to = confined_to

    def open(self, relative: str) -> ObjectFile:
        """See `Inputs.open`."""
        return open_object(self._url, relative, self._excluded_dirs, self._confined_to)

    def close(self) -> None:
        """See `Inputs.close`."""


class ObjectFile:
    """The object at a path as it was found: any other version of it is not read, but ESTALE."""

    def __init__(self, access: ObjectAccess, path: str, found: Found) -> None:
        self._access = access
        self._path = path
        self._found = found
        self._just_found: Found | None = found
        self._looked_at = (0, b"")
        self._reading = Lock()
        self._ranges = _Ranges(self._begin, found.size)

    def version(self) -> InputVersion:
        """See `ByteSource.version`; at first that with which it was opened."""
        found, self._just_found = self._just_found or self._access.find(self._path), None
        # The same content, put there again, is no change.
        modified_ns = 0 if found.etag else found.modified_ns
        return InputVersion(found.size, modified_ns, 0, 0, found.etag)

    def read(self, offset: int, size: int) -> bytes:
        """See `ByteSource.read`; one thread at a time does, as stages read ahead on another."""
        size = min(size, self._found.size - offset)
        if size <= 0:
            return b""
        with self._reading:
            start, seen = self._looked_at
            if start <= offset <= offset + size <= start + len(seen):
                return seen[offset - start : offset - start + size]
            if size > _SMALL or self._ranges.hold(offset):
                return self._ranges.read(offset, size)
            return self._look(offset, size)

    def close(self) -> None:
        """See `ByteSource.close`."""
        self._ranges.forget()

    def _begin(self, offset: int, size: int) -> Future[bytes]:
        return self._access.read(self._path, self._found.etag, offset, size)

    def _look(self, offset: int, size: int) -> bytes:
        """A few bytes of some place: the next look is nearby, or at the end of a short file."""
        start = offset if self._found.size > _SMALL else 0
        wanted = min(_SMALL, self._found.size - start)
        seen = _whole(self._begin(start, wanted).result(), wanted)
        self._looked_at = start, seen
        return seen[offset - start : offset - start + size]


class _Ranges:
    """What is read of an object in a row: ranges that are there or on their way, one after another.

    Whoever reads on where it has read before has the next ones begun.
    """

    def __init__(self, begin: _Begin, end: int) -> None:
        self._begin = begin
        self._end = end
        self._coming: deque[tuple[int, int, Future[bytes]]] = deque()
        self._read_to = -1

    def hold(self, offset: int) -> bool:
        """Whether the byte at an offset is there or on its way."""
        return bool(self._coming) and self._coming[0][0] <= offset < self._coming[-1][1]

    def read(self, offset: int, size: int) -> bytes:
        """So many bytes, which are not beyond the end."""
        goes_on = self._read_to - _SMALL <= offset <= self._read_to
        while self._coming and self._coming[0][1] <= offset:
            self._coming.popleft()
        if not self.hold(offset):
            self.forget()
        self._begin_up_to(offset, size, _AHEAD if goes_on else 0)
        self._read_to = offset + size
        try:
            return self._taken(offset, size)
        except OSError:
            self.forget()
            raise

    def forget(self) -> None:
        """Want none of what is on its way any more."""
        for _, _, data in self._coming:
            data.cancel()
        self._coming.clear()

    def _begin_up_to(self, offset: int, size: int, ahead: int) -> None:
        """Begin what is needed of these bytes, and `ahead` ranges beyond them."""
        start = self._coming[-1][1] if self._coming else offset
        wanted = offset + size
        beyond = sum(first >= wanted for first, _, _ in self._coming)
        while start < self._end and (start < wanted or beyond < ahead):
            beyond += start >= wanted
            # Without anything ahead, no more than is asked for.
            end = min(start + RANGE_BYTES, self._end if ahead else min(wanted, self._end))
            self._coming.append((start, end, self._begin(start, end - start)))
            start = end

    def _taken(self, offset: int, size: int) -> bytes:
        pieces = []
        for start, end, data in self._coming:
            if start >= offset + size:
                break
            came, first = _whole(data.result(), end - start), max(offset - start, 0)
            pieces.append(came[first : min(end, offset + size) - start])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _whole(came: bytes, wanted: int) -> bytes:
    if len(came) != wanted:
        raise OSError(errno.ESTALE, "shorter than it was")
    return came
