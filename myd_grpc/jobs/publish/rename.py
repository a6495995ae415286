"""Linux's renameat2: renaming that never replaces, and exchanging two names in one step."""

from __future__ import annotations

import ctypes
import errno
import os

_NOREPLACE = 1
_EXCHANGE = 2

# What the kernel, the C library or the filesystem answers when it does not know the flag.
NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})


def rename_new(directory: int, source: str, target: str) -> None:
    """Rename within `directory` (a descriptor); raises FileExistsError when `target` exists."""
    _renameat2(directory, source, target, _NOREPLACE)


def exchange(directory: int, one: str, other: str) -> None:
    """Let two existing names in `directory` (a descriptor) change places in one step."""
    _renameat2(directory, one, other, _EXCHANGE)


def _renameat2(directory: int, source: str, target: str, flags: int) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if function(directory, os.fsencode(source), directory, os.fsencode(target), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
