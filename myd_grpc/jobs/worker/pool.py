"""Workers beside the server: processes, one of them started ahead of the task that needs it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from myd_grpc.convert.errors import ConversionError, Reason, ShortageError, refused
from myd_grpc.jobs.worker.places import Places
from myd_grpc.jobs.worker.process import STALL_SECONDS, WorkerProcess, version_of

logger = logging.getLogger(__name__)

_START_ANEW = "see that the server is installed whole, start it anew, and send the request again"
_WARM_UP_S = 2.0


class WorkerPool:
    """Hands out worker processes, one of them kept warm so that a small job starts at once.

    A worker that has done its task is a spare for the next: to start one takes more than a small
    job. There are as many spares as slots while tasks follow on one another, and one after that.
    All are confined to `places`, if there are any. An `Executor`, of as many `slots` as it is told:
    it does not count itself.
    """

    may_linger = False
    without_slots = ""
    spreads = False  # one worker has threads for all processors

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        stall_s: float = STALL_SECONDS,
        places: Places | None = None,
        slots: int = 1,
    ) -> None:
        self.slots = slots
        self._environ = environ
        self._stall_s = stall_s
        self._places = places
        self._spares: list[asyncio.Future[WorkerProcess]] = []  # of which the last is the next
        self._settling: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[Any]] = set()
        self._closed = False

    def start(self, slots_changed: Callable[[], None]) -> None:  # noqa: ARG002 - they never do
        """Start a spare."""
        self.warm_up()

    def warm_up(self) -> None:
        """Start a spare, where there is none; an error of that shows when the spare is needed."""
        if not self._spares:
            self._spares.append(asyncio.create_task(self._start()))

    async def _start(self) -> WorkerProcess:
        return await WorkerProcess.start(self._environ, self._stall_s, self._places)

    def _settle_later(self) -> None:
        """Have one spare when no task has begun for a while: a short job is to have the processors.

        Until then there is no hurry to start one, as a worker may soon come back, nor to end any.
        """
        self._settle_no_more()
        self._settling = asyncio.get_running_loop().call_later(_WARM_UP_S, self._settle)

    def _settle_no_more(self) -> None:
        if self._settling:
            self._settling.cancel()
            self._settling = None

    def _settle(self) -> None:
        self._settling = None
        surplus, self._spares = self._spares[:-1], self._spares[-1:]
        for spare in surplus:
            self._end_soon(_end(spare))
        self.warm_up()

    def _end_soon(self, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(ending)
        self._ending.add(task)  # the loop itself would forget a task nobody holds
        task.add_done_callback(self._ending.discard)

    @asynccontextmanager
    async def lend(self, caller: str = "") -> AsyncIterator[WorkerProcess]:  # noqa: ARG002
        """See `Executor.lend`; one after another, callers may have the same."""
        worker = await self.acquire()
        try:
            yield worker
        finally:
            # Also when the call that needed it is being cancelled.
            await asyncio.shield(self.release(worker))

    async def acquire(self) -> WorkerProcess:
        """Hand out a worker for one task.

        Raises ConversionError (WORKER_DIED), or a ShortageError, when none can be started.
        """
        if not self._closed:
            self._settle_later()
        try:
            while self._spares:
                if worker := await self._usable(self._spares.pop()):
                    return worker
            return await self._start()
        except OSError as error:
            what = "no worker process could be started"
            failure = refused(Reason.WORKER_DIED, what, error)
            logger.error("%s", failure.message)  # noqa: TRY400 - the traceback would tell no more
            if isinstance(failure, ShortageError):
                raise failure from None
            message = f"{failure.message}; {_START_ANEW}"
            raise ConversionError(failure.reason, message) from None

    async def release(self, worker: WorkerProcess) -> None:
        """Take back a worker: one that has come to the end of its task is a spare.

        Others end, and those of which there are enough.
        """
        enough = self.slots if self._settling else 1
        if not worker.reusable or self._closed or len(self._spares) >= enough:
            await worker.end()
            return
        spare = asyncio.get_running_loop().create_future()
        spare.set_result(worker)
        self._spares.append(spare)

    async def close(self) -> None:
        """End the spares, and from now on every worker that is given back."""
        self._closed = True
        self._settle_no_more()
        spares, self._spares = self._spares, []
        await asyncio.gather(*map(_end, spares), *self._ending)

    async def _usable(self, spare: asyncio.Future[WorkerProcess]) -> WorkerProcess | None:
        """The spare; None when it could not be started back then, or is known to have ended since.

        Nor is one of use that may not get at what is there by now.
        """
        try:
            worker = await spare
        except OSError:
            return None
        if not worker.alive:
            return None
        if worker.version == await version_of(self._places):
            return worker
        await worker.end()
        return None


async def _end(spare: asyncio.Future[WorkerProcess]) -> None:
    """End a spare, should it have been started."""
    with suppress(OSError):
        await (await spare).end()
