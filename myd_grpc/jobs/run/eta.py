"""How long a job may still take, from how fast it has been."""

from __future__ import annotations

from collections.abc import Callable

from myd_grpc.convert.model import Progress

UNKNOWN = -1.0
_LEAST_S = 0.5
"""Seconds before which speed says more about starting than about working."""


class Eta:
    """Estimates by the bytes done since it was first asked; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._first: int | None = None

    def after(self, progress: Progress) -> float:
        """Seconds to go, or UNKNOWN."""
        if self._first is None:
            self._first = progress.bytes_done  # more than 0 where a conversion goes on
        bytes_done = progress.bytes_done - self._first
        elapsed_s = self._clock() - self._began
        if elapsed_s < _LEAST_S or bytes_done <= 0:
            return UNKNOWN
        bytes_left = max(progress.bytes_total - progress.bytes_done, 0)
        return round(elapsed_s * bytes_left / bytes_done, 1)
