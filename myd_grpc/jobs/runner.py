"""Which job is done when: a queue in memory, and as many attempts at once as there are workers.

Everything here happens on the event loop. What must not break off half-way (a submission between
its commit and the queue, an attempt, a cancellation) runs as a task of its own, so that a caller
who goes away does not take it along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

from myd_grpc.convert.errors import Reason
from myd_grpc.errors import QueueFullError, ShuttingDownError
from myd_grpc.jobs.attempt import Attempt, Ticket, Workshop
from myd_grpc.jobs.model import Request, RequestMark
from myd_grpc.jobs.recovery import INTERRUPTED

_CANCELLED = "cancelled by the caller"
_Result = TypeVar("_Result")


class Runner:
    """Takes jobs in and sees to it that each comes to its end."""

    def __init__(self, workshop: Workshop, workers: int, max_queued: int) -> None:
        self._shop = workshop
        self._workers = workers
        self._places = workers + max_queued
        self._entering: set[asyncio.Task[Any]] = set()
        self._queue: dict[str, Ticket] = {}
        self._running: dict[str, tuple[Attempt, asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[Any]] = set()
        self._stopping = False

    async def submit(self, request: Request, mark: RequestMark | None, ticket: Ticket) -> str:
        """The id of the job that does this: the ticket's, or an earlier job's with this mark.

        Raises ShuttingDownError, QueueFullError, OutputBusyError or InvalidRequestError.
        """
        if self._stopping:
            raise ShuttingDownError
        if len(self._entering) + len(self._queue) + len(self._running) >= self._places:
            raise QueueFullError("as many jobs wait as may wait; submit again later")
        return await _unbroken(self._enter(request, mark, ticket), self._entering)

    async def cancel(self, job_id: str) -> None:
        """End the job as CANCELLED if it is queued or running; return when it has ended."""
        await _settled(self._entering)
        if self._queue.pop(job_id, None):
            fail = self._shop.store.fail([job_id], Reason.CANCELLED, _CANCELLED, self._now())
            await _unbroken(fail, self._ending)
        elif running := self._running.get(job_id):
            attempt, task = running
            await _unbroken(attempt.stop(Reason.CANCELLED, _CANCELLED), self._ending)
            await asyncio.shield(task)

    def warm_up(self) -> None:
        """Get ready for the first job."""
        self._shop.workers.warm_up()

    def refuse(self) -> None:
        """Take no more jobs, and begin none."""
        self._stopping = True

    async def stop(self) -> None:
        """End all jobs as INTERRUPTED; none may be submitted any more."""
        self.refuse()
        await _settled(self._entering)
        queued, self._queue = list(self._queue), {}
        running = list(self._running.values())
        await asyncio.gather(*(one.stop(Reason.INTERRUPTED, INTERRUPTED) for one, _ in running))
        await asyncio.gather(
            self._shop.store.fail(queued, Reason.INTERRUPTED, INTERRUPTED, self._now()),
            *(task for _, task in running),
        )
        await _settled(self._ending)
        await self._shop.workers.close()

    async def _enter(self, request: Request, mark: RequestMark | None, ticket: Ticket) -> str:
        job_id = await self._shop.store.submit(ticket.job_id, request, mark, self._now())
        if job_id == ticket.job_id:
            self._queue[job_id] = ticket
            self._start_next()
        return job_id

    def _start_next(self) -> None:
        while self._queue and len(self._running) < self._workers and not self._stopping:
            job_id = next(iter(self._queue))
            attempt = Attempt(self._queue.pop(job_id), self._shop)
            task = asyncio.create_task(attempt.run(), name=f"job {job_id}")
            self._running[job_id] = (attempt, task)
            task.add_done_callback(partial(self._ended, job_id))

    def _ended(self, job_id: str, _task: asyncio.Task[None]) -> None:
        del self._running[job_id]
        self._start_next()

    def _now(self) -> int:
        return int(self._shop.now())


async def _unbroken(
    work: Coroutine[Any, Any, _Result], under_way: set[asyncio.Task[Any]]
) -> _Result:
    """Do the work to its end, also when the caller goes away meanwhile."""
    task = asyncio.create_task(work)
    under_way.add(task)  # the loop itself would forget a task nobody holds
    task.add_done_callback(under_way.discard)
    return await asyncio.shield(task)


async def _settled(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(list(tasks))
