"""Locks on directories: whoever holds the descriptor has the lock, and it goes with its process."""

from __future__ import annotations

import fcntl
import time

_LOOK_S = 0.02


def lock(fd: int, deadline: float = 0.0) -> bool:
    """Lock what the descriptor is of; False when another still holds it at `deadline`.

    The deadline is monotonic time; without one, there is one try.
    """
    while not _locked(fd):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)
    return True


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
