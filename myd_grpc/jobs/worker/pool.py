"""Workers beside the server: processes, one of them started ahead of the task that needs it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from myd_grpc.convert.errors import Reason, refused
from myd_grpc.jobs.worker.places import Places
from myd_grpc.jobs.worker.process import STALL_SECONDS, WorkerProcess, version_of

logger = logging.getLogger(__name__)

_WARM_UP_S = 2.0


class WorkerPool:
    """Hands out worker processes, one of them kept warm so that a small job starts at once.

    A worker that has done its task is the next spare: to start one takes more than a small job.
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
        self._spare: asyncio.Future[WorkerProcess] | None = None
        self._warming: asyncio.TimerHandle | None = None

    def start(self, slots_changed: Callable[[], None]) -> None:  # noqa: ARG002 - they never do
        """Start a spare."""
        self.warm_up()

    def warm_up(self) -> None:
        """Start a spare; an error of that shows when the spare is needed."""
        self._warm_up_no_more()
        self._spare = self._spare or asyncio.create_task(self._start())

    async def _start(self) -> WorkerProcess:
        return await WorkerProcess.start(self._environ, self._stall_s, self._places)

    def _warm_up_later(self) -> None:
        """Start a spare unless one comes back soon: a short job is to have the processors."""
        self._warm_up_no_more()
        self._warming = asyncio.get_running_loop().call_later(_WARM_UP_S, self.warm_up)

    def _warm_up_no_more(self) -> None:
        if self._warming:
            self._warming.cancel()
            self._warming = None

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
        spare, self._spare = self._spare, None
        self._warm_up_later()
        try:
            return await self._usable(spare) or await self._start()
        except OSError as error:
            what = "no worker process could be started"
            failure = refused(Reason.WORKER_DIED, what, error)
            logger.error("%s", failure.message)  # noqa: TRY400 - the traceback would tell no more
            raise failure from None

    async def release(self, worker: WorkerProcess) -> None:
        """Take back a worker: one that has come to the end of its task is the next spare.

        Others end.
        """
        if not worker.reusable or self._spare or not self._warming:
            await worker.end()
            return
        self._warm_up_no_more()
        self._spare = asyncio.get_running_loop().create_future()
        self._spare.set_result(worker)

    async def close(self) -> None:
        """End the spare, and from now on every worker that is given back."""
        self._warm_up_no_more()
        spare, self._spare = self._spare, None
        if spare:
            with suppress(OSError):
                await (await spare).end()

    async def _usable(self, spare: asyncio.Future[WorkerProcess] | None) -> WorkerProcess | None:
        """The spare; None when it could not be started back then, or is known to have ended since.

        Nor is one of use that may not get at what is there by now.
        """
        if spare is None:
            return None
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
