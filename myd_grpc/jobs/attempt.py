"""One job from the worker to its published set, or to the reason why there is none."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from myd_grpc.convert.errors import ConversionError, Reason
from myd_grpc.convert.model import CipherKey, Conversion, PartFile, Progress
from myd_grpc.frames import describe, new_error_id
from myd_grpc.jobs.eta import Eta
from myd_grpc.jobs.process import Worker, Workers
from myd_grpc.jobs.protocol import Done, Failed, Message, Parts, Reached, Task
from myd_grpc.jobs.publish import OutputDirectory, staging_name
from myd_grpc.jobs.store import JobStore

logger = logging.getLogger(__name__)

_RETRY_S = 1.0

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A job that is to be done, with the key that only memory holds."""

    job_id: str
    conversion: Conversion
    key: CipherKey | None
    overwrite: bool


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every attempt works with. `now` tells the time in epoch seconds."""

    store: JobStore
    output: OutputDirectory
    workers: Workers
    now: Callable[[], float] = time.time


class Attempt:
    """The work on one job. `run` always brings the job to its end, and never raises."""

    def __init__(self, ticket: Ticket, workshop: Workshop) -> None:
        self._ticket = ticket
        self._shop = workshop
        self._worker: Worker | None = None
        self._stopped: ConversionError | None = None
        self._publishing = False
        self._progress = Progress()
        self._parts: list[PartFile] = []

    async def run(self) -> None:
        """Convert, publish, and commit the end."""
        try:
            await self._convert()
            await self._publish()
        except ConversionError as error:
            await self._fail(error.reason, error.message)
        except Exception as error:  # noqa: BLE001 - a job must not stay WORKING, whatever happens
            await self._fail(Reason.INTERNAL, self._log_unexpected(describe(error)))

    async def stop(self, reason: Reason, message: str) -> None:
        """End the job for that reason, unless its set is being published already."""
        if self._publishing or self._stopped:
            return
        self._stopped = ConversionError(reason, message)
        if self._worker:
            await self._worker.end()

    async def _convert(self) -> None:
        self._raise_if_stopped()
        job_id = self._ticket.job_id
        if not await self._commit(lambda: self._shop.store.start(job_id, self._now())):
            raise ConversionError(Reason.INTERNAL, "the job was not waiting")
        await asyncio.to_thread(self._shop.output.check_target, self._ticket.conversion.name)
        self._worker = await self._shop.workers.take()
        try:
            self._raise_if_stopped()
            await self._follow(self._worker)
        finally:
            # Before anything else is done about its directory, the worker is no more.
            await self._worker.end()
        self._raise_if_stopped()

    async def _follow(self, worker: Worker) -> None:
        staging = self._shop.output.path / staging_name(self._ticket.job_id)
        task = Task(self._ticket.job_id, self._ticket.conversion, str(staging), self._ticket.key)
        eta = Eta(time.monotonic)
        try:
            async for message in worker.work(task):
                await self._take(message, eta)
        except ConversionError:
            self._raise_if_stopped()  # it died because it was told to
            raise

    async def _take(self, message: Message, eta: Eta) -> None:
        match message:
            case Reached(progress, parts):
                self._progress = progress
                await self._tick(progress, eta.after(progress), parts)
            case Parts(parts):
                self._parts.extend(parts)
            case Done(peak_bytes):
                self._log_end("converted", peak_bytes)
            case Failed(reason, text, trace, peak_bytes):
                self._log_end(f"{reason} {trace}".rstrip(), peak_bytes)
                raise ConversionError(reason, text)

    async def _tick(self, progress: Progress, eta_s: float, parts: tuple[PartFile, ...]) -> None:
        try:
            await self._shop.store.progress(self._ticket.job_id, progress, eta_s, parts)
        except sqlite3.Error as error:
            # A full disk may have room again by the next tick, and a tick is no loss.
            logger.warning(
                "job %s: progress not recorded: %s", self._ticket.job_id, describe(error)
            )

    async def _publish(self) -> None:
        job_id, name = self._ticket.job_id, self._ticket.conversion.name
        self._publishing = True
        output, store = self._shop.output, self._shop.store
        identity = await asyncio.to_thread(output.identify, job_id)
        await self._commit(lambda: store.publishing(job_id, self._progress, self._parts, identity))
        await asyncio.to_thread(output.publish, job_id, name, replace=self._ticket.overwrite)
        await self._commit(lambda: store.done(job_id, self._now()))
        logger.info("job %s: DONE, %d rows", job_id, self._progress.rows)
        await asyncio.to_thread(output.discard, job_id)

    async def _fail(self, reason: Reason, message: str) -> None:
        job_id = self._ticket.job_id
        # Whoever hears that the job failed may count on its space being free.
        await asyncio.to_thread(self._shop.output.discard, job_id)
        await self._commit(lambda: self._shop.store.fail([job_id], reason, message, self._now()))
        logger.info("job %s: FAILED, %s", job_id, reason)

    async def _commit(self, change: Callable[[], Awaitable[_Result]]) -> _Result:
        """Commit a change however long it takes: when the disk is full, that may be a while."""
        while True:
            try:
                return await change()
            except sqlite3.OperationalError as error:
                logger.error("job %s: state not recorded: %s", self._ticket.job_id, describe(error))  # noqa: TRY400
                await asyncio.sleep(_RETRY_S)

    def _raise_if_stopped(self) -> None:
        if self._stopped:
            raise self._stopped

    def _log_unexpected(self, trace: str) -> str:
        error_id = new_error_id()
        logger.error("job %s: internal error %s: %s", self._ticket.job_id, error_id, trace)
        return f"internal error {error_id}"

    def _log_end(self, how: str, peak_bytes: int) -> None:
        logger.info(
            "job %s: worker: %s, peak %.1f MiB", self._ticket.job_id, how, peak_bytes / (1 << 20)
        )

    def _now(self) -> int:
        return int(self._shop.now())
