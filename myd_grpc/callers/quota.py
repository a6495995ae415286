"""How many of something there may be at once: of one caller, and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from myd_grpc.errors import QuotaError


class Quota:
    """Counts what is under way. `what` is its name, in the plural.

    There may be `most` in all, by the setting of that name, and of a caller as many as `most_of`
    tells by its name; None is no bound.
    """

    def __init__(
        self, what: str, most: int, setting: str, most_of: Callable[[str], int | None]
    ) -> None:
        self._what = what
        self._most = most
        self._setting = setting
        self._most_of = most_of
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one_of(self, caller: str) -> Iterator[None]:
        """Have one more under way in the block. Raises QuotaError."""
        most = self._most_of(caller)
        if most is not None and self._under_way[caller] >= most:
            raise QuotaError(
                "caller", f"as many {self._what} of this caller as may be at once: {most}"
            )
        if self._under_way.total() >= self._most:
            raise QuotaError(
                "server",
                f"as many {self._what} as may be at once: {self._most} ({self._setting})",
            )
        self._under_way[caller] += 1
        try:
            yield
        finally:
            self._under_way[caller] -= 1
            if not self._under_way[caller]:
                del self._under_way[caller]
