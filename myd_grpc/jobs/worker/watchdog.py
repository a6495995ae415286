"""Whether a worker process that has work does any of it, as its server sees it. Linux only.

A worker that is stopped, or waits for what never comes, says nothing and uses no processor. One
that says nothing for long may still be at work: it parses one large record, or waits for a disk.
That can be seen from outside, in /proc (proc(5)); but only root sees what a process reads and
writes that forbids core dumps.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

LOOKS = 10
"""Looks in a row that have to find nothing done before a process is given up."""

_PATIENCE = 10
"""Times as long that a worker has which computes, but reads, writes and says nothing."""

# Fields of /proc/<pid>/stat behind the name of the program, which may hold anything.
_STATE, _USER_TICKS, _SYSTEM_TICKS = 0, 11, 12
_WAITS_FOR_DISK = "D"


class _Seen(NamedTuple):
    """What a process has read and written so far, and computed ("" where that is not known)."""

    transfers: str
    ticks: str


class Watchdog:
    """Looks whether one process that owes a message still works.

    `look` is to be called LOOKS times in the time after which a process is given up.

    Looks are counted, not time: whoever was stopped together with the process has not looked.
    """

    def __init__(self, pid: int, proc: Path = Path("/proc")) -> None:
        self._place = proc / str(pid)
        self._idle = 0
        self._silent = 0
        self._seen = self._look()[0]

    def look(self) -> bool:
        """Whether the process may still be at work."""
        before, (self._seen, waits_for_disk) = self._seen, self._look()
        self._silent = 0 if self._seen.transfers != before.transfers else self._silent + 1
        computes = waits_for_disk or not self._seen.ticks or self._seen.ticks != before.ticks
        self._idle = 0 if computes or not self._silent else self._idle + 1
        return self._idle < LOOKS and self._silent < LOOKS * _PATIENCE

    def _look(self) -> tuple[_Seen, bool]:
        fields = _text(self._place / "stat").rpartition(")")[2].split()
        if len(fields) <= _SYSTEM_TICKS:
            return _Seen("", ""), False
        ticks = f"{fields[_USER_TICKS]} {fields[_SYSTEM_TICKS]}"
        return _Seen(_text(self._place / "io"), ticks), fields[_STATE] == _WAITS_FOR_DISK


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return ""
