"""The file system that a set is written in: one call to it syncs all files, if that pays."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from myd_grpc.convert.output import disk
from myd_grpc.failpoints import reach

MANY = 256
"""Files from which on the file system is synced as a whole, whatever else waits to be written.

That is waited for, too, be it others'; each of so many files takes a commit of its own, or a part
of one, and many times the processor's time.
"""
SEVERAL = 3
"""Files from which on that is done where little else waits: as for the set of a small job."""
LITTLE_BYTES = 32 << 20
"""What the machine may still have to write, to whatever file system, that is little."""

# Those whose syncfs(2) writes all data and commits it, and says so where that failed (statfs(2)).
_TRUSTED = {
    0xEF53: "ext4",  # which also reads ext2 and ext3
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0x01021994: "tmpfs",
}
_REPORTS_ERRORS = (5, 8)
"""The first Linux whose syncfs(2) reports that data could not be written back."""
_STATFS_BYTES = 512
"""More than a `struct statfs` has."""
_MACHINES = {"x86_64", "aarch64"}
"""Those on which a `struct statfs` is known to begin with the type, as a word."""
_NOT_TO_BE_HAD = {errno.ENOSYS, errno.EPERM}
_UNWRITTEN = re.compile(r"^(?:Dirty|Writeback): *(\d+) kB$", re.MULTILINE)
_MEMORY_BYTES = 1 << 14
"""More than the kernel has to tell of the machine's memory."""


class FileSystem:
    """The file system of a directory, which is opened before what is synced there is written.

    Whatever could not be written back since it was opened is an error of the next sync. Each opened
    one is told of it, once.
    """

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._may_sync_whole = _is_trusted(self._fd)

    @property
    def is_trusted(self) -> bool:
        """Whether a sync tells of all that could not be written, and to close a file of nothing."""
        return self._may_sync_whole

    def sync(self, paths: Sequence[str | Path]) -> None:
        """Makes files and directories of this file system survive a loss of power.

        Raises OSError; they are lost then, as no other sync may tell.
        """
        if not self._may_sync_whole or not _pays(len(paths)):
            disk.sync_all(paths)
            return
        reach("sync")
        try:
            _syncfs(self._fd)
        except OSError as error:
            if error.errno not in _NOT_TO_BE_HAD:
                raise
            self._may_sync_whole = False  # nothing was done, as in a sandbox without the call
            disk.sync_all(paths)

    def close(self) -> None:
        """Closes it."""
        os.close(self._fd)


def _pays(files: int) -> bool:
    """Whether to sync the file system takes less than to sync so many files of it."""
    return files >= MANY or (files >= SEVERAL and unwritten_bytes() <= LITTLE_BYTES)


def unwritten_bytes() -> int:
    """Bytes in memory that the machine has still to write to any file system.

    A great many where the kernel does not tell (proc(5), meminfo).
    """
    fd = _memory()
    if fd is None:
        return sys.maxsize
    told = os.pread(fd, _MEMORY_BYTES, 0).decode()
    return sum(1024 * int(kib) for kib in _UNWRITTEN.findall(told))


@cache
def _memory() -> int | None:
    """The file of that: opened once, as a worker cannot open it any more when it needs it."""
    try:
        return os.open("/proc/meminfo", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _is_trusted(fd: int) -> bool:
    """Whether one call is as good as a sync of each file, on this machine and file system."""
    if sys.platform != "linux" or os.uname().machine not in _MACHINES:
        return False
    version = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if not version or (int(version[1]), int(version[2])) < _REPORTS_ERRORS:
        return False
    return _type_of(fd) in _TRUSTED


def _type_of(fd: int) -> int:
    """What kind of file system a file is in, as statfs(2) has it; 0 where it does not say."""
    status = (ctypes.c_long * (_STATFS_BYTES // ctypes.sizeof(ctypes.c_long)))()
    return 0 if _library().fstatfs(fd, status) else int(status[0])


def _syncfs(fd: int) -> None:
    """Python has no function for it: `os.sync` is for all file systems, and reports nothing."""
    if _library().syncfs(fd):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
