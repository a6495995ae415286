"""The seam of object storage: what is asked of the objects beneath a location."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from msgspec import Struct


class Found(Struct, frozen=True, tag=True):
    """What an object is at a moment; `etag` is another when its content is, "" if there is none.

    `size` is in bytes, `modified_ns` the time of its making in nanoseconds since 1970.
    """

    size: int
    etag: str
    modified_ns: int


class Listing(Struct, frozen=True, tag=True):
    """Names directly beneath a prefix: of objects, and of what has others beneath it."""

    objects: tuple[str, ...]
    directories: tuple[str, ...]


class Uploaded(Struct, frozen=True, tag=True):
    """What was uploaded: its bytes, and their SHA-256 in hex."""

    size: int
    sha256: str


class ObjectAccess(Protocol):
    """Reads objects, which are named by paths relative to the location.

    Methods raise OSError as `system_errors` does.
    """

    def find(self, path: str) -> Found:
        """What the object is at this moment."""
        ...

    def read(self, path: str, etag: str, offset: int, size: int) -> Future[bytes]:
        """Begins to read a range of the object that has this etag, whatever it is if that is "".

        Several may be under way. What it comes to has `size` bytes, or fewer at the end.
        """
        ...

    def alike(self, directory: str, name: str) -> Listing:
        """What is directly beneath the directory and called so, after NFC at least.

        Of forms that few systems write, it is the first, if it is among the first of so many names.
        The directory "" is the location itself.
        """
        ...
