"""Why a conversion fails: the reasons of a FAILED job that lie in its files, output or limits."""

from __future__ import annotations

import errno
import os
from enum import StrEnum


class Reason(StrEnum):
    """The `reason` of a FAILED job (docs/spec.md 1.6)."""

    FILE_NOT_FOUND = "FILE_NOT_FOUND"
    FILE_UNREADABLE = "FILE_UNREADABLE"
    WRONG_KEY = "WRONG_KEY"
    INVALID_JSON = "INVALID_JSON"
    RECORD_PATH_NOT_FOUND = "RECORD_PATH_NOT_FOUND"
    OUTPUT_UNAVAILABLE = "OUTPUT_UNAVAILABLE"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    DISK_FULL = "DISK_FULL"
    CANCELLED = "CANCELLED"
    INTERRUPTED = "INTERRUPTED"
    WORKER_DIED = "WORKER_DIED"
    INTERNAL = "INTERNAL"


MOST_BYTES = 8192
"""Longest message of a failure: one about the longest path that a system takes is shorter."""


class ConversionError(Exception):
    """A conversion cannot go on.

    `message` is one line for a person. It may name files (relative to the data directory), tables,
    record numbers and byte offsets; never a key or the content of a record.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        self.message = shortened(one_line(message), MOST_BYTES)
        super().__init__(self.message)


class FlawError(ConversionError):
    """The text of the file `name` is no JSON, or not of the layout that was asked for.

    `what` is wrong, in the record of that number, 0 if in none, at a byte `offset` of the text if
    that is known. Unless `is_explained`, it says no more than this, and what was expected.
    """

    def __init__(
        self,
        name: str,
        what: str,
        *,
        record: int = 0,
        offset: int | None = None,
        is_explained: bool = True,
    ) -> None:
        super().__init__(Reason.INVALID_JSON, f"{name}: {what}")
        self.name = name
        self.what = what
        self.record = record
        self.offset = offset
        self.is_explained = is_explained


class ShortageError(ConversionError):
    """Something is lacking on this machine for a moment: the same may go well later."""


_SHORTAGES = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EREMOTEIO, errno.ENOKEY}
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# What no file on a disk is refused for: see `objectstore.client`.
_OF_OBJECT_STORAGE = {
    errno.EREMOTEIO: "object storage cannot be reached, or does not answer",
    errno.EKEYREJECTED: "object storage refuses access: credentials are wrong, or lack a right",
    errno.ENOKEY: "there are no credentials for object storage where this runs",
    errno.ENOMEDIUM: "object storage has no such bucket",
}


def refused(reason: Reason, what: str, error: OSError) -> ConversionError:
    """What to raise when the system refuses something; `what` says in words what it was."""
    kind = ShortageError if error.errno in _SHORTAGES else ConversionError
    return kind(reason, f"{what}: {why(error)}")


def why(error: OSError) -> str:
    """What the system says of an error, without the path that it was about."""
    if said := _OF_OBJECT_STORAGE.get(error.errno or 0):
        return said
    return os.strerror(error.errno or 0).lower()


def is_full(error: OSError) -> bool:
    """Whether there is no room: on the disk, in a quota, or below the largest size of a file."""
    return error.errno in _FULL


def one_line(text: str) -> str:
    """`text` as a message may have it: a file name may hold a line break."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def shortened(text: str, most_bytes: int) -> str:
    """`text` in about so many bytes of UTF-8: its middle is left out, not its beginning or end.

    A message begins with the file's name, however long that is, and ends with what is wrong.
    """
    data = text.encode()
    if len(data) <= most_bytes:
        return text
    half = most_bytes // 2
    return f"{data[:half].decode(errors='ignore')}…{data[-half:].decode(errors='ignore')}"
