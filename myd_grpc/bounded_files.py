"""Files that an operator names in a setting, and that are small when they are the right ones."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeAlias

from myd_grpc.convert.errors import why

Version: TypeAlias = tuple[int, ...]


class SettingsFileError(Exception):
    """A file that a setting names cannot be used; the text says of each place what is wrong."""


class UnfitFileError(Exception):
    """A file cannot be what a setting wants; the text says why, and goes after its path."""


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """All of a file that is as small as it should be. Raises UnfitFileError."""
    try:
        # Without O_NONBLOCK, a FIFO would be waited for, and so would all that looks after streams.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise UnfitFileError("is not a regular file")
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise UnfitFileError(f"cannot be read: {why(error)}") from None
    if len(data) > most_bytes:
        raise UnfitFileError(f"has more than {most_bytes} bytes")
    return data


def version_of(path: Path) -> Version:
    """What is another when the file is another, or was written; () where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
