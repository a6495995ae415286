"""Locks on directories: whoever holds the descriptor has the lock, and it goes with its process."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_S = 0.02
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}

LOCK_FILE = ".myd.lock"
"""In a directory that several machines see: there, only a file's lock holds between them."""

_SHARED = re.compile(
    r"nfs4?|cifs|smb3|smbfs|ceph|lustre|beegfs|gpfs|gfs2|ocfs2|9p|virtiofs|fuse\..*"
)
"""Types of file systems, as the kernel names them, that may be on several machines at once."""


def lock(fd: int, deadline: float = 0.0) -> bool:
    """Lock what the descriptor is of; False when another still holds it at `deadline`.

    The deadline is monotonic time; without one, there is one try. Raises OSError where the file
    system has no locks.
    """
    while not _locked(fd):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)
    return True


@contextmanager
def locked_among_machines(directory: int) -> Iterator[bool | None]:
    """Lock a directory, by a descriptor of it, against other machines meanwhile.

    Yields False when another has it, and None where the file system is this machine's alone or has
    no such locks. NFS locks directories on each machine by itself (flock(2)), so that it takes a
    file, which stays.
    """
    if not is_shared(directory):
        yield None
        return
    fd = os.open(
        LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory
    )
    try:
        yield _lock_if_it_can_be(fd)
    finally:
        os.close(fd)


def _lock_if_it_can_be(fd: int) -> bool | None:
    try:
        return lock(fd)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return None


def is_shared(fd: int) -> bool:
    """Whether what the descriptor is of may be in use by other machines at the same time."""
    device = os.fstat(fd).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with Path("/proc/self/mountinfo").open(encoding="utf-8", errors="replace") as mounts:
        return any(_device(line) == wanted and _SHARED.fullmatch(_type(line)) for line in mounts)


def _device(mount: str) -> str:
    """See proc_pid_mountinfo(5)."""
    return mount.split(" ", 3)[2]


def _type(mount: str) -> str:
    return mount.partition(" - ")[2].split(" ", 1)[0]


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
