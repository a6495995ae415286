"""A server without its rim, whose jobs several workers may do on processes of this machine."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from myd_grpc import directories, failpoints
from myd_grpc.callers.model import ANYBODY
from myd_grpc.convert.model import NO_KEYS, Conversion, Limits
from myd_grpc.jobs.model import Job, QueuedJob, Request
from myd_grpc.jobs.publish.output_directory import OutputDirectory
from myd_grpc.jobs.run.context import AttemptContext
from myd_grpc.jobs.run.queue import JobQueue
from myd_grpc.jobs.run.recovery import Recovery
from myd_grpc.jobs.run.runner import Runner
from myd_grpc.jobs.store.store import JobStore
from myd_grpc.jobs.worker.pool import WorkerPool
from myd_grpc.options import ConvertOptions, Masking, MaskMethod, MaskRule

LIMITS = Limits(batch_records=10, rows_per_part=25)
# They change no cell, but a job tells which of them nothing matched: some match in few files.
MASKING = Masking(
    rules=tuple(MaskRule(one, MaskMethod.KEEP) for one in ("id", "x.b", "k1", "*.*.a", "x.*"))
)


class House:
    """A server without its rim: a runner, a store, and workers of which a job may have several."""

    def __init__(self, home: Path, slots: int, points: str = "") -> None:
        self.home = home
        self.data, self.output, self.state = (home / one for one in ("data", "output", "state"))
        for path in (self.data, self.output, self.state):
            path.mkdir(exist_ok=True)
        self.workers = WorkerPool({**os.environ, failpoints.VARIABLE: points}, slots=slots)
        self.workers.spreads = self.workers.may_linger = slots > 0
        self.workers.slots = abs(slots)
        self.names: tuple[str, ...] = ()
        self.announced: list[Job] = []

    def put(self, *texts: str) -> None:
        self.names = tuple(f"{number}.json" for number in range(len(texts)))
        for name, text in zip(self.names, texts, strict=True):
            (self.data / name).write_text(text)

    def _conversion(self, request: Request) -> Conversion:
        return Conversion(
            str(self.data), request.file_names, "out", request.options, LIMITS, engine="python"
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[House]:
        """The house at work; at its end it stops as a server does."""
        with directories.locked(self.output) as fd:
            self.store = JobStore(self.state, self._hear)
            output = OutputDirectory(self.output, fd)
            context = AttemptContext(
                self.store, output, self.workers, self._conversion, checkpoint_s=0.001
            )
            queue = JobQueue(lambda: self.workers.slots, 10)
            self.runner = Runner(context, queue)
            self.runner.start(await Recovery(self.store, output, 100, 1).run())
            try:
                yield self
            finally:
                await self.runner.stop(5)
                self.store.close()

    def _hear(self, changes: object) -> None:
        self.announced += [one for one in changes if isinstance(one, Job)]  # type: ignore[attr-defined]

    def last(self, job_id: str) -> Job:
        """The job as it was announced last."""
        return next(one for one in reversed(self.announced) if one.job_id == job_id)

    async def submit(
        self, job_id: str = "j", output: str = "out", *, merge: bool = False, max_rejects: int = 0
    ) -> None:
        queued = QueuedJob(job_id, "", "", output, NO_KEYS, overwrite=True, resumable=True)
        options = ConvertOptions(
            merge=merge, overwrite=True, masking=MASKING, max_rejects=max_rejects
        )
        request = Request(self.names, output, options, limits=LIMITS)
        await self.runner.submit(ANYBODY, request, None, queued)

    def lent(self) -> list[int]:
        """How many slots are lent to each job that could use one more; to the first one first."""
        lent = self.runner._spare_slots._lent
        return [number for one, number in lent.items() if one.wants_more]

    async def ended(self, job_id: str = "j") -> Job:
        while True:
            job = await self.store.get(ANYBODY, job_id)
            assert job
            if job.ended:
                return job
            await asyncio.sleep(0.005)

    async def until(self, holds: Callable[[], object]) -> None:
        """Return when something is so, of which nothing tells."""
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    async def convert(self, max_rejects: int = 0) -> Job:
        async with self.running():
            await self.submit(max_rejects=max_rejects)
            return await self.ended()


def processes() -> list[psutil.Process]:
    """The worker processes that there are."""
    return psutil.Process().children()


def text(rng: random.Random, records: int) -> str:
    return json.dumps(
        [{"id": n, "x": [{"a": n}] * rng.randrange(3), f"k{n // 50}": "글"} for n in range(records)]
    )


def texts(number: int, records: int = 60) -> list[str]:
    rng = random.Random(number)
    return [text(rng, rng.randrange(1, records)) for _ in range(number)]


def outcome(job: Job) -> tuple[object, ...]:
    """What a caller is told in the end, but for times and revisions."""
    return job.status, job.reason, job.msg, job.progress, job.tables, job.tables_total


def alone(
    house: Callable[..., House], files: Sequence[str], max_rejects: int = 0
) -> tuple[tuple[object, ...], House]:
    """What comes of the files with one worker that does them all."""
    one = house(-1, name="alone")
    one.put(*files)
    return outcome(asyncio.run(one.convert(max_rejects))), one


async def broken_off(house: House, announced: int, max_rejects: int = 0) -> None:
    """Submits a job, and stops when so much of it was announced, or it has ended."""
    async with house.running():
        await house.submit(max_rejects=max_rejects)
        await house.until(lambda: house.last("j").ended or len(house.announced) >= announced)


async def gone_on(house: House, before: House) -> Job:
    """How the job ends that another house in the same place has begun."""
    house.names = before.names
    async with house.running():
        return await house.ended()
