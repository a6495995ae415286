"""Requests that are still on their way in: how many of them take memory at once, and how long.

How long a request will be is not known before all of it is there, and of one that never is, all
that came is kept. So nothing is read for those who are not let in; of a caller, so many requests
are read at once, and others wait; and of those who need no credential, as health is for everybody,
a further request ends the oldest, which has had more time than a whole one takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from myd_grpc.errors import RequestLateError

_PATIENCE_S = 30.0
"""How long a request may take to arrive, as a body may at the gateway."""

_AT_ONCE = 8


class Arrivals:
    """Bounds the requests that are being read: `at_once` of each caller, and of strangers."""

    def __init__(self, at_once: int = _AT_ONCE, patience_s: float = _PATIENCE_S) -> None:
        self._at_once = at_once
        self._patience_s = patience_s
        # Each is there as long as somebody reads, or waits to.
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._of_strangers: dict[asyncio.Timeout, None] = {}

    @asynccontextmanager
    async def of_caller(self, name: str) -> AsyncIterator[None]:
        """Read one more request of that caller's in the block. Raises RequestLateError."""
        places = self._places.setdefault(name, asyncio.Semaphore(self._at_once))
        async with places, self._patience():
            yield

    @asynccontextmanager
    async def of_stranger(self) -> AsyncIterator[None]:
        """Read one more request of somebody's in the block. Raises RequestLateError."""
        async with self._patience() as end:
            if len(self._of_strangers) >= self._at_once:
                oldest = next(iter(self._of_strangers))
                del self._of_strangers[oldest]
                oldest.reschedule(asyncio.get_running_loop().time())
            self._of_strangers[end] = None
            try:
                yield
            finally:
                self._of_strangers.pop(end, None)

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[asyncio.Timeout]:
        try:
            async with asyncio.timeout(self._patience_s) as end:
                yield end
        except TimeoutError:
            raise RequestLateError from None
