"""How fast a job reads, over the last seconds."""

from __future__ import annotations

from collections import deque

_WINDOW_S = 5.0
_SHORTEST_S = 0.5  # below, the rate would jump about


class Rate:
    """Bytes per second over a sliding window."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, bytes_read: int) -> None:
        """Takes note that `bytes_read` in all were read by then."""
        self._samples.append((now_s, bytes_read))
        while now_s - self._samples[0][0] > _WINDOW_S and len(self._samples) > 2:
            self._samples.popleft()

    def per_second(self) -> float | None:
        """The rate; None until there is enough to tell."""
        if not self._samples:
            return None
        (begin_s, begin_bytes), (end_s, end_bytes) = self._samples[0], self._samples[-1]
        if end_s - begin_s < _SHORTEST_S:
            return None
        return (end_bytes - begin_bytes) / (end_s - begin_s)
