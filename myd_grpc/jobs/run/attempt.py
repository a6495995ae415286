"""One job from the worker to its published set, or to the reason why there is none."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.model import Conversion, PartFile, Progress
from myd_grpc.convert.output.naming import set_directory
from myd_grpc.errors import InvalidRequestError, StateError
from myd_grpc.jobs.model import QueuedJob, Request
from myd_grpc.jobs.publish.outputs import NotDurableError, OutputDirectory, staging_name
from myd_grpc.jobs.run.eta import Eta
from myd_grpc.jobs.store.statements import WAITS
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.worker.pool import WorkerPool
from myd_grpc.jobs.worker.process import WorkerDiedError, WorkerProcess
from myd_grpc.jobs.worker.protocol import (
    CheckpointRejected,
    CheckpointSaved,
    Done,
    Failed,
    Message,
    PartsWritten,
    ProgressReported,
    Task,
)
from myd_grpc.tracebacks import describe, new_error_id

logger = logging.getLogger(__name__)

_RETRY_S = 1.0
_NEW_WORKERS = 2
"""A file that kills every worker must not keep the server busy for ever."""

_NO_INPUT = (
    "the server was started again with directories in which a file is no input; submit it again"
)

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What all attempts share.

    `conversion_of` tells what a request stands for, and raises InvalidRequestError when its files
    are no inputs any more. `checkpoint_s` is how often a worker saves where it is, `space_percent`
    how much room is wanted for the output, measured by the size of the input. `now` tells the time
    in epoch seconds.
    """

    store: JobStore
    output: OutputDirectory
    workers: WorkerPool
    conversion_of: Callable[[Request], Conversion]
    checkpoint_s: float = 1.0
    space_percent: int = 0
    now: Callable[[], float] = time.time


class SuspendedError(Exception):
    """The attempt is given up, and the job goes on from its checkpoint some other time."""


