"""When to try again: pauses that grow, with jitter, for a limited time."""

from __future__ import annotations

import random
from collections.abc import Iterator

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
