"""When to try again: pauses that grow, with jitter, for a limited time."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator

from myd_grpc.client.errors import CallError, UnavailableError

OnRetry = Callable[[CallError], None]

_logger = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


def backoff(patience_s: float) -> Iterator[float]:
    """Yields the seconds to wait before each further attempt, `patience_s` in all.

    Each is between half and all of a pause that doubles: without jitter, all clients of a server
    that was restarted would come back at the same moment.
    """
    pause_s, left_s = _FIRST_PAUSE_S, patience_s
    while left_s > 0:
        jittered_s = min(pause_s * random.uniform(0.5, 1.0), left_s)  # noqa: S311 - no secret
        yield jittered_s
        left_s -= jittered_s
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


class Notice:
    """Tells once, and no more, why a call is made again: its caller waits from then on.

    `on_retry` is told; if it is None, the logger of this module.
    """

    def __init__(self, on_retry: OnRetry | None) -> None:
        self._on_retry = on_retry or _log
        self._is_given = False

    def give(self, failure: CallError) -> None:
        """Tell of the failure, unless one was told of before."""
        if not self._is_given:
            self._is_given = True
            self._on_retry(failure)


class Repeats:
    """When a call that found no server is made again, for `patience_s` seconds of pauses."""

    def __init__(self, patience_s: float, on_retry: OnRetry | None) -> None:
        self._pauses = backoff(patience_s)
        self._notice = Notice(on_retry)

    def pause_after(self, failure: CallError) -> float:
        """Seconds to wait before the next attempt; raises `failure` when there is to be none."""
        pause_s = next(self._pauses, None)
        if pause_s is None or not isinstance(failure, UnavailableError):
            raise failure
        self._notice.give(failure)
        return pause_s


def _log(failure: CallError) -> None:
    _logger.warning("%s; trying again", failure)
