"""A clock for deletions, which no single wrong reading of the system's clock can deceive.

A clock may be wrong by weeks: a battery is empty, a machine was restored, someone mistyped a date.
What is deleted by its reading does not come back. So the store keeps the time that it believed
last, and how a reading compares with it decides:

- One that is behind, or ahead by a day at most of what was believed plus the time that a server
  has run since, is believed.
- One that is further ahead is believed when it has stood for a day in which servers ran. Until
  then the believed time goes on from what it was, as the time passes that a server runs.

So after ten days without a server, the time is that of its end at first, and a day later the
clock's. A new store believes its first reading.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

logger = logging.getLogger(__name__)

DAY_S = 86_400.0
_KEEP_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class TrustedTime:
    """The time that is believed, in epoch seconds, and how long the clock has been ahead of it.

    `stood_s` counts the seconds in which a server ran.
    """

    believed: float
    stood_s: float = 0.0


def after(last: TrustedTime | None, reading: float, passed_s: float) -> TrustedTime:
    """What to believe of a reading when a server has run for `passed_s` seconds since `last`."""
    if last is None:
        return TrustedTime(reading)
    expected, stood_s = last.believed + passed_s, last.stood_s + passed_s
    if reading <= expected + DAY_S or stood_s >= DAY_S:
        return TrustedTime(reading)
    return TrustedTime(expected, stood_s)


class TrustedClock:
    """Answers the time that is believed; it is to be asked about once a minute, in one thread.

    `keep` stores that time for the next server, `last` is what the one before stored. `now` reads
    the clock, `running` tells how long this machine runs; both in seconds.
    """

    def __init__(
        self,
        last: TrustedTime | None,
        keep: Callable[[TrustedTime], None],
        now: Callable[[], float] = time.time,
        running: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trusted = last
        self._keep = keep
        self._now = now
        self._running = running
        self._seen_at = running()
        self._keep_at = self._seen_at
        self._doubted = False

    def __call__(self) -> datetime:
        """The time, aware. Raises what `keep` raises."""
        before, self._seen_at = self._seen_at, self._running()
        reading = self._now()
        self._trusted = after(self._trusted, reading, self._seen_at - before)
        self._log_doubts(reading - self._trusted.believed)
        if self._seen_at >= self._keep_at:
            self._keep(self._trusted)
            self._keep_at = self._seen_at + _KEEP_EVERY_S
        return datetime.fromtimestamp(self._trusted.believed, UTC)

    def _log_doubts(self, ahead_s: float) -> None:
        doubted, self._doubted = self._doubted, ahead_s > 0
        if self._doubted and not doubted:
            logger.warning(
                "the clock is %.1f days ahead of the time that was known last: no job is forgotten "
                "for that before it has stood so for a day",
                ahead_s / DAY_S,
            )
