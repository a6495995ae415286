"""Shopping summaries: each in a worker process, a few at once, ended with its caller."""

from __future__ import annotations

import asyncio
import logging

from myd_grpc import errors
from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.model import CipherKey
from myd_grpc.jobs.worker.pool import WorkerPool
from myd_grpc.jobs.worker.process import WorkerDiedError, WorkerProcess
from myd_grpc.jobs.worker.protocol import Failed, Message, SummaryReady, SummaryTask, UserNotFound
from myd_grpc.shopping import Query, Summary

logger = logging.getLogger(__name__)

_NEW_WORKERS = 1
"""How often a worker that died is replaced: a spare may have been dead already."""


class Summaries:
    """At most `at_once` summaries at a time; further callers wait, at most `waiting` of them."""

    def __init__(self, workers: WorkerPool, at_once: int, waiting: int) -> None:
        self._workers = workers
        self._capacity = at_once + waiting
        self._turn = asyncio.Semaphore(at_once)
        self._callers = 0
        self._running: set[WorkerProcess] = set()
        self._stopping = False

    async def summarise(self, query: Query, key: CipherKey | None) -> Summary:
        """The summary. When the caller goes away, the worker ends.

        Raises CallError: what is wrong with the file, that the user is not there, BusyError or
        ShuttingDownError.
        """
        if self._callers >= self._capacity:
            raise errors.BusyError("as many callers wait for a summary as may; call again later")
        self._callers += 1
        try:
            async with self._turn:
                return await self._summarise(SummaryTask(query, key))
        except ConversionError as error:
            raise _refusal(error) from None
        finally:
            self._callers -= 1

    async def stop(self) -> None:
        """End all workers; their callers get ShuttingDownError."""
        self._stopping = True
        await asyncio.gather(*(worker.end() for worker in self._running))

    async def _summarise(self, task: SummaryTask) -> Summary:
        for _ in range(_NEW_WORKERS):
            try:
                return await self._in_worker(task)
            except WorkerDiedError as error:
                logger.warning("summary: %s; another one begins again", error.message)
        return await self._in_worker(task)

    async def _in_worker(self, task: SummaryTask) -> Summary:
        self._raise_if_stopping()
        worker = await self._workers.acquire()
        self._running.add(worker)
        try:
            self._raise_if_stopping()
            return _result([message async for message in worker.work(task)][-1])
        except ConversionError:
            self._raise_if_stopping()  # it died because it was told to
            raise
        finally:
            self._running.discard(worker)
            # Also when this very call is being cancelled: nobody waits for the result any more.
            await asyncio.shield(self._workers.release(worker))

    def _raise_if_stopping(self) -> None:
        if self._stopping:
            raise errors.ShuttingDownError


def _result(message: Message) -> Summary:
    match message:
        case SummaryReady(summary, peak_bytes):
            logger.info("summary: worker: done, peak %.1f MiB", peak_bytes / (1 << 20))
            return summary
        case UserNotFound(text, peak_bytes):
            logger.info("summary: worker: no such user, peak %.1f MiB", peak_bytes / (1 << 20))
            raise errors.UserNotFoundError(text)
        case Failed(reason, text, trace, peak_bytes, passing):
            logger.info(
                "summary: worker: %s %s, peak %.1f MiB", reason, trace, peak_bytes / (1 << 20)
            )
            raise (ShortageError if passing else ConversionError)(reason, text)
        case _:
            raise ConversionError(Reason.WORKER_DIED, "the worker process gave no summary")


def _refusal(error: ConversionError) -> errors.CallError:
    """A failure of a conversion as what a call without a job ends in."""
    if isinstance(error, ShortageError):
        return errors.BusyError(f"{error.message}; call again later")
    match error.reason:
        case Reason.FILE_NOT_FOUND:
            return errors.FileMissingError(error.message)
        case Reason.LIMIT_EXCEEDED:
            return errors.LimitExceededError(error.message)
        case Reason.INTERNAL | Reason.WORKER_DIED:
            return errors.InternalError(error.message)
        case reason:
            return errors.FileRefusedError(reason, error.message)
