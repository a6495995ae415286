"""One job from the worker to its published set, or to the reason why there is none."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from myd_grpc.convert.errors import ConversionError, Reason, ShortageError
from myd_grpc.convert.model import Conversion, PartFile, Progress
from myd_grpc.convert.output.naming import set_directory
from myd_grpc.jobs.manifest import Destination
from myd_grpc.jobs.model import QueuedJob, Request
from myd_grpc.jobs.publish.place import OutputPlace
from myd_grpc.jobs.run.attempt_notes import AttemptNotes
from myd_grpc.jobs.run.context import AttemptContext, fail
from myd_grpc.jobs.run.eta import Eta
from myd_grpc.jobs.run.nodes import NodeCheck
from myd_grpc.jobs.run.publication import Complete, publish
from myd_grpc.jobs.run.recording import JobRecorder
from myd_grpc.jobs.run.spare_slots import SpareSlots
from myd_grpc.jobs.worker.executor import NEW_WORKERS, Worker, WorkerDiedError
from myd_grpc.jobs.worker.protocol import (
    CheckpointRejected,
    CheckpointSaved,
    Done,
    Failed,
    Looked,
    LookTask,
    Message,
    PartsWritten,
    ProgressReported,
    Task,
)
from myd_grpc.tracebacks import describe, new_error_id

if TYPE_CHECKING:
    from myd_grpc.jobs.run.spread import Spread

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class SuspendedError(Exception):
    """The attempt is given up, and the job goes on from its checkpoint some other time."""


class Attempt:
    """One attempt at a job.

    `run` always brings the job to its end, or leaves it to the next server; it never raises. It
    calls `converted` when it needs no worker any more, if it comes to that.
    """

    def __init__(
        self,
        job: QueuedJob,
        context: AttemptContext,
        spare_slots: SpareSlots,
        converted: Callable[[], None],
    ) -> None:
        self.job = job
        self._directory = set_directory(job.name)
        self._context = context
        self._recorder = JobRecorder(context.store, job.job_id)
        self._spare_slots = spare_slots
        self._converted = converted
        self._worker: Worker | None = None
        self._lending: asyncio.Task[Worker] | None = None
        self._spread: Spread | None = None  # where several workers do it
        self._stopped: ConversionError | SuspendedError | None = None
        self._publishing = False
        self._progress = Progress()
        self._eta = Eta(time.monotonic)
        self._output_checked = False
        self._saved = asyncio.Event()
        self._parts: list[PartFile] = []
        self._name = ""  # of the try at hand, where each has a staging directory of its own
        self._destination: Destination | None = None  # of the try at hand
        self._uploaded = ""
        self._note = ""
        self._notes: AttemptNotes | None = None  # of the task at hand
        self._looked = Looked(Progress(), (), 0)

    @property
    def publishing(self) -> bool:
        """Whether its set is being published, or was."""
        return self._publishing

    @property
    def resumable(self) -> bool:
        """Whether the next server can go on with the job."""
        return self.job.resumable

    async def run(self) -> None:
        """Convert, publish, and commit the end."""
        ending = asyncio.create_task(self._end_in_time())
        try:
            await self._run()
        finally:
            ending.cancel()
            self._recorder.close()

    async def _end_in_time(self) -> None:
        if most_s := self._context.most_s:
            await asyncio.sleep(most_s)
            too_long = f"the job has worked for {most_s} s, which is as long as it may"
            await self.stop(Reason.LIMIT_EXCEEDED, f"{too_long} (MYD_MAX_JOB_SECONDS)")

    async def _run(self) -> None:
        job_id = self.job.job_id
        try:
            await self._convert()
            await self._publish()
        except SuspendedError:
            logger.info("job %s: suspended at %d bytes", job_id, self._progress.bytes_read)
        except ConversionError as error:
            await fail(self._context, self.job, error.reason, error.message)
        except Exception as error:  # noqa: BLE001 - a job must not stay WORKING, whatever happens
            await fail(
                self._context, self.job, Reason.INTERNAL, self._log_unexpected(describe(error))
            )

    async def stop(self, reason: Reason, message: str) -> None:
        """End the job for that reason, unless its set is being published already."""
        await self._stop(ConversionError(reason, message))

    async def suspend(self, patience_s: float) -> None:
        """Let go of the job at a checkpoint, unless its set is being published already.

        A checkpoint that takes longer than that is not waited for: the one before will do.
        """
        if self._spread and not self._publishing:
            await self._spread.save_now(patience_s)
        elif self._worker and not self._publishing:
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
        has_failed = isinstance(why, ConversionError)
        if self._spread:
            self._spread.end(for_good=has_failed)
        elif self._worker:
            if has_failed:
                self._worker.forget_staged()
            await self._worker.end()
        elif self._lending and self._context.workers.may_linger:
            self._lending.cancel()  # a cluster may have no free slot for long

    def _raise_if_stopped(self) -> None:
        if self._stopped:
            raise self._stopped

    async def _while_short(self, step: Callable[[], Awaitable[_Result]]) -> _Result:
        """Do it again as long as the machine lacks something, until the attempt is given up."""

        async def unless_stopped() -> _Result:
            self._raise_if_stopped()
            return await step()

        return await self._recorder.while_short(unless_stopped)

    # In a worker

    async def _convert(self) -> None:
        self._raise_if_stopped()
        # A power cut that takes this back has the job wait for a worker, as a restart does. But who
        # lingers elsewhere may have outlived that, and must be known to have been there.
        durable = self._context.workers.may_linger
        if not await self._recorder.start(self._now(), durable=durable):
            raise ConversionError(Reason.INTERNAL, "the job was not waiting")
        if self._context.workers.spreads:
            request, _ = await self._recorder.work()
            if request and _may_spread(request):
                await self._spread_out(request)
                return
        await self._with_new_workers(self._in_worker)

    async def _with_new_workers(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do it with another worker where one dies."""
        for left in reversed(range(NEW_WORKERS + 1)):
            try:
                await self._while_short(step)
            except WorkerDiedError as error:
                if not left:
                    raise error.last() from None
                logger.warning("job %s: %s; another one goes on", self.job.job_id, error.message)
            else:
                return

    async def _in_worker(self) -> None:
        task = await self._task()
        try:
            async with AsyncExitStack() as stack:
                self._worker = await self._lent(stack)
                await self._work(self._worker, task)
        finally:
            self._saved.set()
        self._raise_if_stopped()

    async def _lent(self, stack: AsyncExitStack) -> Worker:
        """A worker, for as long as the stack has it, unless the attempt is given up before."""
        lending = stack.enter_async_context(self._context.workers.lend(self.job.owner))
        self._lending = asyncio.create_task(lending)
        try:
            return await self._lending
        except asyncio.CancelledError:
            self._raise_if_stopped()
            raise
        finally:
            self._lending = None

    async def _work(self, worker: Worker, task: Task | LookTask) -> None:
        try:
            self._raise_if_stopped()
            await self._follow(worker, task)
        except WorkerDiedError:
            self._raise_if_stopped()  # it died because it was told to
            raise
        finally:
            self._worker = None  # from here on it may be another job's

    async def _task(self) -> Task:
        """What a worker is to do. It is not kept while a job waits: there may be many files."""
        job = self.job
        self._name = secrets.token_hex(4) if self._context.workers.may_linger else ""
        request, checkpoint = await self._recorder.work()
        if request is None:
            raise ConversionError(Reason.INTERNAL, "the job was not working")
        self._notes = AttemptNotes(request)
        if checkpoint:
            logger.info("job %s: goes on from its checkpoint", job.job_id)
        self._destination = self._context.destination(job, secrets.token_hex(4))
        await self._make_directory()
        return Task(
            job.job_id,
            await self._context.conversion(request),
            self._context.staging(job, self._name),
            job.keys,
            checkpoint.state if checkpoint else None,
            self._context.checkpoint_s,
            self._context.staging(job, checkpoint.attempt)
            if checkpoint and checkpoint.attempt != self._name
            else None,
            self._destination,
        )

    async def _make_directory(self) -> None:
        if directory := self.job.output_dir:
            await asyncio.to_thread(self._context.output.make, directory)

    async def _follow(self, worker: Worker, task: Task | LookTask) -> None:
        """Have the worker do the task, and act on each of its messages."""
        self._eta = Eta(time.monotonic)
        self._parts.clear()
        node = NodeCheck(worker, task) if self._context.workers.may_linger else None
        async for message in worker.work(task):
            if node:
                await node.check(message)
            await self._handle(message, worker)

    async def _handle(self, message: Message, worker: Worker) -> None:
        match message:
            case ProgressReported(progress):
                await self._check_output(progress)
                self._progress = progress
                await self._recorder.say("")
                await self._recorder.progress(progress, self._eta.after(progress))
            case CheckpointSaved():
                if await self._recorder.keep_checkpoint(message, self._name):
                    self._saved.set()
                await worker.acknowledge()
            case CheckpointRejected():
                job_id = self.job.job_id
                logger.warning("job %s: its checkpoint does not fit; from the start", job_id)
                await self._recorder.drop_checkpoint()
                await worker.acknowledge()
            case PartsWritten(parts):
                self._parts.extend(parts)
            case Looked():
                self._looked = message
            case Done(progress, notes, unmatched, peak_bytes, uploaded):
                self._progress = progress
                self._take_notes(notes, unmatched)
                self._uploaded = uploaded
                self._recorder.log_end("converted", peak_bytes)
            case Failed(reason, text, trace, peak_bytes, passing):
                await self._recorder.failing()
                self._recorder.log_end(f"{reason} {trace}".rstrip(), peak_bytes, passing=passing)
                raise (ShortageError if passing else ConversionError)(reason, text)

    def _take_notes(self, notes: Sequence[str], unmatched: Sequence[int]) -> None:
        """Keep what the caller is to be told, and tell the operator of the preset."""
        if self._notes is None:
            return
        self._note = self._notes.to_caller(self._progress.rejects, notes, unmatched)
        if told := self._notes.to_operator(unmatched):
            logger.warning("job %s: %s", self.job.job_id, told)

    async def _check_output(self, progress: Progress) -> None:
        """Fail at once where the set cannot be published, rather than after an hour of work."""
        if self._output_checked:
            return
        self._output_checked = True
        bytes_left = progress.bytes_total - progress.bytes_read
        wanted = bytes_left * self._context.space_percent // 100
        await self._in_output(lambda output: output.check(self._directory, wanted))

    # In several workers

    async def _spread_out(self, request: Request) -> None:
        """Have a worker look at all files, and then as many convert them as there are."""
        # Not needed where one worker does it all.
        from myd_grpc.jobs.run.shares import joined_made  # noqa: PLC0415
        from myd_grpc.jobs.run.shares_left import join, shares_left  # noqa: PLC0415
        from myd_grpc.jobs.run.spread import Spread  # noqa: PLC0415

        conversion = await self._context.conversion(request)
        await self._with_new_workers(partial(self._look, conversion))
        left = await self._while_short(
            lambda: shares_left(self.job, self._context, self._recorder, conversion, self._looked)
        )
        self._raise_if_stopped()
        self._spread = Spread(self.job, self._context, self._recorder, self._spare_slots, left)
        await self._spread.run()
        self._raise_if_stopped()
        self._name = left.whole.name
        # Another name than before: shares may have been done again since, and be elsewhere.
        self._destination = self._context.destination(self.job, secrets.token_hex(4))
        self._progress = self._spread.progress
        self._notes = AttemptNotes(request)
        made = joined_made(left.shares)
        self._parts = list(made.parts)
        self._take_notes(made.notes, made.unmatched)
        joined = partial(join, self.job, left, self._staged_by)
        self._uploaded = await self._while_short(lambda: self._in_output(joined))
        self._raise_if_stopped()

    async def _look(self, conversion: Conversion) -> None:
        await self._make_directory()
        try:
            async with AsyncExitStack() as stack:
                self._worker = await self._lent(stack)
                await self._work(self._worker, LookTask(conversion, self.job.keys))
        finally:
            self._saved.set()  # for whoever waits: there is nothing to be saved
        self._raise_if_stopped()
        await self._check_output(self._looked.progress)

    # In the output directory

    async def _in_output(self, act: Callable[[OutputPlace], _Result]) -> _Result:
        """What `act` makes, in a thread, of the directory in which the job's set is to be."""
        return await self._context.in_output(self.job, act)

    async def _publish(self) -> None:
        self._publishing = True
        self._converted()
        made = Complete(
            self._staged_by, self._uploaded, self._progress, tuple(self._parts), self._note
        )
        await publish(self.job, self._context, self._recorder, made)

    @property
    def _staged_by(self) -> str:
        """The name of the attempt by which the set is staged."""
        return self._destination.attempt if self._destination else self._name

    def _log_unexpected(self, trace: str) -> str:
        error_id = new_error_id()
        logger.error("job %s: internal error %s: %s", self.job.job_id, error_id, trace)
        return f"internal error {error_id}"

    def _now(self) -> int:
        return int(self._context.now())


def _may_spread(request: Request) -> bool:
    """Whether the files of a job are sets of their own, which several workers can do."""
    return not request.options.merge and len(request.file_names) > 1
