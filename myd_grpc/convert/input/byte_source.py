"""The seam of input: where the bytes of a file are, as they lie there."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class InputVersion(Struct, frozen=True, array_like=True):
    """What shows that an input file is still the one that it was.

    Whoever writes to it can put its time of modification back, but not that of its last change. In
    object storage it is the `etag` that tells one content from another.
    """

    size: int
    modified_ns: int
    changed_ns: int
    inode: int
    etag: str = ""


class ByteSource(Protocol):
    """The bytes of one file, which may be read in any order.

    All methods raise OSError as the system does; ESTALE where the file has become another one.
    """

    def version(self) -> InputVersion:
        """What the file is at this moment: the same as long as its content is."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """The next `size` bytes from an offset on, fewer at the end."""
        ...

    def close(self) -> None:
        """Lets go of the file."""
        ...


class Inputs(Protocol):
    """Where the files of a job lie, which are opened one after another, or some at once."""

    def open(self, relative: str) -> ByteSource:
        """The file of that name, to be read.

        Raises ConversionError: FILE_NOT_FOUND, or FILE_UNREADABLE for what cannot be read, or must
        not.
        """
        ...

    def close(self) -> None:
        """Opens no more; files that are open stay so."""
        ...
