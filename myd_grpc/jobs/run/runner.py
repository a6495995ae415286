"""Which job is done when: a queue in memory, and as many attempts at once as there are workers.

Everything here happens on the event loop. What must not break off half-way (a submission between
its commit and the queue, an attempt, a cancellation) runs as a task of its own, so that a caller
who goes away does not take it along.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from myd_grpc.callers.model import Caller
from myd_grpc.convert.errors import Reason
from myd_grpc.convert.model import Keys
from myd_grpc.convert.wiping import wipe
from myd_grpc.errors import ShuttingDownError, StateError
from myd_grpc.jobs.model import QueuedJob, Request, RequestFingerprint
from myd_grpc.jobs.run.attempt import Attempt
from myd_grpc.jobs.run.context import AttemptContext, discard, fail
from myd_grpc.jobs.run.queue import JobQueue
from myd_grpc.jobs.run.queue_note import QueueNote
from myd_grpc.jobs.run.recording import explained, persist
from myd_grpc.jobs.run.recovery import INTERRUPTED, TOO_LATE, ResumedJobs, WaitingJob
from myd_grpc.jobs.run.spare_slots import SpareSlots

logger = logging.getLogger(__name__)

_CANCELLED = "cancelled by the caller"
_Result = TypeVar("_Result")


class Runner:
    """Takes jobs in and sees to it that each comes to its end."""

    def __init__(self, context: AttemptContext, queue: JobQueue) -> None:
        self._context = context
        self._queue = queue
        self._spare_slots = SpareSlots(queue, self._start_next)
        self._note = QueueNote(context.store, queue)
        self._accepting: set[asyncio.Task[Any]] = set()
        self._waiting: dict[str, tuple[WaitingJob, asyncio.TimerHandle]] = {}
        self._running: dict[str, tuple[Attempt, asyncio.Task[None]]] = {}
        self._failing: dict[str, tuple[QueuedJob, asyncio.Task[None]]] = {}
        self._stops: set[asyncio.Task[Any]] = set()
        self._stopping = False

    async def submit(
        self,
        caller: Caller,
        request: Request,
        fingerprint: RequestFingerprint | None,
        job: QueuedJob,
    ) -> str:
        """The id of the job that does this: of `job`, or of an earlier one with this fingerprint.

        Raises ShuttingDownError, QueueFullError, QuotaError, OutputBusyError, OutputExistsError,
        StateError or InvalidRequestError.
        """
        if self._stopping:
            raise ShuttingDownError
        with _recording():
            return await _uninterrupted(
                self._accept(caller, request, fingerprint, job), self._accepting
            )

    async def hand_over(self, caller: Caller, job_id: str, keys: Keys) -> None:
        """Let a job of the caller's go on that waits for these keys; nothing happens to any other.

        Raises ShuttingDownError or StateError.
        """
        if job_id in self._waiting and self._is_there(caller, job_id):
            if self._stopping:
                raise ShuttingDownError
            with _recording():
                await _uninterrupted(self._resume(job_id, keys), self._accepting)

    async def cancel(self, caller: Caller, job_id: str) -> None:
        """End the job as CANCELLED if it waits or runs; return when it has ended.

        Nothing happens to a job that is not there for the caller.
        """
        await _all_done(self._accepting)
        if not self._is_there(caller, job_id):
            return
        if queued := self._queue.remove(job_id):
            self._fail(queued, Reason.CANCELLED, _CANCELLED)
            self._start_next()
        elif waiting := self._take_waiting([job_id]):
            self._fail(waiting[0].job, Reason.CANCELLED, _CANCELLED)
        elif running := self._running.get(job_id):
            attempt, task = running
            await _uninterrupted(attempt.stop(Reason.CANCELLED, _CANCELLED), self._stops)
            await asyncio.shield(task)
        # Also when somebody else has begun to end it.
        if failing := self._failing.get(job_id):
            _, task = failing
            await asyncio.shield(task)

    async def delete(self, caller: Caller, job_id: str) -> bool:
        """Forget the job if it has ended; False when there is none.

        Raises JobWorkingError or NotRecordedError.
        """
        with _recording():
            return await self._context.store.delete(caller, job_id, self._now())

    def start(self, resumed: ResumedJobs) -> None:
        """Get ready for the first job, and go on with those of the last server."""
        self._context.workers.start(self._start_next)
        for one in resumed.waiting:
            self._wait_for_key(one)
        for job in resumed.queued:
            self._queue.add(job)
        self._start_next()

    def stop_accepting(self) -> None:
        """Take no more jobs, and begin none."""
        self._stopping = True

    async def stop(self, patience_s: float) -> None:
        """Let go of all jobs, at a checkpoint if one comes within that time.

        Those with which the next server cannot go on end as INTERRUPTED. None may be submitted
        any more.
        """
        self.stop_accepting()
        await _all_done(self._accepting)
        await self._note.close()
        self._take_waiting(list(self._waiting))  # which they do in the store
        lost = [job.job_id for job in self._queue.remove_all() if not job.resumable]
        running = list(self._running.values())
        await asyncio.gather(
            self._fail_queued(lost),
            *(_suspend_or_stop(attempt, patience_s) for attempt, _ in running),
            *(task for _, task in running),
        )
        await _all_done({*(task for _, task in self._failing.values()), *self._stops})
        await self._context.workers.close()

    async def _fail_queued(self, job_ids: list[str]) -> None:
        """End jobs that have nothing staged yet, all at once as there may be many."""
        fail_them = partial(self._context.store.fail, job_ids, Reason.INTERRUPTED, INTERRUPTED)
        if job_ids:
            await persist("queued jobs", lambda: fail_them(self._now()))

    async def _accept(
        self,
        caller: Caller,
        request: Request,
        fingerprint: RequestFingerprint | None,
        job: QueuedJob,
    ) -> str:
        with self._queue.accepting(job.owner):
            job_id = await self._record(caller, request, fingerprint, job)
            if job_id == job.job_id:
                self._queue.add(job)
            else:
                wipe(job.keys)
        self._start_next()
        return job_id

    async def _record(
        self,
        caller: Caller,
        request: Request,
        fingerprint: RequestFingerprint | None,
        job: QueuedJob,
    ) -> str:
        """Commit the submission; the id of the job that does it."""
        store, job_id = self._context.store, ""
        in_the_way = self._take_waiting(self._waiting_for(caller, job))
        try:
            for one in in_the_way:  # they end with the submission
                await discard(self._context, one.job)
            job_id = await store.submit(caller, job.job_id, request, fingerprint, self._now())
        finally:
            if job_id != job.job_id:
                for one in in_the_way:
                    self._wait_for_key(one)
        return job_id

    async def _resume(self, job_id: str, keys: Keys) -> None:
        for one in self._take_waiting([job_id]):
            try:
                await self._context.store.queue_again([job_id])
            except BaseException:
                self._wait_for_key(one)
                raise
            self._queue.add(replace(one.job, keys=keys))
            self._start_next()

    def _wait_for_key(self, one: WaitingJob) -> None:
        job_id = one.job.job_id
        left_s = max(one.deadline - self._context.now(), 0)
        timer = asyncio.get_running_loop().call_later(left_s, self._expire, job_id)
        self._waiting[job_id] = (one, timer)

    def _expire(self, job_id: str) -> None:
        for one in self._take_waiting([job_id]):
            self._fail(one.job, Reason.INTERRUPTED, TOO_LATE)

    def _fail(self, job: QueuedJob, reason: Reason, message: str) -> None:
        """End a job that nothing works on."""
        wipe(job.keys)
        task = asyncio.create_task(fail(self._context, job, reason, message))
        self._failing[job.job_id] = (job, task)
        task.add_done_callback(lambda _: self._failing.pop(job.job_id))

    def _is_there(self, caller: Caller, job_id: str) -> bool:
        """Whether such a job is at hand, and there for the caller."""
        job: QueuedJob | None = self._queue.get(job_id)
        if waiting := self._waiting.get(job_id):
            job = waiting[0].job
        elif running := self._running.get(job_id):
            job = running[0].job
        elif failing := self._failing.get(job_id):
            job = failing[0]
        return job is not None and caller.sees(job.owner)

    def _take_waiting(self, job_ids: Iterable[str]) -> list[WaitingJob]:
        """Take those of the jobs that wait for a key; from now on they do not wait."""
        taken = [self._waiting.pop(job_id) for job_id in job_ids if job_id in self._waiting]
        for _, timer in taken:
            timer.cancel()
        return [one for one, _ in taken]

    def _waiting_for(self, caller: Caller, job: QueuedJob) -> list[str]:
        """The jobs that wait for a key to write the job's set, if they are there for the caller."""
        waiting = (one.job for one, _ in self._waiting.values())
        return [
            one.job_id for one in waiting if one.set_key == job.set_key and caller.sees(one.owner)
        ]

    def _start_next(self) -> None:
        while not self._stopping and (job := self._queue.begin()):
            attempt = Attempt(job, self._context, self._spare_slots, self._publishes)
            task = asyncio.create_task(attempt.run(), name=f"job {job.job_id}")
            self._running[job.job_id] = (attempt, task)
            task.add_done_callback(partial(self._ended, job))
        if not self._stopping:
            self._spare_slots.settle()
            self._note.update(self._context.workers.without_slots)

    def _publishes(self) -> None:
        self._queue.publish()
        self._start_next()

    def _ended(self, job: QueuedJob, _task: asyncio.Task[None]) -> None:
        attempt, _ = self._running.pop(job.job_id)
        self._queue.end(job, published=attempt.publishing)
        wipe(job.keys)
        self._start_next()

    def _now(self) -> int:
        return int(self._context.now())


@contextmanager
def _recording() -> Iterator[None]:
    try:
        yield
    except StateError as error:
        logger.error("a job was not taken in: %s", explained(error))  # noqa: TRY400 - no texts
        raise


async def _suspend_or_stop(attempt: Attempt, patience_s: float) -> None:
    if attempt.resumable:
        await attempt.suspend(patience_s)
    else:
        await attempt.stop(Reason.INTERRUPTED, INTERRUPTED)


async def _uninterrupted(
    work: Coroutine[Any, Any, _Result], under_way: set[asyncio.Task[Any]]
) -> _Result:
    """Do the work to its end, also when the caller goes away meanwhile."""
    return await asyncio.shield(_hold(asyncio.create_task(work), under_way))


def _hold(task: asyncio.Task[_Result], under_way: set[asyncio.Task[Any]]) -> asyncio.Task[_Result]:
    under_way.add(task)  # the loop itself would forget a task nobody holds
    task.add_done_callback(under_way.discard)
    return task


async def _all_done(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(list(tasks))
