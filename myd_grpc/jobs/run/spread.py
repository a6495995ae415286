"""The files of one job on several workers: a share of them at a time on each.

Whatever there is of it at any time is one job's: its progress is the sum of all shares', its
checkpoint holds where each is, and its failure is that of the first file, in their order, which
fails, if need be with what the files before it have left of the records that may be left out
(`shared_rejects`). So nobody can tell by its outcome how many workers did it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from msgspec import structs

from myd_grpc.convert.errors import ConversionError, ShortageError
from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.jobs.model import QueuedJob
from myd_grpc.jobs.run.context import AttemptContext
from myd_grpc.jobs.run.joint_recorder import JointRecorder
from myd_grpc.jobs.run.nodes import NodeCheck
from myd_grpc.jobs.run.recording import JobRecorder, pause
from myd_grpc.jobs.run.shared_rejects import TooManyRejectsError, first_beyond, to_do_again
from myd_grpc.jobs.run.shares import Made, Share, longest_first
from myd_grpc.jobs.run.shares_left import SharesLeft
from myd_grpc.jobs.run.spare_slots import SpareSlots
from myd_grpc.jobs.store.statements import WAITS
from myd_grpc.jobs.worker.executor import NEW_WORKERS, Worker, WorkerDiedError
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

logger = logging.getLogger(__name__)

_LETS_GO_S = 5.0
"""Seconds that a worker has for a checkpoint before its slot is another job's."""


@dataclass(eq=False, slots=True)
class _Lane:
    """One worker after another, each for one share; `worker` and `share` (its number) are at hand.

    `saved` is set when a checkpoint is committed that was asked for, or none can come any more.
    What its worker lacked last, it is taken to lack until a share is made. `is_done` when there is
    no next share for it.
    """

    task: asyncio.Task[None] | None = None
    worker: Worker | None = None
    share: int = -1
    is_short: bool = False
    is_done: bool = False
    saved: asyncio.Event = field(default_factory=asyncio.Event)
    letting_go: asyncio.Task[None] | None = None


