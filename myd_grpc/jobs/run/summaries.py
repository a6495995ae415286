"""Shopping summaries: each in a worker process, a few at once, ended with its call."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from myd_grpc import errors
from myd_grpc.callers.model import Caller, CallerLimits
from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.model import Keys
from myd_grpc.convert.wiping import wipe
from myd_grpc.jobs.run.turns import Turns
from myd_grpc.jobs.worker.executor import Executor, Worker, WorkerDiedError
from myd_grpc.jobs.worker.protocol import Failed, Message, SummaryReady, SummaryTask, UserNotFound
from myd_grpc.shopping import Query, Summary

logger = logging.getLogger(__name__)

_NEW_WORKERS = 1
"""How often a worker that died is replaced: a spare may have been dead already."""


class Summaries:
    """At most `at_once` summaries at a time; further calls wait, at most `waiting` of them.

    Callers are served in turn. Each may have as many calls as `limits_of` tells by its name.
    """

    def __init__(
        self,
        workers: Executor,
        at_once: int,
        waiting: int,
        limits_of: Callable[[str], CallerLimits] = lambda _: CallerLimits(),
    ) -> None:
        self._workers = workers
        self._capacity = at_once + waiting
        self._limits_of = limits_of
        self._free = at_once
        self._turns: Turns[asyncio.Future[None]] = Turns()
        self._calls: Counter[str] = Counter()
        self._running: set[Worker] = set()
        self._stopping = False

    async def summarise(self, caller: Caller, query: Query, keys: Keys) -> Summary:
        """The summary. When the caller goes away, the worker ends.

        Raises CallError: what is wrong with the file, that the user is not there, BusyError,
        QuotaError or ShuttingDownError.
        """
        name = caller.name
        self._check(name)
        self._calls[name] += 1
        try:
            async with self._turn_of(name):
                return await self._summarise(name, SummaryTask(query, keys))
        except ConversionError as error:
            raise _refusal(error) from None
        finally:
            self._calls[name] -= 1
            wipe(keys)

    async def stop(self) -> None:
        """End all workers; their callers get ShuttingDownError."""
        self._stopping = True
        await asyncio.gather(*(worker.end() for worker in self._running))

    def _check(self, caller: str) -> None:
        most = self._limits_of(caller).summaries
        if most is not None and self._calls[caller] >= most:
            used_up = f"as many summaries of this caller as may be at once: {most} (summaries)"
            raise errors.QuotaError("caller", used_up)
        if self._calls.total() >= self._capacity:
            raise errors.BusyError("as many callers wait for a summary as may; call again later")

    @asynccontextmanager
    async def _turn_of(self, caller: str) -> AsyncIterator[None]:
        """Waits until there is room for one more of the caller's."""
        if self._free:
            self._free -= 1
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._turns.add(caller, turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._turns.remove(caller, turn)
                if not turn.cancelled():  # its turn came just as the caller left
                    self._pass_on()
                raise
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Let the next one begin."""
        while turn := self._turns.take(lambda _: True):
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def _summarise(self, caller: str, task: SummaryTask) -> Summary:
        for _ in range(_NEW_WORKERS):
            try:
                return await self._in_worker(caller, task)
            except WorkerDiedError as error:
                logger.warning("summary: %s; another one begins again", error.message)
        try:
            return await self._in_worker(caller, task)
        except WorkerDiedError as error:
            raise error.last() from None

    async def _in_worker(self, caller: str, task: SummaryTask) -> Summary:
        self._raise_if_stopping()
        async with self._workers.lend(caller) as worker:
            self._running.add(worker)
            try:
                self._raise_if_stopping()
                return _result([message async for message in worker.work(task)][-1])
            except ConversionError:
                self._raise_if_stopping()  # it died because it was told to
                raise
            finally:
                self._running.discard(worker)

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
            raise ConversionError(
                Reason.WORKER_DIED, "the worker process gave no summary; send the request again"
            )


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
