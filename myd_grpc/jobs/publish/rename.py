"""Renaming, also so that nothing is ever replaced, or two names are exchanged (renameat2(2))."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

_NOREPLACE = 1
_EXCHANGE = 2

# What the kernel, the C library or the filesystem answers when it does not know the flag.
NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})


def rename(directory: int, source: str, target: str) -> None:
    """Rename within `directory` (a descriptor), replacing what may be replaced."""
    with _unless_done(directory, (source, target)):
        os.rename(source, target, src_dir_fd=directory, dst_dir_fd=directory)


def rename_new(directory: int, source: str, target: str) -> None:
    """Rename within `directory` (a descriptor); raises FileExistsError when `target` exists."""
    with _unless_done(directory, (source, target)):
        _renameat2(directory, source, target, _NOREPLACE)


def exchange(directory: int, one: str, other: str) -> None:
    """Let two existing names in `directory` (a descriptor) change places in one step."""
    with _unless_done(directory, (one, other), (other, one)):
        _renameat2(directory, one, other, _EXCHANGE)


@contextmanager
def _unless_done(directory: int, *moves: tuple[str, str]) -> Iterator[None]:
    """Suppress an OSError where each source has become its target all the same.

    A file server that was started again is asked anew for what it did when its answer was lost,
    and then finds nothing to be renamed.
    """
    wanted: dict[str, tuple[int, int] | None] = dict.fromkeys(source for source, _ in moves)
    wanted |= {target: _identity(directory, source) for source, target in moves}
    try:
        yield
    except OSError as error:
        if error.errno in NOT_SUPPORTED:
            raise
        # NFS believes what it knows of a directory for a while, unless that is opened.
        os.close(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory))
        if None in (wanted[target] for _, target in moves):
            raise
        if any(_identity(directory, name) != identity for name, identity in wanted.items()):
            raise


def _identity(directory: int, name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _renameat2(directory: int, source: str, target: str, flags: int) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if function(directory, os.fsencode(source), directory, os.fsencode(target), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