class Spread:
    """Does the shares of one job, on its own slot and on those that are to spare.

    A `Borrower` of slots.
    """

    def __init__(
        self,
        job: QueuedJob,
        context: AttemptContext,
        recorder: JobRecorder,
        spare_slots: SpareSlots,
        work: SharesLeft,
    ) -> None:
        self.shares = work.shares
        self._job = job
        self._context = context
        self._recorder = recorder
        self._joint = JointRecorder(recorder, work)
        self._spare_slots = spare_slots
        self._whole = work.whole
        self._most_rejects = work.whole.conversion.options.max_rejects
        self._left = list[int]()
        self._deaths: Counter[int] = Counter()
        self._failures: dict[int, BaseException] = {}
        self._failure: BaseException | None = None  # the job's
        self._lanes: list[_Lane] = []
        self._ended = False
        self._for_good = False
        self._changed = asyncio.Event()

    @property
    def progress(self) -> Progress:
        """How far the job is."""
        return self._joint.progress

    @property
    def leaving(self) -> int:
        """See `Borrower`."""
        return sum(_ends(lane) for lane in self._lanes)

    @property
    def wants_more(self) -> bool:
        """See `Borrower`."""
        free = sum(lane.share < 0 and not _ends(lane) for lane in self._lanes)
        return len(self._left) > free

    async def run(self) -> None:
        """Return when all shares are made, and that is committed; or when it was ended.

        Raises what one worker would have met first.
        """
        async with self._joint.recording():
            self._spare_slots.join(self)
            self._watch_rejects()
            try:
                while not self._ended and self._has_next():
                    await self._run_lanes()
            finally:
                if self._for_good:
                    _forget_staged(self._lanes)
                await _cancel([lane.task for lane in self._lanes if lane.task])
                self._spare_slots.leave(self)
        if self._failure:
            raise self._failure
        if not self._ended:
            await self._joint.keep_all()  # what is put together fits none that is older

    async def save_now(self, patience_s: float) -> None:
        """Have every worker save a checkpoint, unless one takes longer than that."""
        self._joint.hurry()
        await asyncio.gather(*(_save(lane, patience_s) for lane in list(self._lanes)))

    def end(self, *, for_good: bool) -> None:
        """Have `run` come to its end, whatever the workers do; `for_good` if nothing is gone on."""
        self._ended = True
        self._for_good = for_good
        self._changed.set()

    def offer(self) -> None:
        """See `Borrower`."""
        self._changed.set()

    def give_way(self) -> None:
        """See `Borrower`; the share is gone on with later."""
        lane = next(one for one in reversed(self._lanes) if not _ends(one))
        self._joint.hurry()
        lane.letting_go = asyncio.create_task(_let_go(lane))

    # Workers

    def _has_next(self) -> bool:
        """Whether shares are left: those before the first that fails, and then maybe that one."""
        first = min(self._failures, default=len(self.shares))
        inputs = self._whole.inputs
        self._left = [one for one in longest_first(self.shares, inputs) if one < first]
        if not self._left and self._failures:
            self._fail_or_do_again(first)
        return bool(self._left)

    def _fail_or_do_again(self, number: int) -> None:
        """Take it that the job fails as a share did, unless that has to be found out anew."""
        failure = self._failures.pop(number)
        if again := to_do_again(self.shares, number):
            self.shares[number] = again
            self._left = [number]
        else:
            self._failure = failure

    async def _run_lanes(self) -> None:
        while not self._ended and (self._left or self._lanes):
            self._open_lanes()
            await self._changed.wait()
            self._changed.clear()

    def _open_lanes(self) -> None:
        """Have as many workers as there are slots for, while there are shares for them."""
        while True:
            if not self.wants_more or (self._lanes and not self._spare_slots.take(self)):
                return
            lane = _Lane()
            self._lanes.append(lane)
            lane.task = asyncio.create_task(self._work(lane))
            lane.task.add_done_callback(partial(self._close, lane))

    def _close(self, lane: _Lane, task: asyncio.Task[None]) -> None:
        """Let go of a worker's slot; the last one's is the job's own."""
        self._lanes.remove(lane)
        if not task.cancelled() and (error := task.exception()):
            self._fail(0, error)
        self._changed.set()
        if self._lanes:
            self._spare_slots.give_back(self)

    async def _work(self, lane: _Lane) -> None:
        """Do one share after another, until the slot is another job's."""
        while self._left and lane.letting_go is None and not self._spare_slots.has_too_many(self):
            try:
                async with self._context.workers.lend(self._job.owner) as worker:
                    if self._left:  # another may have taken it meanwhile
                        await self._do_next(lane, worker)
            except ShortageError as error:
                lane.is_short = True
                if all(one.is_short or one.worker is None for one in self._lanes):
                    await self._recorder.say(f"{WAITS}: {error.message}")
                await pause()
        lane.is_done = True

    async def _do_next(self, lane: _Lane, worker: Worker) -> None:
        number = lane.share = self._left.pop(0)
        lane.worker = worker
        lane.saved.clear()
        try:
            await self._follow(lane, worker, number)
        except WorkerDiedError as error:
            self._deaths[number] += 1
            if self._deaths[number] > NEW_WORKERS:
                self._fail(number, error.last())
            else:
                logger.warning("job %s: %s; another one goes on", self._job.job_id, error.message)
        except ShortageError:
            raise
        except ConversionError as error:
            self._fail(number, error)
        finally:
            lane.worker, lane.share = None, -1
            lane.saved.set()
            self._joint.forget(worker)
            self._put_back(number)

    def _put_back(self, number: int) -> None:
        """Let a share be gone on with, unless it is made, or does not matter any more."""
        if self.shares[number].made is None and number < min(self._failures, default=number + 1):
            self._left.insert(0, number)

    def _fail(self, number: int, error: BaseException) -> None:
        """Take it that the share fails; those before it go on, as they may fail before it."""
        self._failures.setdefault(number, error)
        self._give_up(min(self._failures) + 1)

    def _watch_rejects(self) -> None:
        """Have no share gone on with that has to be done again, or does not matter any more."""
        number = first_beyond(self.shares, self._most_rejects)
        if number is not None and number < min(self._failures, default=number + 1):
            self._failures[number] = TooManyRejectsError()
            self._give_up(number)

    def _give_up(self, first: int) -> None:
        """Do no share from that one on."""
        self._left = [one for one in self._left if one < first]
        given_up = [lane for lane in self._lanes if lane.share >= first]
        _forget_staged(given_up)
        for lane in given_up:
            if lane.task:
                lane.task.cancel()

    # One share

    def _task(self, share: Share, name: str) -> Task:
        whole, files = self._whole, slice(share.first, share.end)
        conversion = replace(
            whole.conversion,
            file_names=whole.conversion.file_names[files],
            set_directories=whole.conversion.set_directories[files],
            rejects_before=share.rejects_before,
        )
        return Task(
            self._job.job_id,
            conversion,
            self._context.staging(self._job, name),
            self._job.keys,
            share.state,
            self._context.checkpoint_s,
            self._context.staging(self._job, share.attempt) if share.state else None,
            self._context.destination(self._job, name),
            inputs=whole.inputs[files],
        )

    async def _follow(self, lane: _Lane, worker: Worker, number: int) -> None:
        """Have a worker do what is left of a share, in a staging directory of its own."""
        name, parts = secrets.token_hex(4), list[PartFile]()
        task = self._task(self.shares[number], name)
        node = NodeCheck(worker, task)
        async for message in worker.work(task):
            await node.check(message)
            match message:
                case PartsWritten(some):
                    parts += some
                case Done(progress, notes, unmatched, peak_bytes, uploaded):
                    made = Made(tuple(parts), notes, unmatched, uploaded)
                    self._change(number, attempt=name, state=None, made=made, progress=progress)
                    self._joint.keep()
                    lane.is_short = False
                    self._recorder.log_end("converted", peak_bytes)
                case Failed(reason, text, trace, peak_bytes, passing):
                    self._recorder.log_end(
                        f"{reason} {trace}".rstrip(), peak_bytes, passing=passing
                    )
                    raise (ShortageError if passing else ConversionError)(reason, text)
                case _:
                    await self._handle(message, lane, worker, number, name)

    async def _handle(
        self, message: Message, lane: _Lane, worker: Worker, number: int, name: str
    ) -> None:
        match message:
            case ProgressReported(progress):
                self._change(number, progress=progress)
            case CheckpointSaved(state):
                self._change(number, attempt=name, state=state)
                self._joint.keep_for(worker, message, lane.saved)
            case CheckpointRejected():
                job_id = self._job.job_id
                logger.warning("job %s: a checkpoint does not fit; from the start of it", job_id)
                self._change(number, attempt="", state=None)
                await worker.acknowledge()

    def _change(self, number: int, **changes: object) -> None:
        before = self.shares[number]
        self.shares[number] = structs.replace(before, **changes)
        if self.shares[number].progress.rejects > before.progress.rejects:
            self._watch_rejects()
        self._joint.report()


def _ends(lane: _Lane) -> bool:
    """Whether its slot is about to be given back."""
    return lane.is_done or lane.letting_go is not None


def _forget_staged(lanes: Iterable[_Lane]) -> None:
    """Take it that nobody goes on from what the workers of these have staged."""
    for lane in lanes:
        if lane.worker:
            lane.worker.forget_staged()


async def _save(lane: _Lane, patience_s: float) -> None:
    """Have what is at work in a lane save a checkpoint, unless that takes longer."""
    if worker := lane.worker:
        lane.saved.clear()
        await worker.save_now()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await lane.saved.wait()


async def _let_go(lane: _Lane) -> None:
    await _save(lane, _LETS_GO_S)
    if lane.task:
        lane.task.cancel()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel these, and return when they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
