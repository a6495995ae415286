"""Forgets old jobs: every Sunday 00:00 in Seoul, those that ended more than a week before.

Which jobs go depends on the last Sunday alone, not on when the purge happens to run. So a purge
that was missed is caught up by purging at the start, and one too many changes nothing. Which Sunday
was the last is asked of a clock that no single wrong reading can deceive (see `believed`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import schedule

from myd_grpc.tracebacks import describe

logger = logging.getLogger(__name__)

ZONE = "Asia/Seoul"
KEPT = timedelta(weeks=1)

# A wall clock that is set meanwhile is noticed within this time.
_LONGEST_WAIT_S = 60.0
_DAYS_SINCE_SUNDAY = (1, 2, 3, 4, 5, 6, 0)


def ended_before(now: datetime) -> datetime:
    """The end before which a job is forgotten at `now` (aware): a week before the last Sunday."""
    local = now.astimezone(ZoneInfo(ZONE))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=_DAYS_SINCE_SUNDAY[local.weekday()]) - KEPT


@contextmanager
def _logged() -> Iterator[None]:
    """Logs whatever error comes up within, as the thread must go on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        logger.error("the purge failed: %s", describe(error))  # noqa: TRY400 - no texts


def _tell(forgotten: int) -> None:
    """Log what is gone: that nothing is, is no news at each start."""
    level = logging.INFO if forgotten else logging.DEBUG
    what = "1 job" if forgotten == 1 else f"{forgotten} jobs"
    logger.log(level, "purge: %s forgotten", what)


class Purger:
    """Purges in a thread of its own, from `start` to `stop`.

    `purge` forgets the jobs that ended before a time (epoch seconds) and answers how many.
    """

    def __init__(self, purge: Callable[[int], int], now: Callable[[], datetime]) -> None:
        self._purge = purge
        self._now = now
        self._purged_before: datetime | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="purge", daemon=True)
        self.scheduler = schedule.Scheduler()
        self.scheduler.every().sunday.at("00:00", ZONE).do(self.run_once)

    def start(self) -> None:
        """Purge what a missed Sunday left, and from now on every Sunday."""
        self._thread.start()

    def stop(self) -> None:
        """Return when the thread has ended."""
        self._stopping.set()
        self._thread.join()

    def run_once(self) -> None:
        """Purge; an error is logged, and the next Sunday comes all the same.

        `schedule` would neither run a failing job again nor the thread survive it.
        """
        with _logged():
            before = ended_before(self._now())
            forgotten = self._purge(int(before.timestamp()))
            self._purged_before = before
            _tell(forgotten)

    def _run(self) -> None:
        self.run_once()
        while not self._stopping.wait(self._pause_s()):
            self.scheduler.run_pending()
            self._catch_up()

    def _catch_up(self) -> None:
        """Purge when a Sunday has come that was not believed to be there at midnight."""
        with _logged():
            due = self._purged_before is None or ended_before(self._now()) > self._purged_before
            if due:
                self.run_once()

    def _pause_s(self) -> float:
        return min(max(self.scheduler.idle_seconds or 0.0, 0.0), _LONGEST_WAIT_S)
