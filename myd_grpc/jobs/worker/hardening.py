"""What a process does about itself: for the keys it holds, its memory and its open files.

Linux only.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from functools import cache

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_NO_LIMIT = 1 << 20
_STATUS_BYTES = 1 << 14


def forbid_core_dumps() -> None:
    """Allow no core file and no debugger of the same user: both would show the keys in memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def raise_open_files() -> int:
    """Raise the limit of open files as far as it goes; answers how many that is."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return _NO_LIMIT if most == resource.RLIM_INFINITY else most


def give_memory_back() -> None:
    """Keep no memory that was freed, where the C library can tell (glibc can)."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def process_status(field: str, base: int) -> int:
    """A number that the kernel tells of this process (proc(5), status); 0 for none."""
    _, _, value = os.pread(_status(), _STATUS_BYTES, 0).decode().partition(f"\n{field}:")
    return int(value.split(maxsplit=1)[0], base) if value else 0


@cache
def umask() -> int:
    """The mode bits that this process gives no file; it never changes them."""
    return process_status("Umask", 8)


@cache
def _status() -> int:
    """The file of that: opened once, as a worker cannot open it any more when it needs it."""
    return os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
