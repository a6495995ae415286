"""What is recorded of a job that several workers do: one progress and one checkpoint of all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from myd_grpc.convert.model import PartFile, Progress
from myd_grpc.jobs.run.eta import Eta
from myd_grpc.jobs.run.recording import JobRecorder
from myd_grpc.jobs.run.shares import Shares, joined_progress
from myd_grpc.jobs.run.shares_left import SharesLeft
from myd_grpc.jobs.worker.executor import Worker
from myd_grpc.jobs.worker.protocol import CheckpointSaved

_REPORTS_S = 0.2
_PAUSE_FACTOR = 10
"""To commit checkpoints takes at most one part in so many of the time, where nobody waits."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A worker that waits for its checkpoint to be committed, and whoever waits for that."""

    worker: Worker
    saved: CheckpointSaved
    committed: asyncio.Event


class JointRecorder:
    """Records how far the shares of a job are, of which each is replaced as it goes on.

    Reports of several workers are one report, and checkpoints that come while others are being
    committed are one commit.
    """

    def __init__(self, recorder: JobRecorder, work: SharesLeft) -> None:
        self._recorder = recorder
        self._whole, self._shares = work.whole, work.shares
        self._eta = Eta(time.monotonic)
        self._waiting: list[_Waiting] = []
        self._to_report = asyncio.Event()
        self._to_keep = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def progress(self) -> Progress:
        """How far the job is."""
        most_rejects = self._whole.conversion.options.max_rejects
        return joined_progress(self._whole.progress, self._shares, most_rejects)

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Record what is reported and kept within the block; at its end, how far the job came."""
        tasks = [asyncio.create_task(one()) for one in (self._report_always, self._keep_always)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._report()

    def report(self) -> None:
        """Have it recorded soon how far the job is."""
        self._to_report.set()

    def keep(self) -> None:
        """Have it committed soon how far each share is."""
        self._to_keep.set()

    def keep_for(self, worker: Worker, saved: CheckpointSaved, committed: asyncio.Event) -> None:
        """Have a worker's checkpoint committed, which is in its share, and the worker told."""
        self._waiting.append(_Waiting(worker, saved, committed))
        self._to_keep.set()
        if saved.supersedes:
            self._hurry.set()

    def forget(self, worker: Worker) -> None:
        """Tell a worker no more, which is at the end of its share or gone."""
        self._waiting = [one for one in self._waiting if one.worker is not worker]

    def hurry(self) -> None:
        """Commit the next checkpoints at once, as somebody waits for them."""
        self._hurry.set()

    async def keep_all(self) -> None:
        """Commit how far each share is; return when that is done, however long it takes."""
        await self._keep((), supersedes=True)

    async def _report_always(self) -> None:
        while True:
            await self._to_report.wait()
            self._to_report.clear()
            await self._recorder.say("")
            await self._report()
            await asyncio.sleep(_REPORTS_S)

    async def _report(self) -> None:
        progress = self.progress
        await self._recorder.progress(progress, self._eta.after(progress))

    async def _keep_always(self) -> None:
        while True:
            await self._to_keep.wait()
            self._to_keep.clear()
            began = time.monotonic()
            await self._keep_waiting()
            took_s = time.monotonic() - began
            with suppress(TimeoutError):
                async with asyncio.timeout(took_s * _PAUSE_FACTOR):
                    await self._hurry.wait()
            self._hurry.clear()

    async def _keep_waiting(self) -> None:
        """Commit the checkpoints that have come by now."""
        waiting = list(self._waiting)
        parts = tuple(part for one in waiting for part in one.saved.parts)
        supersedes = any(one.saved.supersedes for one in waiting)
        kept = await self._keep(parts, supersedes=supersedes)
        for one in waiting:
            if one in self._waiting:
                self._waiting.remove(one)
                if kept:
                    one.committed.set()
                await one.worker.acknowledge()

    async def _keep(self, parts: tuple[PartFile, ...], *, supersedes: bool) -> bool:
        state = Shares(self._whole.inputs, tuple(self._shares))
        text = await asyncio.to_thread(state.to_json)
        saved = CheckpointSaved(text, parts, supersedes)
        return await self._recorder.keep_checkpoint(saved, self._whole.name)
