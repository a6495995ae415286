"""Objects as this process reads them by itself."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any
from unicodedata import normalize

from myd_grpc.objectstore.access import Found, Listing
from myd_grpc.objectstore.client import open_store, system_errors
from myd_grpc.objectstore.location import Location

_AT_ONCE = 8
"""Requests that are under way at a time: more than are read ahead."""

_LONGEST_KEY = 1024
"""Bytes of UTF-8, to all stores that there are."""


class DirectAccess:
    """An `ObjectAccess` that asks the store itself."""

    def __init__(self, location: Location) -> None:
        self._location = location

    @cached_property
    def _store(self) -> Any:
        return open_store(self._location)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_AT_ONCE)

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
        from obstore import list_with_delimiter  # noqa: PLC0415 - of an extra

        with system_errors():
            found = list_with_delimiter(self._store, directory or None)
        return Listing(
            _alike(name, (one["path"] for one in found["objects"])),
            _alike(name, found["common_prefixes"]),
        )


def _alike(name: str, paths: Iterable[str]) -> tuple[str, ...]:
    """The last components of the paths that equal the name after NFC."""
    wanted = normalize("NFC", name)
    names = (path.rpartition("/")[2] for path in paths)
    return tuple(one for one in names if normalize("NFC", one) == wanted)
