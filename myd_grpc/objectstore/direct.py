"""Objects as this process reads them by itself."""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property
from typing import Any

from myd_grpc.objectstore.access import Found, Listing
from myd_grpc.objectstore.client import open_store, system_errors
from myd_grpc.objectstore.location import Location
from myd_grpc.objectstore.names import has_other_forms, search, usual_forms
from myd_grpc.threads import Threads

_AT_ONCE = 8
"""Requests that are under way at a time: more than are read ahead."""

_LONGEST_KEY = 1024
"""Bytes of UTF-8, to all stores that there are."""

_SORTED = frozenset({"s3", "gs"})
"""Stores of which a list is asked for from a name on; of others, the client reads all before it."""


class DirectAccess:
    """An `ObjectAccess` that asks the store itself."""

    def __init__(self, location: Location) -> None:
        self._location = location

    @cached_property
    def _store(self) -> Any:
        return open_store(self._location)

    @cached_property
    def _threads(self) -> Threads:
        return Threads(_AT_ONCE)

    def find(self, path: str) -> Found:
        """See `ObjectAccess.find`."""
        from obstore import head  # noqa: PLC0415 - of an extra

        if len(self._location.key(path).encode()) > _LONGEST_KEY:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        with system_errors():
            meta = head(self._store, path)
        modified_ns = int(meta["last_modified"].timestamp()) * 1_000_000_000
        return Found(meta["size"], meta["e_tag"] or "", modified_ns)

    def read(self, path: str, etag: str, offset: int, size: int) -> Future[bytes]:
        """See `ObjectAccess.read`."""
        return self._threads.submit(lambda: bytes(self.read_now(path, etag, offset, size)))

    def read_now(self, path: str, etag: str, offset: int, size: int) -> memoryview:
        """What `read` comes to, as the client has it in memory."""
        from obstore import get  # noqa: PLC0415 - of an extra

        condition = {"if_match": etag} if etag else {}
        options: Any = {"range": (offset, offset + size), **condition}
        with system_errors():
            got = get(self._store, path, options=options)
            if etag and got.meta["e_tag"] != etag:  # there are stores that ignore conditions
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            return memoryview(got.bytes())

    def alike(self, directory: str, name: str) -> Listing:
        """See `ObjectAccess.alike`."""
        with system_errors():
            usual = self._beneath(directory, usual_forms(name))
            if usual.objects or usual.directories or not has_other_forms(name):
                return usual
            is_sorted = self._location.scheme in _SORTED
            return search(self._store, directory, name, is_sorted=is_sorted)

    def _beneath(self, directory: str, names: Iterable[str]) -> Listing:
        """Which of these names are directly beneath the directory: none is listed for that."""
        from obstore import head  # noqa: PLC0415 - of an extra
        from obstore import list as list_all  # noqa: PLC0415 - of an extra

        objects, directories = [], []
        for name in names:
            path = posixpath.join(directory, name)
            with suppress(FileNotFoundError):
                head(self._store, path)
                objects.append(name)
            if any(map(len, list_all(self._store, path, chunk_size=1))):
                directories.append(name)
        return Listing(tuple(objects), tuple(directories))
