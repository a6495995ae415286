"""Whether a worker process that has work does any of it, as its server sees it. Linux only.

A worker that is stopped, or waits for what never comes, says nothing and uses no processor. One
that says nothing for long may still be at work: it parses one large record, waits for a disk, or
waits for a processor on a machine that has too few. That can be seen from outside, in /proc
(proc(5)); but only root sees what a process reads and writes that forbids core dumps.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

LOOKS = 10
"""Looks in a row that have to find nothing done before a process is given up."""

_PATIENCE = 10
"""Times as long that a worker has which computes, or would, but reads, writes and says nothing."""

# Fields of /proc/<pid>/stat behind the name of the program, which may hold anything.
_STATE, _USER_TICKS, _SYSTEM_TICKS = 0, 11, 12
_WORKS_OR_WAITS_FOR_MACHINE = frozenset("RD")
"""States of a thread that runs or could run, or waits for a disk."""


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
        before, (self._seen, is_ready) = self._seen, self._look()
        self._silent = 0 if self._seen.transfers != before.transfers else self._silent + 1
        computes = is_ready or not self._seen.ticks or self._seen.ticks != before.ticks
        self._idle = 0 if computes or not self._silent else self._idle + 1
        return self._idle < LOOKS and self._silent < LOOKS * _PATIENCE

    def _look(self) -> tuple[_Seen, bool]:
        """What it has done so far, and whether a thread of it would do more if it could."""
        fields = _fields(self._place / "stat")
        if len(fields) <= _SYSTEM_TICKS:
            return _Seen("", ""), False
        ticks = f"{fields[_USER_TICKS]} {fields[_SYSTEM_TICKS]}"
        threads = map(_fields, (self._place / "task").glob("*/stat"))
        is_ready = any(one[_STATE] in _WORKS_OR_WAITS_FOR_MACHINE for one in threads if one)
        return _Seen(_text(self._place / "io"), ticks), is_ready


def _fields(stat: Path) -> list[str]:
    """The fields behind the name; none where there is no such process or thread any more."""
    return _text(stat).rpartition(")")[2].split()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return ""
