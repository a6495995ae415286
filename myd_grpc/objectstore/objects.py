"""Objects beneath a location as whoever publishes sets reads, writes and removes them."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from io import RawIOBase
from typing import Any

from myd_grpc.objectstore.access import Uploaded
from myd_grpc.objectstore.client import RANGE_BYTES, open_store, system_errors
from myd_grpc.objectstore.location import Location

_RANGES_AT_ONCE = 2
"""Of one file; several files are uploaded at once."""

_PROBE = ".myd-probe-"

NOT_AS_WANTED = frozenset({errno.EEXIST, errno.ESTALE, errno.ENOENT})
"""How a store refuses to write where it is not as the condition says."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it was found, and when it was made, in epoch seconds of the store's clock.

    `etag` and `version` tell this content of it from any other.
    """

    data: bytes
    etag: str | None
    version: str | None
    modified: float


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a list, and when it was made, in epoch seconds."""

    path: str
    modified: float


class Objects:
    """The objects beneath a location, named by paths relative to it.

    Methods block, and raise OSError as `system_errors` does.
    """

    def __init__(self, location: Location) -> None:
        self._location = location

    @cached_property
    def _store(self) -> Any:
        return open_store(self._location)

    def holds(self, path: str) -> bool:
        """Whether there is such an object."""
        from obstore import head  # noqa: PLC0415 - of an extra

        with suppress(FileNotFoundError), system_errors():
            head(self._store, path)
            return True
        return False

    def read(self, path: str) -> Seen | None:
        """The whole object; None when there is none."""
        from obstore import get  # noqa: PLC0415 - of an extra

        with suppress(FileNotFoundError), system_errors():
            got = get(self._store, path)
            data, modified = bytes(got.bytes()), got.meta["last_modified"].timestamp()
            return Seen(data, got.meta["e_tag"], got.meta["version"], modified)
        return None

    def write(self, path: str, data: bytes) -> None:
        """Write an object, whatever was there."""
        self._put(path, data, "overwrite")

    def create(self, path: str, data: bytes) -> None:
        """Write an object that is not there yet; FileExistsError where one is."""
        self._put(path, data, "create")

    def replace(self, path: str, data: bytes, seen: Seen) -> None:
        """Write an object that is still as it was seen; ESTALE, or ENOENT, where it is not.

        ENOTSUP where the store does not tell its versions apart.
        """
        version = {"e_tag": seen.etag, "version": seen.version}
        known = {name: value for name, value in version.items() if value}
        if not known:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        self._put(path, data, known)

    def delete(self, path: str) -> None:
        """Remove an object, if it is there."""
        from obstore import delete  # noqa: PLC0415 - of an extra

        with suppress(FileNotFoundError), system_errors():
            delete(self._store, path)

    def directories(self, path: str) -> list[str]:
        """The names directly beneath a path, "" for the location, that have objects beneath."""
        from obstore import list_with_delimiter  # noqa: PLC0415 - of an extra

        with system_errors():
            found = list_with_delimiter(self._store, path or None)
        return [one.rpartition("/")[2] for one in found["common_prefixes"]]

    def all(self) -> Iterator[Listed]:
        """Every object, in any order: there may be millions."""
        from obstore import list as list_all  # noqa: PLC0415 - of an extra

        with system_errors():
            for some in list_all(self._store):
                for one in some:
                    yield Listed(one["path"], one["last_modified"].timestamp())

    def upload(self, path: str, fd: int, is_wanted: Callable[[], bool]) -> Uploaded:
        """Make an object of the file whose descriptor is `fd`, and see that it is all there.

        Raises InterruptedError when it is not wanted any more, after which there is no such object.
        """
        from obstore import head, put  # noqa: PLC0415 - of an extra

        size, file = os.fstat(fd).st_size, _Reading(fd, is_wanted)
        with system_errors():
            try:
                put(
                    self._store,
                    path,
                    file if size > RANGE_BYTES else file.read(RANGE_BYTES),
                    use_multipart=size > RANGE_BYTES,
                    chunk_size=RANGE_BYTES,
                    max_concurrency=_RANGES_AT_ONCE,
                )
            except Exception as error:  # noqa: BLE001 - it is raised again
                # What reading raises, the client raises as another error.
                raise file.failure or error from None
            there = head(self._store, path)["size"]
        if not there == file.position == size:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return Uploaded(size, file.sha256.hexdigest())

    def now(self) -> float:
        """What the store's clock says, by which all its objects are dated, in epoch seconds."""
        path = f"{_PROBE}{secrets.token_hex(8)}"
        self.write(path, b"")
        try:
            return self._seen(path).modified
        finally:
            self.delete(path)

    def check_readable(self) -> None:
        """Raise what keeps this process from knowing which objects there are."""
        from obstore import list as list_all  # noqa: PLC0415 - of an extra

        with system_errors():
            next(iter(list_all(self._store, chunk_size=1)), None)

    def ignored_conditions(self) -> list[str]:
        """The conditions of `create` and `replace` that the store does not keep to, by their names.

        One that takes a condition for wrong when it holds does not keep to it either.
        """
        path = f"{_PROBE}{secrets.token_hex(8)}"
        self.write(path, b"1")
        try:
            older = self._seen(path)
            self.write(path, b"2")
            newer = self._seen(path)
            keeps_changed = _is_refused(lambda: self.replace(path, b"3", older))
            replaces = keeps_changed and not _is_refused(lambda: self.replace(path, b"3", newer))
            keeps_existing = _is_refused(lambda: self.create(path, b"4"))
        finally:
            self.delete(path)
        kept = {"If-None-Match": keeps_existing, "If-Match": replaces}
        return [name for name, is_kept in kept.items() if not is_kept]

    def _seen(self, path: str) -> Seen:
        """An object that was just written."""
        if (seen := self.read(path)) is None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return seen

    def _put(self, path: str, data: bytes, mode: Any) -> None:
        from obstore import put  # noqa: PLC0415 - of an extra

        with system_errors():
            put(self._store, path, data, mode=mode, use_multipart=False)


def _is_refused(write: Callable[[], None]) -> bool:
    """Whether a store refuses to write as its condition does not hold. Raises OSError."""
    try:
        write()
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return False
        if error.errno not in NOT_AS_WANTED:
            raise
        return True
    return False


class _Reading(RawIOBase):
    """Reads a file once from its beginning, and hashes what it has read."""

    def __init__(self, fd: int, is_wanted: Callable[[], bool]) -> None:
        super().__init__()
        self.position = 0
        self.sha256 = hashlib.sha256()
        self.failure: OSError | None = None
        self._fd = fd
        self._is_wanted = is_wanted

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer than `size` only at the end."""
        try:
            return self._read(size)
        except OSError as error:
            self.failure = error
            raise

    def _read(self, size: int) -> bytes:
        pieces, left = list[bytes](), size
        while left and (piece := os.pread(self._fd, left, self.position)):
            if not self._is_wanted():
                raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
            self.sha256.update(piece)
            self.position += len(piece)
            left -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)
