"""What a process does about itself: for the keys it holds, and for its memory. Linux only."""

from __future__ import annotations

import ctypes
import resource
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """No core file and no debugger of the same user: both would show the keys in memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def give_memory_back() -> None:
    """Keep no memory that was freed, where the C library can tell (glibc can)."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
