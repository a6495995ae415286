"""Directories in the output directory to which callers are confined (docs/spec.md 9.3).

They are opened without following links, from a descriptor of the output directory on.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from myd_grpc.beneath import components, open_child
from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.remedies import output_refused

_WHAT = "the directory in which the caller's sets are"


class DirectoryMissingError(ConversionError):
    """A caller's directory is not there: it has not been needed yet, or somebody has removed it."""


@contextmanager
def opened(root: int, inside: str) -> Iterator[int]:
    """A descriptor of the directory `inside`, relative to `root`.

    Raises ConversionError: DirectoryMissingError, or why it cannot be opened.
    """
    fd = _descend(root, inside, make=False)
    try:
        yield fd
    finally:
        os.close(fd)


def make(root: int, inside: str) -> None:
    """Make the directory `inside` where it is missing. Raises ConversionError."""
    os.close(_descend(root, inside, make=True))


def _descend(root: int, inside: str, *, make: bool) -> int:
    directory = os.dup(root)
    try:
        for name in components(inside):
            if name.startswith("."):
                # So do staging directories, and those that nobody owns are removed.
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            if make:
                _make(directory, name)
            child = open_child(directory, name)
            os.close(directory)
            directory = child
    except FileNotFoundError:
        os.close(directory)
        what = f"{_WHAT} is not there; send the request again, and it is made"
        raise DirectoryMissingError(Reason.OUTPUT_UNAVAILABLE, what) from None
    except OSError as error:
        os.close(directory)
        raise output_refused(f"{_WHAT} cannot be opened", error) from None
    return directory


def _make(directory: int, name: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, 0o777, dir_fd=directory)
        os.fsync(directory)
