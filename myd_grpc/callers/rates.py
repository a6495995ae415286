"""How fast the calls of one caller are taken up: who makes too many waits, and nobody else does."""

from __future__ import annotations

import time
from collections.abc import Callable

_BYTES_OF_A_CALL = 4096
"""An answer counts as a call for each so many bytes: what is long takes as long to make."""

_MOST_KEPT = 10_000
"""Callers about whom is remembered when they called; those who have been quiet are forgotten."""

_BURST_S = 1.0
"""A caller who was quiet may make as many calls at once as come to so many seconds."""


class Rates:
    """Spaces out the calls of each caller, at most `per_s` a second; 0 is no bound.

    They are not refused, which would take as much time of the event loop as to answer them: who
    calls again as soon as it has its answer is as fast as it is answered.
    """

    def __init__(self, per_s: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._now = now
        # When the next call of a caller is due.
        self._due: dict[str, float] = {}

    def delay_s(self, caller: str) -> float:
        """Seconds that a call that has come now is to wait."""
        if not self._per_s:
            return 0.0
        now = self._now()
        if len(self._due) > _MOST_KEPT:
            self._due = {name: due for name, due in self._due.items() if due > now - _BURST_S}
        due = max(self._due.get(caller, 0.0), now - _BURST_S)
        self._due[caller] = due + 1 / self._per_s
        return max(due - now, 0.0)

    def give_back(self, caller: str) -> None:
        """Forget a call that was given up while it waited: it takes no turn from others."""
        if self._per_s and caller in self._due:
            self._due[caller] -= 1 / self._per_s

    def charge(self, caller: str, answered_bytes: int) -> None:
        """Let an answer count for as many calls as it is long."""
        if self._per_s and caller in self._due:
            self._due[caller] += answered_bytes // _BYTES_OF_A_CALL / self._per_s