class Attempt:
    """One attempt at a job.

    `run` always brings the job to its end, or leaves it to the next server; it never raises.
    """

    def __init__(self, job: QueuedJob, context: AttemptContext) -> None:
        self._job = job
        self._directory = set_directory(job.name)
        self._context = context
        self._worker: WorkerProcess | None = None
        self._stopped: ConversionError | SuspendedError | None = None
        self._publishing = False
        self._progress = Progress()
        self._eta = Eta(time.monotonic)
        self._space_checked = False
        self._said = ""
        self._unkept: dict[str, PartFile] = {}
        self._saved = asyncio.Event()
        self._parts: list[PartFile] = []
        self._note = ""

    @property
    def resumable(self) -> bool:
        """Whether the next server can go on with the job."""
        return self._job.resumable

    async def run(self) -> None:
        """Convert, publish, and commit the end."""
        job_id = self._job.job_id
        try:
            await self._convert()
            await self._publish()
        except SuspendedError:
            logger.info("job %s: suspended at %d bytes", job_id, self._progress.bytes_read)
        except ConversionError as error:
            await fail(self._context, job_id, error.reason, error.message)
        except Exception as error:  # noqa: BLE001 - a job must not stay WORKING, whatever happens
            await fail(
                self._context, job_id, Reason.INTERNAL, self._log_unexpected(describe(error))
            )

    async def stop(self, reason: Reason, message: str) -> None:
        """End the job for that reason, unless its set is being published already."""
        await self._stop(ConversionError(reason, message))

    async def suspend(self, patience_s: float) -> None:
        """Let go of the job at a checkpoint, unless its set is being published already.

        A checkpoint that takes longer than that is not waited for: the one before will do.
        """
        if self._worker and not self._publishing:
            self._saved.clear()
            await self._worker.save_now()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._saved.wait()
        await self._stop(SuspendedError())

    async def _stop(self, why: ConversionError | SuspendedError) -> None:
        if self._publishing or self._stopped:
            return
        self._stopped = why
        if self._worker:
            await self._worker.end()

    async def _convert(self) -> None:
        self._raise_if_stopped()
        job_id = self._job.job_id
        if not await persist(
            f"job {job_id}", lambda: self._context.store.start(job_id, self._now())
        ):
            raise ConversionError(Reason.INTERNAL, "the job was not waiting")
        await self._patiently(self._check_target)
        for _ in range(_NEW_WORKERS):
            try:
                await self._patiently(self._in_worker)
            except WorkerDiedError as error:
                logger.warning("job %s: %s; another one goes on", job_id, error.message)
            else:
                return
        await self._patiently(self._in_worker)

    async def _check_target(self) -> None:
        await asyncio.to_thread(self._context.output.check_target, self._directory)

    async def _patiently(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do it again as long as the machine lacks something; the job says what it waits for."""
        while True:
            try:
                await step()
            except ShortageError as error:
                await self._say(f"{WAITS}: {error.message}")
                await asyncio.sleep(_RETRY_S)
                self._raise_if_stopped()
            else:
                await self._say(self._note if self._publishing else "")
                return

    async def _say(self, msg: str) -> None:
        """Let the job say so while it works."""
        if msg == self._said:
            return
        self._said, job_id = msg, self._job.job_id
        if msg:
            logger.warning("job %s: %s", job_id, msg)
        try:
            await self._context.store.say(job_id, msg)
        except StateError as error:
            _log_unrecorded(job_id, "message", error)

    async def _in_worker(self) -> None:
        worker = self._worker = await self._context.workers.take()
        try:
            self._raise_if_stopped()
            await self._follow(worker)
        except WorkerDiedError:
            self._raise_if_stopped()  # it died because it was told to
            raise
        finally:
            # From here on it may be another job's. Before anything else is done about the
            # directory, it has let go of it or is no more.
            self._worker = None
            await self._context.workers.give_back(worker)
            self._saved.set()
        self._raise_if_stopped()

    async def _follow(self, worker: WorkerProcess) -> None:
        job = self._job
        staging = self._context.output.path / staging_name(job.job_id)
        store, job_id = self._context.store, job.job_id
        checkpoint = await persist(f"job {job_id}", lambda: store.checkpoint(job_id))
        if checkpoint:
            logger.info("job %s: goes on from its checkpoint", job.job_id)
        task = Task(
            job.job_id,
            await self._conversion(),
            str(staging),
            job.key,
            checkpoint,
            self._context.checkpoint_s,
        )
        self._eta = Eta(time.monotonic)
        self._parts.clear()
        self._unkept.clear()  # the checkpoint has them, or they are changed once more
        async for message in worker.work(task):
            await self._take(message, worker)

    async def _conversion(self) -> Conversion:
        """What is to be done. It is not kept while a job waits: there may be many files."""
        job_id, store = self._job.job_id, self._context.store
        request = await persist(f"job {job_id}", lambda: store.request(job_id))
        if request is None:
            raise ConversionError(Reason.INTERNAL, "the job was not working")
        try:
            return await asyncio.to_thread(self._context.conversion_of, request)
        except InvalidRequestError:
            raise ConversionError(Reason.INTERRUPTED, _NO_INPUT) from None

    async def _take(self, message: Message, worker: WorkerProcess) -> None:
        match message:
            case ProgressReported(progress):
                await self._check_space(progress)
                self._progress = progress
                await self._say("")
                await self._tick(progress, self._eta.after(progress))
            case CheckpointSaved():
                await self._keep(message)
                await worker.acknowledge()
            case CheckpointRejected():
                job_id = self._job.job_id
                logger.warning("job %s: its checkpoint does not fit; from the start", job_id)
                await persist(f"job {job_id}", lambda: self._context.store.drop_checkpoint(job_id))
                await worker.acknowledge()
            case PartsWritten(parts):
                self._parts.extend(parts)
            case Done(note, peak_bytes):
                self._note = note
                self._log_end("converted", peak_bytes)
            case Failed(reason, text, trace, peak_bytes, passing):
                self._log_end(f"{reason} {trace}".rstrip(), peak_bytes)
                raise (ShortageError if passing else ConversionError)(reason, text)

    async def _check_space(self, progress: Progress) -> None:
        """Better than to fill the disk for an hour: fail at once where it cannot be enough."""
        if self._space_checked or not progress.bytes_total:
            return
        self._space_checked = True
        bytes_left = progress.bytes_total - progress.bytes_read
        wanted = bytes_left * self._context.space_percent // 100
        await asyncio.to_thread(self._context.output.check_space, wanted)

    async def _tick(self, progress: Progress, eta_s: float) -> None:
        try:
            await self._context.store.progress(self._job.job_id, progress, eta_s)
        except StateError as error:
            # A full disk may have room again by the next tick, and a tick is no loss.
            _log_unrecorded(self._job.job_id, "progress", error)

    async def _keep(self, saved: CheckpointSaved) -> None:
        """Commit a checkpoint; without it, the one before counts as long as that fits."""
        job_id, store = self._job.job_id, self._context.store
        self._unkept |= {part.file_name: part for part in saved.parts}
        parts = tuple(self._unkept.values())
        try:
            await store.keep_checkpoint(job_id, saved.state, parts)
        except StateError as error:
            _log_unrecorded(job_id, "checkpoint", error)
            if not saved.supersedes:
                return
            await persist(
                f"job {job_id}", lambda: store.keep_checkpoint(job_id, saved.state, parts)
            )
        self._unkept.clear()
        self._saved.set()

    async def _publish(self) -> None:
        job_id, name = self._job.job_id, self._directory
        self._publishing = True
        output, store = self._context.output, self._context.store
        identity = await asyncio.to_thread(output.identify, job_id)
        await persist(
            f"job {job_id}",
            lambda: store.publishing(job_id, self._progress, self._parts, identity, self._note),
        )
        self._said = self._note

        async def appear() -> None:
            await asyncio.to_thread(output.publish, job_id, name, replace=self._job.overwrite)

        try:
            await self._patiently(appear)
        except NotDurableError as error:
            await self._take_back()
            raise error.why from None
        await persist(f"job {job_id}", lambda: store.done(job_id, self._now()))
        logger.info("job %s: DONE, %d rows", job_id, self._progress.rows)
        await discard(self._context, job_id)

    async def _take_back(self) -> None:
        """However long it takes: a job must not end FAILED while its set is to be seen."""
        job_id = self._job.job_id
        while True:
            try:
                await asyncio.to_thread(self._context.output.take_back, job_id, self._directory)
            except OSError as error:
                logger.warning("job %s: its set is not hidden again: %s", job_id, describe(error))
                await asyncio.sleep(_RETRY_S)
            else:
                return

    def _raise_if_stopped(self) -> None:
        if self._stopped:
            raise self._stopped

    def _log_unexpected(self, trace: str) -> str:
        error_id = new_error_id()
        logger.error("job %s: internal error %s: %s", self._job.job_id, error_id, trace)
        return f"internal error {error_id}"

    def _log_end(self, how: str, peak_bytes: int) -> None:
        logger.info(
            "job %s: worker: %s, peak %.1f MiB", self._job.job_id, how, peak_bytes / (1 << 20)
        )

    def _now(self) -> int:
        return int(self._context.now())


async def fail(context: AttemptContext, job_id: str, reason: Reason, message: str) -> None:
    """Free the job's space and commit its failure, in this order: who hears of it may count on it.

    Nothing may be working on the job.
    """
    await discard(context, job_id)
    await persist(
        f"job {job_id}", lambda: context.store.fail([job_id], reason, message, int(context.now()))
    )
    logger.info("job %s: FAILED, %s", job_id, reason)


async def discard(context: AttemptContext, job_id: str) -> None:
    """Free the job's space, however long the machine lacks what that takes."""
    while True:
        try:
            await asyncio.to_thread(context.output.discard, job_id)
        except ShortageError as error:
            logger.warning("job %s: %s", job_id, error.message)
            await asyncio.sleep(_RETRY_S)
        else:
            return


async def persist(whose: str, change: Callable[[], Awaitable[_Result]]) -> _Result:
    """Commit a change however long it takes: when the disk is full, that may be a while."""
    while True:
        try:
            return await change()
        except (StateError, sqlite3.OperationalError) as error:
            logger.warning("%s: state not recorded: %s", whose, explained(error))
            await asyncio.sleep(_RETRY_S)


def explained(error: StateError | sqlite3.OperationalError) -> str:
    """The error for the log: why, if that is known, and where it came from."""
    why = error.message if isinstance(error, StateError) else "unexpected error"
    return f"{why} ({describe(error)})"


def _log_unrecorded(job_id: str, what: str, error: StateError) -> None:
    logger.warning("job %s: %s not recorded: %s", job_id, what, explained(error))
